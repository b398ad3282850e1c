"""A check, what it answers, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lockflight.config import Manifest
from lockflight.ports.clock import Clock
from lockflight.ports.git import Git
from lockflight.ports.registry import Registry


class State(StrEnum):
    OK = "ok"
    MISSING = "missing"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of the answer: what was looked at, how it is, what was found, and what to do about it."""

    name: str
    state: State
    found: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the checks look. `manifest` is None where there is none, or none that can be read."""

    folder: Path
    environment: Mapping[str, str]
    cache: Path
    git: Git
    clock: Clock
    open_registry: Callable[[], Registry]
    credentials: Callable[[str], str]  # where those for a registry come from
    manifest: Manifest | None = None
    manifest_state: Checked | None = None
    on_terminal: bool = False

    @property
    def has_stack(self) -> bool:
        return self.manifest is not None and self.manifest.stack is not None


Check = Callable[[Surroundings], Iterable[Checked]]


def ok(name: str, found: str) -> Checked:
    return Checked(name, State.OK, found)


def missing(name: str, found: str, advice: str | None = None) -> Checked:
    return Checked(name, State.MISSING, found, advice)


def note(name: str, found: str, advice: str | None = None) -> Checked:
    return Checked(name, State.NOTE, found, advice)
