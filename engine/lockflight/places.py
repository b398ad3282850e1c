"""Where things of a repository are, for those who must know it before anything heavy is loaded."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from lockflight.errors import InputError, Place

MANIFEST = "lockflight.yaml"
# The lock that a manifest's folder holds.
CURRENT = "locks/current.yaml"
# What lockflight keeps for itself; git is told to ignore it.
OWN = ".lockflight"


def manifest_folder(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, that holds a manifest; None where there is none.

    Something else of that name is an `InputError`: whoever put it there meant it as the manifest.
    """
    for folder in (start, *start.parents):
        # Path.is_file raises where a folder may not be looked into; such a folder just holds no manifest of ours.
        if os.path.isfile(folder / MANIFEST):  # noqa: PTH113
            return folder
        if os.path.lexists(folder / MANIFEST):
            shown = MANIFEST if folder == start else str(folder / MANIFEST)
            raise InputError(
                f"is {_kind(folder / MANIFEST)}, and the manifest must be a file", place=Place(shown)
            )
    return None


def _kind(path: Path) -> str:
    """What stands at a place where a file was expected."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link that leads nowhere"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads round in a circle"
        return f"a link that cannot be followed ({error.strerror})"
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def stack_folder(root: Path, stack: str) -> Path:
    """Where lockflight keeps what it writes for a stack."""
    return root / OWN / "stacks" / stack
