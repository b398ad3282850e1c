"""Reading the files of one project: each once, remembered by role, named for messages."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lockflight.compose_files.dotenv import read_env_files
from lockflight.compose_files.tree import NOWHERE, Section, interpolated, unset_warning
from lockflight.compose_files.variables import Known, Origin, Scope
from lockflight.errors import InputError, Place, Problem
from lockflight.yaml_source import Document, read_document

_REMOTE = re.compile(r"[a-z]+://|git@|github\.com/|.*\.git(?:#|$)")


class Role(StrEnum):
    """What a file is to the project."""

    COMPOSE = "compose file"
    INCLUDE = "included compose file"
    EXTENDS = "compose file extended from"
    PROJECT_ENV = "env file for interpolation"
    SERVICE_ENV = "env file of a service"
    LABELS = "label file of a service"
    CONFIG = "config"
    BIND = "bind mount"
    SECRET = "secret"  # noqa: S105 -- the role of a file, not a password


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file or folder of the project. `inside` says whether it lies in the repository's folder, links
    followed; what lies outside, and what is a secret, is never to be fingerprinted."""

    path: Path
    role: Role
    place: Place
    inside: bool
    exists: bool


@dataclass(slots=True)
class Reader:
    """Reads compose files and env files, and remembers which."""

    root: Path
    files: list[ProjectFile] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    _documents: dict[Path, Document] = field(default_factory=dict)

    def called(self, path: Path) -> str:
        """The name of a file in messages: relative to the repository's folder where it lies in it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def document(self, path: Path) -> Document:
        if path not in self._documents:
            self._documents[path] = read_document(path, called=self.called(path))
        return self._documents[path]

    def layer(self, path: Path, role: Role, scope: Scope, asked_at: Place = NOWHERE) -> Section:
        """The content of one compose file, its variables replaced."""
        self.note(path, role, asked_at)
        document = self.document(path)
        tree = interpolated(document, scope, self.warnings)
        if isinstance(tree, Section):
            return tree
        raise InputError(
            "is empty; a compose file is expected" if tree is None else "is no mapping of services",
            place=Place(document.file, 1),
            hint="a compose file begins with 'services:'",
        )

    def env(self, paths: list[Path], scope: Scope, asked_at: Place = NOWHERE) -> dict[str, Known]:
        """The variables of env files, of which later ones win."""
        for path in paths:
            self.note(path, Role.PROJECT_ENV, asked_at)
        found = read_env_files([(path, self.called(path)) for path in paths], scope)
        for known in found.values():
            place = Place(self.called(known.variables[0].file)) if known.variables[0].file else asked_at
            unset = (variable for variable in known.variables if variable.origin is Origin.UNSET)
            self.warnings.extend(unset_warning(variable, place) for variable in unset)
        return found

    def note(self, path: Path, role: Role, place: Place) -> ProjectFile:
        noted = ProjectFile(path, role, place, lies_inside(path, self.root), exists(path))
        self.files.append(noted)
        return noted

    def present(self, path: Path, written: str, wanted_for: str, place: Place) -> Path:
        """The path, which must be a file that is there."""
        if exists(path):
            return path
        if _REMOTE.match(written):
            raise InputError(
                f"{wanted_for} {written!r}, which is not on this machine",
                place=place,
                hint="lockflight reads local compose files only: keep a copy in the repository",
            )
        raise InputError(f"{wanted_for} {self.called(path)}, which does not exist", place=place)


def lies_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # a link that leads to itself, a name that cannot be
        return False


def exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 -- Path.exists raises for names that are too long


def default_env_file(directory: Path) -> list[Path]:
    file = directory / ".env"
    return [file] if file.is_file() else []
