"""One number for everything that a service is deployed with, except its image.

It stands in a label, which everybody reads who may look at the engine, so nothing secret goes into it: a hash of
a short password beside known text can be guessed. The files are read with stand-ins for declared secrets, and of
what Compose calls `secrets` the definition counts and not the content. So a secret that was only given another
value is no reason to deploy by itself; it comes with the next deployment of the service.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_OURS = "dev.lockflight."
# The image is compared by itself; the others say when or how many, and a container is the same without them.
_APART = {"image", "build", "pull_policy", "depends_on", "profiles", "scale"}
_SHARED = ("network_mode", "ipc", "pid")
_OF_SERVICE = "service:"
_MOST_FILES = 2000
# Larger is data, and no configuration.
_LARGEST_FILE = 16 * 1024 * 1024


class Fingerprints:
    """Of all services of a project as Compose prints it; `root` is left out of paths, so that a checkout
    elsewhere gives the same. `values` are variables for configs that are made of one."""

    def __init__(
        self,
        model: Mapping[str, Any],
        images: Mapping[str, str],
        root: Path,
        values: Mapping[str, str],
    ) -> None:
        self._model = model
        self._images = images
        self._root = root
        self._values = values
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        if name not in self._known:
            parts = json.dumps(self._relative(self._parts(name)), sort_keys=True, ensure_ascii=False)
            self._known[name] = hashlib.sha256(parts.encode(errors="surrogateescape")).hexdigest()
        return self._known[name]

    def _parts(self, name: str) -> dict[str, Any]:
        service = self._model["services"][name] or {}
        return {
            "service": _own(service),
            **{kind: self._defined(kind, service) for kind in ("networks", "configs", "secrets")},
            "volumes": self._volumes(service),
            "files": dict(self._bound(service)),
            "joined": {other: [self._images.get(other), self.of(other)] for other in _joined(service)},
        }

    def _defined(self, kind: str, service: Mapping[str, Any]) -> dict[str, Any]:
        """What the service uses of a kind; of configs with the digest of their content."""
        used = service.get(kind) or {}
        names = used if isinstance(used, Mapping) else [entry.get("source") for entry in used]
        sections = self._model.get(kind) or {}
        found = {name: dict(sections.get(name) or {}) for name in names}
        if kind == "configs":
            for section in found.values():
                section["digest"] = self._content(section)
        return found

    def _content(self, section: Mapping[str, Any]) -> str | None:
        if section.get("file"):
            return _digest(Path(_unescaped(section["file"])))
        if section.get("environment"):
            value = self._values.get(str(section["environment"]), "")
            return hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()
        return None

    def _volumes(self, service: Mapping[str, Any]) -> dict[str, Any]:
        volumes = self._model.get("volumes") or {}
        used = {
            mount.get("source") for mount in service.get("volumes") or () if mount.get("type") == "volume"
        }
        return {name: volumes[name] for name in used if name in volumes}

    def _bound(self, service: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The content of bound files below the root. A folder counts where it is bound for reading: one that
        the service may write to is data, and would differ every time."""
        for mount in service.get("volumes") or ():
            if mount.get("type") != "bind":
                continue
            source = Path(_unescaped(str(mount.get("source"))))
            if not source.is_relative_to(self._root):
                continue
            if source.is_dir() and mount.get("read_only"):
                yield str(source), _digests_below(source)
            elif not source.is_dir():
                yield str(source), _digest(source)

    def _relative(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self._relative(key): self._relative(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._relative(item) for item in value]
        if isinstance(value, str) and (value == str(self._root) or value.startswith(f"{self._root}/")):
            return "." + value[len(str(self._root)) :]
        return value


def _own(service: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in service.items() if key not in _APART}
    labels = service.get("labels") or {}
    found["labels"] = {key: value for key, value in labels.items() if not key.startswith(_OURS)}
    found["deploy"] = {
        key: value for key, value in (service.get("deploy") or {}).items() if key != "replicas"
    }
    kept: dict[str, Any] = _said(found)
    return kept


def _said(value: Any) -> Any:
    """Without what has nothing in it, which is the same as not said: Compose prints some of it now and then."""
    if not isinstance(value, Mapping):
        return value
    kept = {key: _said(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in ({}, [])}


def _joined(service: Mapping[str, Any]) -> Iterator[str]:
    """Services whose containers this one is tied to: when they are made anew, it must be as well."""
    for key in _SHARED:
        value = str(service.get(key) or "")
        if value.startswith(_OF_SERVICE):
            yield value.removeprefix(_OF_SERVICE)
    for entry in service.get("volumes_from") or ():
        if not str(entry).startswith("container:"):
            yield str(entry).partition(":")[0]


def _digests_below(folder: Path) -> dict[str, str | None]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())[:_MOST_FILES]
    return {str(path.relative_to(folder)): _digest(path) for path in paths}


def _digest(path: Path) -> str | None:
    """None where there is nothing to read: on a far engine the path may be one of that machine."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return None
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None


def _unescaped(path: str) -> str:
    """Compose prints a dollar sign twice, so that its output may be read again."""
    return path.replace("$$", "$")
