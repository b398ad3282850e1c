"""The files that `init` is to write: planned whole, looked at, then written; never over another's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lockflight.errors import InputError, OutsideError, Place, Problem
from lockflight.files import write_atomically


class Action(StrEnum):
    CREATE = "create"
    OVERWRITE = "overwrite"
    KEEP = "keep"  # it holds exactly this text already


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file to be written, and what that does to what is there."""

    path: str
    text: str
    action: Action


def plan(root: Path, texts: Sequence[tuple[str, str]]) -> tuple[PlannedFile, ...]:
    """Look at what is there; changes nothing."""
    return tuple(PlannedFile(path, text, _action(root / path, text)) for path, text in texts)


def _action(path: Path, text: str) -> Action:
    if not path.exists() and not path.is_symlink():
        return Action.CREATE
    try:
        return Action.KEEP if path.read_bytes() == text.encode() else Action.OVERWRITE
    except OSError:
        return Action.OVERWRITE


def refuse_overwriting(files: Sequence[PlannedFile]) -> None:
    """Before anything is written, so that either all files are or none."""
    problems = [
        Problem("exists already, and is not overwritten", Place(file.path), "--force overwrites it")
        for file in files
        if file.action is Action.OVERWRITE
    ]
    if problems:
        raise InputError(problems)


def write(root: Path, files: Sequence[PlannedFile]) -> None:
    """Carry the plan out."""
    for file in files:
        path = root / file.path
        if not path.resolve().is_relative_to(root.resolve()):
            raise OutsideError("leaves the repository through a symbolic link", place=Place(file.path))
        write_atomically(path, file.text)
