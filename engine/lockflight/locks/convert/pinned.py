"""What every export starts from: the images of a lock in a fixed order, and names that must not clash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lockflight.errors import InputError
from lockflight.yaml_text import mapping_lines

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

# What other tools' files call an image: by its full name, or by its service's name in the lock.
Naming = Literal["image", "service"]
_HUB = "docker.io/"
_LIBRARY = "library/"


@dataclass(frozen=True, slots=True)
class Pinned:
    """One image of the lock, be it a service's or a third party's."""

    name: str
    image: str
    digest: str
    tag: str | None = None
    commit: str | None = None
    repository: str | None = None

    @property
    def reference(self) -> str:
        """`ghcr.io/acme/cart@sha256:…`: what is pulled, never by tag."""
        return f"{self.image}@{self.digest}"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The full name, and the short ones under which people write images of Docker Hub."""
        short = self.image.removeprefix(_HUB)
        if short == self.image:
            return (self.image,)
        return tuple(dict.fromkeys((self.image, short, short.removeprefix(_LIBRARY))))


def services_of(lock: Lock) -> list[Pinned]:
    """The services that have an image, sorted; one that is only configuration has nothing to pin."""
    return [
        Pinned(name, service.image, service.digest, service.tag, service.commit, service.repository)
        for name, service in sorted(lock.services.items())
        if service.image is not None and service.digest is not None
    ]


def third_party_of(lock: Lock) -> list[Pinned]:
    return [Pinned(name, image.image, image.digest, image.tag) for name, image in sorted(lock.images.items())]


def images_of(lock: Lock) -> list[Pinned]:
    """Services first, then third-party images."""
    return [*services_of(lock), *third_party_of(lock)]


def by_name(named: Iterable[tuple[str, Pinned]], what: str) -> dict[str, Pinned]:
    """The images by what another tool calls them; two different ones under one name are refused."""
    found: dict[str, Pinned] = {}
    for name, pinned in named:
        before = found.setdefault(name, pinned)
        if before.reference != pinned.reference:
            raise InputError(
                f"{what} '{name}' would stand for two images of the lock: "
                f"{before.name} ({before.reference}) and {pinned.name} ({pinned.reference})",
                hint="rename one of them in the manifest, or write another format",
                code="name-clash",
            )
    return found


def header(lock: Lock) -> str:
    """The first line of formats that know comments."""
    return f"# made by 'lockflight export' from lock {lock.id}; do not edit"


def list_lines(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a YAML list of mappings."""
    for entry in entries:
        for position, line in enumerate(mapping_lines(entry, "  ")):
            yield line if position else f"- {line[2:]}"


def joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
