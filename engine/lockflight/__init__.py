"""lockflight lifts one lock of exact builds from a pull request to production, gate by gate."""

__version__ = "0.1.0"
