"""A record in the making: each value with the path it was read from, and whatever is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from lockflight import names
from lockflight.builds.labels import normal_platform
from lockflight.builds.model import Record
from lockflight.builds.references import choose
from lockflight.errors import Problem
from lockflight.models import kind_of, problems_of
from lockflight.names import ImageReference
from lockflight.yaml_source import Document, YamlPath

_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")
_DIRTY = "-dirty"


@dataclass(frozen=True, slots=True)
class Reading:
    """One build as its file tells it. `name` tells the builds of one file apart."""

    record: Record
    name: str | None = None
    target: str | None = None
    references: tuple[ImageReference, ...] = ()
    shared: bool = False
    pushed: bool = True


@dataclass(slots=True)
class Draft:
    """What a format has gathered about one build. Values that say nothing (None, "") are not kept."""

    document: Document
    at: YamlPath
    name: str | None = None
    target: str | None = None
    shared: bool = False
    pushed: bool = True
    values: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, YamlPath] = field(default_factory=dict)
    references: list[ImageReference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def put(self, name: str, value: Any, path: YamlPath) -> None:
        """Keep a value for a field of the record; a second value must be the same as the first."""
        if value is None or value == "":
            return
        before = self.values.setdefault(name, value)
        self.paths.setdefault(name, path)
        if before != value:
            other = self.document.place(self.paths[name]).path
            self.problem(f"says {shown(value)} for the {name}, but {other} says {shown(before)}", path)

    def put_if_absent(self, name: str, value: Any, path: YamlPath) -> None:
        if name not in self.values:
            self.put(name, value, path)

    def put_commit(self, value: Any, path: YamlPath) -> None:
        """Keep a full commit. An abbreviated one is left out and never padded; a dirty one is refused."""
        if isinstance(value, str) and value.endswith(_DIRTY):
            self.problem(
                f"says {shown(value)}: the tree had uncommitted changes, so no commit describes this build",
                path,
                "build from a clean checkout",
            )
        elif not (isinstance(value, str) and _ABBREVIATED.fullmatch(value)):
            self.put("commit", value, path)

    def put_repository(self, value: Any, path: YamlPath) -> None:
        """Keep a repository's URL, without any credentials that a CI put into it."""
        self.put("repository", names.without_credentials(value) if isinstance(value, str) else value, path)

    def put_references(self, texts: Iterable[Any], path: YamlPath) -> None:
        """Keep the names under which the build was pushed; a digest in one is the build's digest."""
        for text in texts:
            if text is None or text == "":
                continue
            if not isinstance(text, str):
                self.problem(f"must be an image reference, not {kind_of(text)}", path)
                continue
            try:
                reference = names.parse_reference(text.strip())
            except ValueError as error:
                self.problem(str(error), path)
                continue
            self.put("digest", reference.digest, path)
            self.references.append(replace(reference, digest=None))

    def problem(self, message: str, path: YamlPath, hint: str | None = None) -> None:
        self.problems.append(Problem(message, self.document.place(path), hint))

    def finish(self) -> Reading | None:
        """The record, or None when `problems` say why there is none."""
        self._choose_reference()
        self._normalize_platforms()
        try:
            record = Record.model_validate(self.values)
        except ValidationError as error:
            self.problems += self._located(error)
            return None
        if self.problems:
            return None
        return Reading(record, self.name, self.target, tuple(self.references), self.shared, self.pushed)

    def _choose_reference(self) -> None:
        commit = self.values.get("commit")
        chosen = choose(self.references, commit if isinstance(commit, str) else None)
        if chosen is not None:
            self.values.setdefault("image", chosen.name)
            self.values.setdefault("tag", chosen.tag)

    def _normalize_platforms(self) -> None:
        """Each platform under the one name that the registry's are given too."""
        said = self.values.get("platforms")
        if not isinstance(said, dict) or not all(isinstance(platform, str) for platform in said):
            return
        normal: dict[str, Any] = {}
        for platform, digest in said.items():
            if normal.setdefault(normal_platform(platform), digest) != digest:
                self.problem(f"says two digests for {shown(platform)}", self.paths["platforms"])
        self.values["platforms"] = normal

    def _located(self, error: ValidationError) -> list[Problem]:
        """The validation's problems at the places where their values were read."""
        found = []
        for problem in problems_of(error, Record, Document(self.values, self.document.file)):
            name = (problem.place.path or "").split(".")[0]
            found.append(replace(problem, place=self.document.place(self.paths.get(name, self.at))))
        return found


def value_at(document: Document, path: YamlPath) -> Any:
    """The value at a path that is known to be there."""
    value = document.data
    for part in path:
        value = value[part]
    return value


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, an empty one otherwise: foreign files leave out what they like."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """The value where it is a list, an empty one otherwise."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value where it is text, nothing otherwise."""
    return value if isinstance(value, str) else ""


def shown(value: Any) -> str:
    """A foreign value in a message: short, and without control characters."""
    said = value if isinstance(value, str) and value.isprintable() else repr(value)
    return said if len(said) <= 80 else f"{said[:77]}…"
