"""Choosing the one name and tag that a lock shows, among all that a build was pushed under."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lockflight import names
from lockflight.names import ImageReference

# Seven is git's own shortest abbreviation; fewer digits are a word or a number as often as not.
_HEXADECIMAL = re.compile(r"[0-9a-f]{7,64}")
_MOVING = frozenset({"latest", "edge", "nightly", "main", "master", "stable", "dev"})


def choose(references: Iterable[ImageReference], commit: str | None) -> ImageReference | None:
    """The reference whose tag says most about the commit; the first of those that say equally much."""
    return max(references, key=lambda reference: _says(reference.tag, commit), default=None)


def holds_commit(tag: str, commit: str) -> bool:
    """Whether a tag holds the commit or its leading digits: `main-7ef65d6` does."""
    return _digits_of(tag, commit) > 0


def _says(tag: str | None, commit: str | None) -> tuple[int, int]:
    """How much a tag says: digits of the commit, then a commit of any kind, a fixed tag, a moving one."""
    if tag is None:
        return (0, 0)
    digits = _digits_of(tag, commit) if commit else 0
    if names.is_commit(tag) and not commit:
        return (digits, 3)
    return (digits, 1 if tag in _MOVING else 2)


def _digits_of(tag: str, commit: str) -> int:
    """How many leading digits of the commit stand in the tag; 0 where it only looks like them."""
    return max((len(run) for run in _HEXADECIMAL.findall(tag) if commit.startswith(run)), default=0)
