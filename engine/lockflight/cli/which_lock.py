"""The lock that a command is about: the one that was named, or the current one of the manifest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import InputError, Place

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

# The same as config.DEFAULT_LOCK, which cannot be read without loading the models.
CURRENT = "locks/current.yaml"


def add_lock_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lock", nargs="?", metavar="LOCK", help=f"the lock file; {CURRENT} by default")


def lock_path(context: Context, given: str | None) -> tuple[Path, str]:
    """The file, which is there, and what it is called in messages."""
    if given is not None:
        return existing(context.path(given), given)
    for folder in (context.folder, *context.folder.parents):
        if (folder / "lockflight.yaml").is_file():
            path = folder / CURRENT
            called = path.relative_to(context.folder) if folder == context.folder else path
            return existing(path, str(called))
    return existing(context.folder / CURRENT, CURRENT)


def existing(path: Path, called: str) -> tuple[Path, str]:
    """The same, once it is known that there is a lock to speak of."""
    if not path.exists():
        hint = "'lockflight lock' makes it" if called.endswith(CURRENT) else "is this the right folder?"
        raise InputError("there is no such lock", place=Place(called), hint=hint)
    return path, called


def load_lock(context: Context, given: str | None) -> tuple[Lock, str]:
    """The lock itself, its id proven, and what it is called in messages."""
    from lockflight.locks.file import read_lock

    path, called = lock_path(context, given)
    return read_lock(path, called=called), called
