"""The lock that a command is about: the one that was named, or the current one of the manifest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import InputError, Place
from lockflight.places import CURRENT as CURRENT
from lockflight.places import manifest_folder

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


def add_lock_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lock", nargs="?", metavar="LOCK", help=f"the lock file; {CURRENT} by default")


def lock_path(context: Context, given: str | None) -> tuple[Path, str]:
    """The file, which is there, and what it is called in messages."""
    if given is not None:
        return existing(context.path(given), given)
    folder = manifest_folder(context.folder)
    if folder is None or folder == context.folder:
        return existing(context.folder / CURRENT, CURRENT)
    return existing(folder / CURRENT, str(folder / CURRENT))


def existing(path: Path, called: str) -> tuple[Path, str]:
    """The same, once it is known that there is a lock to speak of."""
    if not is_there(path):
        hint = "'lockflight lock' makes it" if called.endswith(CURRENT) else "is this the right folder?"
        raise InputError("there is no such lock", place=Place(called), hint=hint)
    return path, called


def is_there(path: Path) -> bool:
    """What may not be looked at may well be there; reading it will say why it cannot be read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def load_lock(context: Context, given: str | None) -> tuple[Lock, str]:
    """The lock itself, its id proven, and what it is called in messages."""
    from lockflight.locks.file import read_lock

    path, called = lock_path(context, given)
    return read_lock(path, called=called), called
