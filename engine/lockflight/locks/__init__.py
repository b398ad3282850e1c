"""The lock: one immutable file that names every service's exact build."""
