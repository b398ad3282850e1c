"""The demo: the whole flight on this machine, with real git, a real registry and really built images."""
