"""`include`: whole compose projects taken into another one, each with its own directory and env files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockflight.compose_files.merge import settled
from lockflight.compose_files.paths import Base
from lockflight.compose_files.reader import Reader, default_env_file
from lockflight.compose_files.tree import Section, Text, malformed, place_of, text_of
from lockflight.compose_files.variables import Scope
from lockflight.errors import InputError, Place

# Loads a model from files, in a directory, with variables, below the files that are already open.
Load = Callable[[Sequence[tuple[Path, Place]], Base, Scope, tuple[Path, ...]], Section]

_DEEPEST = 50
_KINDS = ("services", "volumes", "networks", "secrets", "configs", "models")


@dataclass(frozen=True, slots=True)
class Includer:
    """Takes in what one compose file includes. `chain` are the files that are being read, outermost first."""

    base: Base
    scope: Scope
    reader: Reader
    chain: tuple[Path, ...]
    load: Load

    def with_included(self, layer: Section) -> Section:
        entries = settled(layer.get("include"))
        if entries is None:
            return layer
        if not isinstance(entries, list):
            raise malformed("must be a list", entries, "include", layer.place)
        found = Section(layer, layer.place)
        for entry in entries:
            _take_in(self._included(entry, layer.place), found)
        found.pop("include")
        return found

    def _included(self, entry: Any, otherwise: Place) -> Section:
        if not isinstance(entry, Section):
            entry = Section({"path": entry}, place_of(entry, otherwise))
        files = self._files(entry)
        first = files[0][0]
        if first in self.chain:
            circle = [*self.chain[self.chain.index(first) :], first]
            raise InputError(
                "files include each other in a circle: " + " includes ".join(map(self.reader.called, circle)),
                place=files[0][1],
            )
        directory = self._directory(entry, first)
        env = self.reader.env(self._env_files(entry, directory), self.scope, entry.place)
        return self.load(files, Base(directory, self.base.home), self.scope.below(env), self.chain)

    def _files(self, section: Section) -> list[tuple[Path, Place]]:
        written = _texts(section.get("path"), "include.path", section.place)
        if not written:
            raise InputError("include needs a path", place=section.place)
        if len(self.chain) > _DEEPEST:
            raise InputError(f"more than {_DEEPEST} files include each other", place=section.place)
        return [self._file(text) for text in written]

    def _file(self, written: Text) -> tuple[Path, Place]:
        path = self.base.absolute(written)
        return self.reader.present(path, written, "includes", written.place), written.place

    def _directory(self, section: Section, first: Path) -> Path:
        written = section.get("project_directory")
        if written is None:
            return first.parent
        return self.base.absolute(text_of(written, "include.project_directory", section.place))

    def _env_files(self, section: Section, directory: Path) -> list[Path]:
        written = _texts(section.get("env_file"), "include.env_file", section.place)
        if not written:
            return default_env_file(directory)
        paths = [(self.base.absolute(text), text) for text in written if text != "/dev/null"]
        return [self.reader.present(path, text, "names the env file", text.place) for path, text in paths]


def _texts(value: Any, what: str, otherwise: Place) -> list[Text]:
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    return [text_of(entry, what, otherwise) for entry in entries]


def _take_in(included: Section, target: Section) -> None:
    """Everything that was included, added to `target`; the same name for two things is refused."""
    for kind in _KINDS:
        entries = included.get(kind)
        if not isinstance(entries, Section):
            continue
        present = target.get(kind)
        known = Section(present if isinstance(present, Section) else (), place_of(present, entries.place))
        for name, entry in entries.items():
            if name in known and settled(known[name]) != entry:
                raise InputError(
                    f"{kind}.{name} is defined here and in {place_of(entry, entries.place).file} too",
                    place=place_of(known[name], known.place),
                    hint="to change what is included, include both: {path: [that-file.yaml, changes.yaml]}",
                )
            known.setdefault(name, entry)
        target[kind] = known
