"""The exact command lines of `docker stack`. Pure."""

from __future__ import annotations

# The file comes by stdin: what may hold values of secrets never lies on a disk or in the process list.
_STDIN = ("--compose-file", "-")


def deploy(program: str, stack: str) -> list[str]:
    """Services that are not in the file stay, and images are named by digest already."""
    options = ["--with-registry-auth", "--prune=false", "--resolve-image", "never"]
    return [program, "stack", "deploy", *options, *_STDIN, stack]


def check(program: str) -> list[str]:
    """Reads a file as `deploy` does, and changes nothing; the engine is not asked."""
    return [program, "stack", "config", *_STDIN]
