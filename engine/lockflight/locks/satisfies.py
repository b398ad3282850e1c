"""Whether a lock still is what the manifest and the tree want, and every named reason why not.

Pure: what is wanted was found out before, and no registry is asked. A tag that moved is `verify`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lockflight.findings import NOTHING, Finding
from lockflight.locks.model import Lock, LockedImage, LockedService
from lockflight.locks.wanted import Wanted
from lockflight.names import ImageReference


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything that a fresh lock would be made from, but for what only registries and records know."""

    project: str
    # Those whose commit could be told.
    services: tuple[Wanted, ...]
    images: Mapping[str, ImageReference]
    config: Mapping[str, str]
    # All services of the manifest, also those of which nothing could be told just now.
    names: frozenset[str]


def reasons(lock: Lock, demand: Demand) -> list[Finding]:
    """Why the lock does not satisfy the demand; empty when it does."""
    found = [*_project(lock, demand), *_services(lock, demand)]
    return [*found, *_images(lock.images, demand.images), *config_reasons(lock.config, demand.config)]


def _project(lock: Lock, demand: Demand) -> Iterator[Finding]:
    if lock.project != demand.project:
        yield Finding(
            "project-changed", "project", "the manifest names another project", demand.project, lock.project
        )


def _services(lock: Lock, demand: Demand) -> Iterator[Finding]:
    wanted = {service.service: service for service in demand.services}
    for name in sorted(wanted.keys() - lock.services.keys()):
        yield Finding("service-added", name, "is a service of the manifest, but not in the lock")
    for name in sorted(lock.services.keys() - demand.names):
        yield Finding("service-removed", name, "is in the lock, but no service of the manifest any more")
    for name in sorted(wanted.keys() & lock.services.keys()):
        yield from _service(name, lock.services[name], wanted[name])


def _service(name: str, locked: LockedService, wanted: Wanted) -> Iterator[Finding]:
    if locked.commit != wanted.commit:
        yield Finding("commit-changed", name, "the tree wants another commit", wanted.commit, locked.commit)
    image = wanted.image.name if wanted.image else None
    if locked.image != image:
        yield Finding("image-changed", name, "the manifest names another image", image, locked.image)
    elif image:
        for platform in wanted.platforms:
            if platform not in locked.platforms:
                has = ", ".join(sorted(locked.platforms)) or NOTHING
                yield Finding("platform-missing", name, "the locked image lacks a platform", platform, has)
    path = locked.api.path if locked.api else None
    if wanted.api is not None and path != wanted.api:
        yield Finding("api-changed", name, "the manifest names another API description", wanted.api, path)


def _images(locked: Mapping[str, LockedImage], wanted: Mapping[str, ImageReference]) -> Iterator[Finding]:
    for name in sorted(wanted.keys() - locked.keys()):
        yield Finding("image-added", name, "the stack uses a third-party image that is not in the lock")
    for name in sorted(locked.keys() - wanted.keys()):
        yield Finding("image-removed", name, "a third-party image in the lock is not used any more")
    for name in sorted(wanted.keys() & locked.keys()):
        asked, has = wanted[name], locked[name]
        same = asked.name == has.image and (asked.digest in (None, has.digest)) and _tag(asked) == has.tag
        if not same:
            found = f"{has.image}:{has.tag}" if has.tag else has.image
            yield Finding(
                "image-changed", name, "the stack uses another third-party image", str(asked), found
            )


def _tag(reference: ImageReference) -> str | None:
    return reference.tag or (None if reference.digest else "latest")


def config_reasons(locked: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    """How the configuration files differ from those that were locked."""
    for path in _in_either(locked, wanted):
        if path not in locked:
            yield Finding("config-added", path, "is a configuration file now, but not in the lock")
        elif path not in wanted:
            yield Finding("config-removed", path, "is in the lock, but no configuration file any more")
        elif locked[path] != wanted[path]:
            yield Finding("config-changed", path, "has other content", wanted[path], locked[path])


def _in_either(one: Iterable[str], other: Iterable[str]) -> list[str]:
    return sorted(set(one) | set(other))
