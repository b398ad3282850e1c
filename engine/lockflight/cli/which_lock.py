"""The lock that a command is about: the one that was named, or the current one of the manifest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

# The same as config.DEFAULT_LOCK, which cannot be read without loading the models.
CURRENT = "locks/current.yaml"


def add_lock_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lock", nargs="?", metavar="LOCK", help=f"the lock file; {CURRENT} by default")


def lock_path(context: Context, given: str | None) -> tuple[Path, str]:
    """The file, and what it is called in messages."""
    if given is not None:
        return context.path(given), given
    for folder in (context.folder, *context.folder.parents):
        if (folder / "lockflight.yaml").is_file():
            path = folder / CURRENT
            return path, str(path.relative_to(context.folder)) if folder == context.folder else str(path)
    return context.folder / CURRENT, CURRENT


def load_lock(context: Context, given: str | None) -> tuple[Lock, str]:
    """The lock itself, its id proven, and what it is called in messages."""
    from lockflight.locks.file import read_lock

    path, called = lock_path(context, given)
    return read_lock(path, called=called), called
