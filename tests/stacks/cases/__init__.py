"""Real-looking compose projects, one to a file, and how a test reads them."""
