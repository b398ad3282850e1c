"""Getting started: what `init` writes from what it finds, and what `doctor` says is missing."""
