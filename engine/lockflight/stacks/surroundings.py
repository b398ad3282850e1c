"""What a stack is made from and where it runs; the connected engine of a command, as the stages see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockflight.config import Manifest, Stack
from lockflight.errors import InputError
from lockflight.places import MANIFEST, OWN, stack_folder
from lockflight.ports.clock import Clock
from lockflight.ports.git import Git
from lockflight.ports.stack_engine import StackEngine


@dataclass(frozen=True)
class Surroundings:
    """A repository with its manifest, and the worlds that a stack needs."""

    root: Path
    manifest: Manifest
    environment: Mapping[str, str]
    git: Git
    engine: StackEngine
    clock: Clock

    @property
    def stack(self) -> Stack:
        if self.manifest.stack is None:
            raise InputError(
                f"{MANIFEST} names no stack, so there is nothing to run",
                hint="list the compose files under 'stack: {files: […]}'",
            )
        return self.manifest.stack

    def artifacts_of(self, stack: str) -> Path:
        """Where logs, output and reports of a test go unless somebody wants them elsewhere."""
        return self.root / OWN / "artifacts" / stack

    def folder_of(self, stack: str) -> Path:
        """Where lockflight keeps what it writes for a stack; git is told to ignore it."""
        return stack_folder(self.root, stack)
