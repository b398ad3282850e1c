"""What `doctor` looks at, one file per kind; `run.CHECKS` lists them all."""
