"""The machine itself: Python, room for the cache, and who is listening."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from lockflight import __version__
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok

_OLDEST_PYTHON = (3, 11)
# The cache holds digests and small manifests: a few kilobytes for each image that was ever looked at.
_LEAST_ROOM = 50_000_000


def python(_: Surroundings) -> Iterator[Checked]:
    found = f"Python {platform.python_version()} at {sys.executable}, lockflight {__version__}"
    if sys.version_info < _OLDEST_PYTHON:
        yield missing("python", found, "install Python 3.11 or newer")
    else:
        yield ok("python", found)


def room(surroundings: Surroundings) -> Iterator[Checked]:
    existing = _nearest_existing(surroundings.cache)
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        yield note("cache", f"{surroundings.cache} cannot be looked at: {error.strerror}")
        return
    found = f"{surroundings.cache}, {_in_words(free)} free"
    if free < _LEAST_ROOM:
        yield missing("cache", found, f"make room on the disk of {existing}, or set XDG_CACHE_HOME")
    else:
        yield ok("cache", found)


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _in_words(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def listener(surroundings: Surroundings) -> Iterator[Checked]:
    """For whom output is made: it differs, and a person who compares two runs wants to know why."""
    environment = surroundings.environment
    facts = ["on a terminal" if surroundings.on_terminal else "not on a terminal"]
    if environment.get("GITHUB_ACTIONS") == "true":
        facts.append("in GitHub Actions")
    elif environment.get("CI"):
        facts.append("in CI")
    facts += [f"{name} is set" for name in ("NO_COLOR",) if name in environment]
    yield ok("output", ", ".join(facts))
