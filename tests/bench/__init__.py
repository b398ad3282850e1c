"""The benchmark that `make bench` runs: lockflight beside its peers, in ratios."""
