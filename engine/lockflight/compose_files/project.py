"""A compose project: its services with their images, and every file that it is made of or binds in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockflight.compose_files.interpolate import TemplateError, substitute
from lockflight.compose_files.loading import load_model
from lockflight.compose_files.paths import Base
from lockflight.compose_files.reader import ProjectFile, Reader, Role, default_env_file, exists, lies_inside
from lockflight.compose_files.tree import NOWHERE, Section, Text, malformed, place_of, section_of, text_of
from lockflight.compose_files.variables import Known, Origin, Scope, Variable, scope_of_environment
from lockflight.errors import InputError, Place, Problem

__all__ = ["BindSource", "ComposeProject", "ComposeService", "ProjectFile", "Role", "load_project"]

_PROJECT_NAME = "COMPOSE_PROJECT_NAME"


@dataclass(frozen=True, slots=True)
class ComposeService:
    """A service as Compose would run it."""

    name: str
    image: str | None
    has_build: bool
    platform: str | None
    profiles: tuple[str, ...]
    place: Place  # of its image; of the service where it has none
    variables: tuple[Variable, ...] = ()  # that its image was made with


@dataclass(frozen=True, slots=True)
class BindSource:
    """A folder or file of this machine that a service sees, by a bind mount or by a named volume that is
    one in disguise."""

    service: str
    source: Path
    target: str
    exists: bool
    inside: bool
    place: Place


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """What lockflight needs to know of a compose project."""

    name: str
    root: Path
    directory: Path
    services: Mapping[str, ComposeService]
    files: tuple[ProjectFile, ...]
    secret_files: tuple[ProjectFile, ...]
    bind_sources: tuple[BindSource, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def missing_bind_sources(self) -> tuple[BindSource, ...]:
        """Those that the engine would make empty folders of."""
        return tuple(bind for bind in self.bind_sources if not bind.exists)


def load_project(
    files: Sequence[Path],
    *,
    environment: Mapping[str, str],
    project_directory: Path | None = None,
    env_files: Sequence[Path] | None = None,
    profiles: frozenset[str] | None = None,
    project_name: str | None = None,
    root: Path | None = None,
    pinned: frozenset[str] = frozenset(),
) -> ComposeProject:
    """Read compose files as `docker compose -f … config` would.

    `env_files` None means `.env` of the project directory; `profiles` None means all services; `root` is the
    folder of the repository (default: the project directory): only what lies in it counts as its own; `pinned`
    are services whose image is named elsewhere, so that a variable which it requires need not be set.
    """
    if not files:
        raise InputError("no compose file is named", hint="list the compose files in the manifest")
    paths = [_absolute(file) for file in files]
    directory = _absolute(project_directory) if project_directory else paths[0].parent
    reader = Reader(_absolute(root) if root else directory)
    scope = replace(scope_of_environment(environment), pinned=pinned)
    env_paths = default_env_file(directory) if env_files is None else [_absolute(file) for file in env_files]
    scope = scope.below(reader.env(env_paths, scope))
    name = project_name or _project_name(reader, paths, directory, scope)
    if project_name or not _named_by(scope):
        of_project = Known(name, (Variable(_PROJECT_NAME, Origin.PROJECT),))
        scope = Scope({**scope.known, _PROJECT_NAME: of_project}, pinned)
    base = Base(directory, environment.get("HOME"))
    model = load_model(reader, [(path, NOWHERE) for path in paths], base, scope)
    return _Collector(reader, model, profiles).project(name, directory)


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _project_name(reader: Reader, paths: Sequence[Path], directory: Path, scope: Scope) -> str:
    """From the environment, else from the last file that has one, else from the folder."""
    if name := _named_by(scope):
        return name
    written = ""
    for path in paths:
        document = reader.document(path)
        data = document.data
        if isinstance(data, dict) and isinstance(data.get("name"), str) and data["name"]:
            try:
                written = substitute(data["name"], scope.lookup).text
            except TemplateError as error:
                raise InputError(str(error), place=document.place(("name",)), hint=error.hint) from error
    return _normal_name(written) or _normal_name(directory.name)


def _named_by(scope: Scope) -> str | None:
    known = scope.lookup(_PROJECT_NAME)
    return known.text if known else None


def _normal_name(text: str) -> str:
    return "".join(re.findall(r"[a-z0-9_-]", text.lower())).lstrip("_-")


@dataclass(frozen=True, slots=True)
class _Collector:
    reader: Reader
    model: Section
    profiles: frozenset[str] | None

    def project(self, name: str, directory: Path) -> ComposeProject:
        sections = dict(self._enabled())
        services = {key: _service(key, section) for key, section in sections.items()}
        devices = dict(self._devices())
        binds = [bind for key, section in sections.items() for bind in self._binds(key, section, devices)]
        for section in sections.values():
            self._note_files(section)
        self._note_configs(sections.values())
        for bind in binds:
            self.reader.note(bind.source, Role.BIND, bind.place)
        return ComposeProject(
            name=name,
            root=self.reader.root,
            directory=directory,
            services=services,
            files=self._distinct_files(),
            secret_files=tuple(self._secrets()),
            bind_sources=tuple(binds),
            warnings=tuple(dict.fromkeys(self.reader.warnings)),
        )

    def _enabled(self) -> Iterator[tuple[str, Section]]:
        if "services" not in self.model:
            raise InputError(
                "has no services",
                place=Place(self.reader.called(self._first_file())),
                hint="a compose file begins with 'services:'",
            )
        services = section_of(self.model["services"], "services", NOWHERE)
        for name, value in services.items():
            section = section_of(value, f"services.{name}", services.place)
            wanted = _profiles(name, section)
            if self.profiles is None or not wanted or self.profiles & {*wanted, "*"}:
                yield name, section

    def _first_file(self) -> Path:
        return next(file.path for file in self.reader.files if file.role is Role.COMPOSE)

    def _binds(self, name: str, section: Section, devices: Mapping[str, Text]) -> Iterator[BindSource]:
        mounts = {str(mount.get("target")): mount for mount in section.get("volumes") or ()}
        for target, mount in mounts.items():
            source = mount.get("source") if mount.get("type") in ("bind", "volume") else None
            if mount.get("type") == "volume" and source is not None:
                source = devices.get(text_of(source, f"services.{name}.volumes.source", mount.place))
            if source:
                inside = lies_inside(Path(source), self.reader.root)
                yield BindSource(name, Path(source), target, exists(Path(source)), inside, source.place)

    def _devices(self) -> Iterator[tuple[str, Text]]:
        """The named volumes that are bind mounts in disguise, with their sources."""
        for name, volume in self._entries("volumes"):
            options = volume.get("driver_opts") if isinstance(volume, Section) else None
            if isinstance(options, Section) and volume.get("driver") in (None, "local"):
                device = options.get("device")
                if options.get("o") == "bind" and isinstance(device, Text) and device.startswith("/"):
                    yield name, device

    def _note_files(self, section: Section) -> None:
        for entry in section.get("env_file") or ():
            self.reader.note(Path(entry["path"]), Role.SERVICE_ENV, place_of(entry["path"]))
        for text in section.get("label_file") or ():
            self.reader.note(Path(text), Role.LABELS, place_of(text))

    def _note_configs(self, sections: Iterable[Section]) -> None:
        """Those that a service uses: Compose drops the others."""
        used = {
            str(entry.get("source") if isinstance(entry, Section) else entry)
            for section in sections
            for entry in _list(section, "configs", "configs")
        }
        for name, file in self._files_of("configs"):
            if name in used:
                self.reader.note(Path(file), Role.CONFIG, file.place)

    def _secrets(self) -> Iterator[ProjectFile]:
        for _, file in self._files_of("secrets"):
            path = Path(file)
            inside = lies_inside(path, self.reader.root)
            yield ProjectFile(path, Role.SECRET, file.place, inside, exists(path))

    def _files_of(self, kind: str) -> Iterator[tuple[str, Text]]:
        for name, entry in self._entries(kind):
            if isinstance(entry, Section) and isinstance(entry.get("file"), Text):
                yield name, entry["file"]

    def _entries(self, kind: str) -> Iterable[tuple[str, Any]]:
        """The volumes, configs or secrets of the project, by name."""
        value = self.model.get(kind)
        return () if value is None else section_of(value, kind, self.model.place).items()

    def _distinct_files(self) -> tuple[ProjectFile, ...]:
        found: dict[tuple[Path, Role], ProjectFile] = {}
        for file in self.reader.files:
            found.setdefault((file.path, file.role), file)
        return tuple(found.values())


def _service(name: str, section: Section) -> ComposeService:
    image = _optional_text(section, "image", name)
    return ComposeService(
        name=name,
        image=str(image) if image else None,
        has_build=section.get("build") is not None,
        platform=str(_optional_text(section, "platform", name) or "") or None,
        profiles=_profiles(name, section),
        place=section.place if image is None else image.place,
        variables=() if image is None else image.variables,
    )


def _optional_text(section: Section, key: str, name: str) -> Text | None:
    if section.get(key) is None:
        return None
    return text_of(section[key], f"services.{name}.{key}", section.place)


def _profiles(name: str, section: Section) -> tuple[str, ...]:
    profiles = _list(section, "profiles", f"services.{name}.profiles")
    return tuple(dict.fromkeys(str(profile) for profile in profiles))


def _list(section: Section, key: str, path: str) -> list[Any]:
    value = section.get(key)
    if value is None or isinstance(value, list):
        return value or []
    raise malformed("must be a list", value, path, section.place)
