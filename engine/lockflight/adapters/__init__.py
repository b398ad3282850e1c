"""One module per real thing outside the process. Only `wiring` imports from here."""
