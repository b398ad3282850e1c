"""Paths in compose files: relative ones belong to a project directory, short mounts become long ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockflight.compose_files.tree import (
    Override,
    Reset,
    Section,
    Text,
    malformed,
    place_of,
    section_of,
    text_of,
)
from lockflight.errors import InputError, Place

Resolve = Callable[[Any, str, Place], Any]


@dataclass(frozen=True, slots=True)
class Base:
    """What relative paths are relative to, and what `~` stands for."""

    directory: Path
    home: str | None = None

    def absolute(self, text: str) -> Path:
        if text.startswith("~") and self.home:
            text = f"{self.home}/{text[1:]}"
        return Path(os.path.normpath(self.directory / text))

    def resolved(self, value: Any, what: str, otherwise: Place) -> Text:
        text = text_of(value, what, otherwise)
        if is_windows_path(text):
            return text
        return text.instead(str(self.absolute(text)))


def with_absolute_paths(model: Section, base: Base) -> Section:
    """The model with every path that matters here absolute, and every mount in its long form."""
    resolver = _Resolver(base)
    resolvers = {
        "services": resolver.service,
        "configs": resolver.file_object,
        "secrets": resolver.file_object,
        "volumes": resolver.named_volume,
    }
    found = Section(model, model.place)
    for key, resolve in resolvers.items():
        if isinstance(entries := found.get(key), Section):
            made = Section((), entries.place)
            for name, item in entries.items():
                made[name] = _through_tags(item, resolve, f"{key}.{name}", entries.place)
            found[key] = made
    return found


def _through_tags(value: Any, resolve: Resolve, what: str, otherwise: Place) -> Any:
    if isinstance(value, Override):
        return Override(_through_tags(value.value, resolve, what, otherwise))
    if isinstance(value, Reset):
        return value
    return resolve(value, what, place_of(value, otherwise))


@dataclass(frozen=True, slots=True)
class _Resolver:
    base: Base

    def service(self, value: Any, what: str, _otherwise: Place) -> Any:
        if not isinstance(value, Section):
            return value
        found = Section(value, value.place)
        resolvers = {
            "env_file": self.env_files,
            "label_file": self.label_files,
            "volumes": self.mounts,
            "extends": self.extends,
        }
        for key, resolve in resolvers.items():
            if found.get(key) is not None:
                found[key] = _through_tags(found[key], resolve, f"{what}.{key}", value.place)
        return found

    def env_files(self, value: Any, what: str, otherwise: Place) -> Any:
        entries = value if isinstance(value, list) else [value]
        return [_through_tags(entry, self.env_file, what, otherwise) for entry in entries]

    def env_file(self, value: Any, what: str, otherwise: Place) -> Any:
        entry = value if isinstance(value, Section) else Section({"path": value}, otherwise)
        path = self.base.resolved(entry.get("path"), f"{what}.path", entry.place)
        return Section({**entry, "path": path}, entry.place)

    def label_files(self, value: Any, what: str, otherwise: Place) -> Any:
        entries = value if isinstance(value, list) else [value]
        return [_through_tags(entry, self.base.resolved, what, otherwise) for entry in entries]

    def mounts(self, value: Any, what: str, otherwise: Place) -> Any:
        if not isinstance(value, list):
            raise malformed("must be a list", value, what, otherwise)
        return [_through_tags(entry, self.mount, what, otherwise) for entry in value]

    def mount(self, value: Any, what: str, otherwise: Place) -> Any:
        mount = value if isinstance(value, Section) else _long_mount(text_of(value, what, otherwise))
        if mount.get("type") != "bind":
            return mount
        if "source" not in mount:
            raise malformed("a bind mount needs a source", mount, what, otherwise)
        source = self.base.resolved(mount["source"], f"{what}.source", mount.place)
        return Section({**mount, "source": source}, mount.place)

    def extends(self, value: Any, what: str, _otherwise: Place) -> Any:
        if not isinstance(value, Section) or value.get("file") is None:
            return value
        file = self.base.resolved(value["file"], f"{what}.file", value.place)
        return Section({**value, "file": file}, value.place)

    def file_object(self, value: Any, what: str, otherwise: Place) -> Any:
        if value is None:
            return value
        entry = section_of(value, what, otherwise)
        if entry.get("file") is None:
            return entry
        file = self.base.resolved(entry["file"], f"{what}.file", entry.place)
        return Section({**entry, "file": file}, entry.place)

    def named_volume(self, value: Any, what: str, _otherwise: Place) -> Any:
        """A named volume may be a bind mount in disguise: the local driver with the option `o: bind`."""
        if not isinstance(value, Section) or value.get("driver") != "local":
            return value
        options = value.get("driver_opts")
        if not isinstance(options, Section) or options.get("o") != "bind" or "device" not in options:
            return value
        device = self.base.resolved(options["device"], f"{what}.driver_opts.device", options.place)
        return Section(
            {**value, "driver_opts": Section({**options, "device": device}, options.place)}, value.place
        )


def _long_mount(text: Text) -> Section:
    """`source:target:options`, read as Compose reads it; a source that looks like a path is bound in."""
    if not text:
        raise InputError("an empty volume", place=text.place)
    if len(text) <= 2:
        return Section({"type": "volume", "target": text}, text.place)
    source, target = _source_and_target(text)
    mount = Section({"type": "volume", "target": os.path.normpath(target)}, text.place)
    if source:
        mount["source"] = text.instead(source)
        mount["type"] = "bind" if is_path(source) else "volume"
    return mount


def _source_and_target(text: Text) -> tuple[str, str]:
    parts = _parts(text)
    if "" in parts:
        raise InputError(f"{str(text)!r} has an empty part between its colons", place=text.place)
    if len(parts) > 3:
        raise InputError(f"{str(text)!r} has too many colons", place=text.place)
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _parts(text: str) -> list[str]:
    """Split at the colons, but not at the one of a Windows drive."""
    parts = [""]
    for character in text:
        if character == ":" and not (len(parts[-1]) == 1 and parts[-1].isalpha()):
            parts.append("")
        else:
            parts[-1] += character
    return parts


def is_path(source: str) -> bool:
    return source[:1] in (".", "/", "~") or is_windows_path(source) or _has_drive(source)


def is_windows_path(text: str) -> bool:
    return text.startswith("\\\\") or (_has_drive(text) and text[2:3] in ("\\", "/"))


def _has_drive(text: str) -> bool:
    return text[:1].isalpha() and text[1:2] == ":"
