"""What `init` wants to know of compose files: their services, with images and build folders as written.

The reader in `compose_files` answers what Compose would run, variables replaced. Here the text before that
matters (`main-${SHA}` says how tags are made), and files with unset variables, which it must refuse, are
the usual case on a machine that has just cloned the repository.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lockflight.compose_files.project import load_project
from lockflight.errors import InputError, Problem
from lockflight.yaml_source import Document, Tagged, read_document

_DEEPEST_INCLUDE = 8


@dataclass(frozen=True, slots=True)
class ComposeUse:
    """A service of the stack: texts are as written, paths are from the repository's folder."""

    name: str
    file: str
    image: str | None = None
    builds: bool = False
    context: str | None = None  # None also where it lies outside of this repository
    dockerfile: str | None = None
    target: str | None = None  # the build's stage, where it names one
    remote: str | None = None  # a build context that is a URL
    binds: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """Everything that was read, and what could not be."""

    root: Path
    uses: dict[str, ComposeUse] = field(default_factory=dict)
    project: str | None = None
    warnings: list[Problem] = field(default_factory=list)


def has_services(root: Path, path: str) -> bool:
    """Whether a YAML file is a compose file. One that cannot be read is none; the reading says why."""
    try:
        data = read_document(root / path, called=path).data
    except InputError:
        return PurePosixPath(path).stem in ("compose", "docker-compose")
    return isinstance(data, dict) and isinstance(data.get("services"), dict)


def read_uses(root: Path, files: tuple[str, ...]) -> Reading:
    """The services of the stack that these files make together; later files win."""
    reading = Reading(root)
    if not files:
        return reading
    base = str(PurePosixPath(files[0]).parent)
    for file in files:
        _read_file(reading, file, base, 0)
    _complete(reading, files)
    return reading


def _complete(reading: Reading, files: tuple[str, ...]) -> None:
    """Services that only Compose's own rules show (`extends`), and what those rules say is wrong."""
    try:
        project = load_project([reading.root / file for file in files], environment={}, root=reading.root)
    except InputError as error:
        reading.warnings += error.problems
        return
    for name, service in project.services.items():
        known = reading.uses.get(name, ComposeUse(name, files[0]))
        image = known.image or service.image
        reading.uses[name] = replace(known, image=image, builds=known.builds or service.has_build)


def _read_file(reading: Reading, file: str, base: str, depth: int) -> None:
    try:
        document = read_document(reading.root / file, called=file)
    except InputError as error:
        reading.warnings += error.problems
        return
    data = document.data if isinstance(document.data, dict) else {}
    for included, included_base in _includes(data, base):
        if depth < _DEEPEST_INCLUDE and _stays(reading.root, included):
            _read_file(reading, included, included_base, depth + 1)
    if isinstance(data.get("name"), str):
        reading.project = data["name"]
    services = data.get("services")
    for name, section in services.items() if isinstance(services, dict) else ():
        _merge(reading, document, name, _plain(section), base)


def _includes(data: Mapping[str, Any], base: str) -> Iterator[tuple[str, str]]:
    """The files that `include` names, each with the folder that its own paths start from."""
    entries = data.get("include")
    for entry in entries if isinstance(entries, list) else ():
        paths = entry.get("path") if isinstance(entry, dict) else entry
        for path in paths if isinstance(paths, list) else [paths]:
            if isinstance(path, str):
                file = _joined(base, path)
                yield file, str(PurePosixPath(file).parent)


def _plain(section: Any) -> Mapping[str, Any]:
    """A service's own keys; Compose's tags (`!reset`, `!override`) do not matter here."""
    section = section.value if isinstance(section, Tagged) else section
    if not isinstance(section, dict):
        return {}
    return {key: value.value if isinstance(value, Tagged) else value for key, value in section.items()}


def _merge(reading: Reading, document: Document, name: str, section: Mapping[str, Any], base: str) -> None:
    use = reading.uses.get(name, ComposeUse(name, document.file))
    if isinstance(section.get("image"), str):
        use = replace(use, image=section["image"], file=document.file)
    if section.get("build") is not None:
        use = _with_build(reading.root, use, section["build"], base)
    reading.uses[name] = replace(use, binds=(*use.binds, *_binds(section.get("volumes"), base)))


def _with_build(root: Path, use: ComposeUse, build: Any, base: str) -> ComposeUse:
    wanted = build if isinstance(build, dict) else {"context": build}
    context = wanted.get("context", ".")
    if not isinstance(context, str) or "$" in context:
        return replace(use, builds=True)
    if "://" in context or context.startswith("git@") or ".git#" in context:
        return replace(use, builds=True, remote=context)
    path = _joined(base, context)
    dockerfile = wanted.get("dockerfile")
    if isinstance(dockerfile, str) and "$" not in dockerfile:
        use = replace(use, dockerfile=_joined(path, dockerfile))
    if isinstance(wanted.get("target"), str):
        use = replace(use, target=wanted["target"])
    return replace(use, builds=True, context=path if _stays(root, path) else None)


def _binds(volumes: Any, base: str) -> Iterator[str]:
    """The paths of this repository that a service sees."""
    for volume in volumes if isinstance(volumes, list) else ():
        source = volume.get("source") if isinstance(volume, dict) else volume
        source = source.split(":", 1)[0] if isinstance(source, str) else ""
        if source.startswith("."):
            yield _joined(base, source)


def _joined(base: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(base, path))


def _stays(root: Path, path: str) -> bool:
    """Whether a path stays in the repository, links followed."""
    return not path.startswith(("..", "/", "~")) and (root / path).resolve().is_relative_to(root.resolve())
