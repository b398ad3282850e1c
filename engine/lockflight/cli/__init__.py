"""The command line: a file per command, each thin."""
