"""The stack: a lock made to run with docker compose on one machine, for system tests."""
