"""`extends`: services that are made from another service, of this file or of another one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight.compose_files.merge import merged, settled
from lockflight.compose_files.paths import Base, with_absolute_paths
from lockflight.compose_files.reader import Reader, Role
from lockflight.compose_files.tree import (
    Override,
    Reset,
    Section,
    Text,
    place_of,
    section_of,
    text_of,
)
from lockflight.compose_files.variables import Scope
from lockflight.errors import InputError, Place
from lockflight.names import did_you_mean

# A service by its file; None is the file that is being read. When that file names itself, its paths are
# relative to its own folder, so it counts as another one.
Link = tuple[Path | None, str]
_DEEPEST = 50


def with_extends(layer: Section, file: Path, base: Base, scope: Scope, reader: Reader) -> Section:
    """One compose file, each of whose services holds all that it extends. Files are looked up from the
    project directory, not from the folder of the file that names them: so does Compose."""
    value = layer.get("services", _ABSENT)
    if isinstance(value, Reset):
        return layer
    services = section_of(value.value if isinstance(value, Override) else value, "services", layer.place)
    extender = _Extender(file, base, scope, reader, {None: services})
    made = Section(((name, extender.service((None, name), ())) for name in services), services.place)
    found = Section(layer, layer.place)
    found["services"] = Override(made) if isinstance(value, Override) else made
    return found


_ABSENT = Reset()


@dataclass(frozen=True, slots=True)
class _Extender:
    file: Path
    base: Base
    scope: Scope
    reader: Reader
    services: dict[Path | None, Section]
    done: dict[Link, Any] = field(default_factory=dict)

    def service(self, link: Link, chain: tuple[Link, ...]) -> Any:
        """A service with all that it extends; `chain` are the services that are waiting for it."""
        if link in chain:
            raise self._cycle((*chain, link))
        if link not in self.done:
            value = self.services[link[0]][link[1]]
            if isinstance(value, Override):
                self.done[link] = Override(self._made(value.value, link, chain))
            else:
                self.done[link] = self._made(value, link, chain)
        return self.done[link]

    def _made(self, value: Any, link: Link, chain: tuple[Link, ...]) -> Any:
        if value is None or isinstance(value, Reset):
            return value
        service = section_of(value, f"services.{link[1]}", self.services[link[0]].place)
        if service.get("extends") is None:
            return service
        if len(chain) > _DEEPEST:
            raise InputError(f"more than {_DEEPEST} services extend each other", place=service.place)
        origin = self.service(self._target(service, link), (*chain, link))
        if origin is None:
            return service
        own = Section(((key, item) for key, item in service.items() if key != "extends"), service.place)
        return merged(settled(origin), own, ("services", link[1]))

    def _target(self, service: Section, link: Link) -> Link:
        """The file and the service that are extended, both of which must be there."""
        extends, what = service["extends"], f"services.{link[1]}.extends"
        origin = link[0]
        if isinstance(extends, Text):
            wanted = extends
        else:
            section = section_of(extends, what, service.place)
            wanted = text_of(section.get("service"), f"{what}.service", section.place)
            origin = origin if section.get("file") is None else self._file(section, what)
        if wanted not in self.services[origin]:
            raise InputError(
                f"extends the service '{wanted}', which is not in {self._called(origin)}",
                place=wanted.place,
                hint=did_you_mean(wanted, self.services[origin]),
            )
        return origin, str(wanted)

    def _file(self, section: Section, what: str) -> Path:
        written = text_of(section["file"], f"{what}.file", section.place)
        path = self.base.absolute(written)
        self.reader.present(path, written, "extends from", written.place)
        if path not in self.services:
            self.services[path] = self._services_of(path, written.place)
        return path

    def _services_of(self, path: Path, asked_at: Place) -> Section:
        layer = self.reader.layer(path, Role.EXTENDS, self.scope, asked_at)
        services = with_absolute_paths(layer, Base(path.parent, self.base.home)).get("services")
        return section_of(services, "services", layer.place)

    def _called(self, origin: Path | None) -> str:
        return self.reader.called(origin or self.file)

    def _cycle(self, chain: tuple[Link, ...]) -> InputError:
        circle = chain[chain.index(chain[-1]) :]
        steps = " extends ".join(f"{name} ({self._called(origin)})" for origin, name in circle)
        origin, name = chain[-1]
        return InputError(
            f"services extend each other in a circle: {steps}",
            place=place_of(self.services[origin][name], self.services[origin].place),
        )
