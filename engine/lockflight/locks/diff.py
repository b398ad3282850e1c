"""What a reviewer wants to know between two locks, service by service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lockflight.locks.model import Lock, LockedImage, LockedService
from lockflight.ports.git import CommitLine

Kind = Literal["added", "removed", "changed"]
# The fields that are compared and shown, in this order. What merely informs about the same build
# (where its source and its record came from, when it was made) is no change.
_FIELDS = ("commit", "image", "tag", "digest", "media_type", "platforms", "version", "api")


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """One service that is not the same in both; `commits` is None where no history is at hand."""

    service: str
    kind: Kind
    old: LockedService | None
    new: LockedService | None
    fields: tuple[str, ...] = ()
    commits: tuple[CommitLine, ...] | None = None
    # Commits that the old lock had and the new one has not: the service goes back.
    dropped: tuple[CommitLine, ...] | None = None

    @property
    def goes_back(self) -> bool:
        """The new commit is an ancestor of the old one."""
        return self.commits == () and bool(self.dropped)


@dataclass(frozen=True, slots=True)
class ImageChange:
    name: str
    kind: Kind
    old: LockedImage | None
    new: LockedImage | None


@dataclass(frozen=True, slots=True)
class ConfigChange:
    path: str
    kind: Kind
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class LockDiff:
    """Two locks and everything in which they differ."""

    old: Lock
    new: Lock
    services: tuple[ServiceChange, ...]
    images: tuple[ImageChange, ...]
    config: tuple[ConfigChange, ...]
    unchanged: int

    @property
    def is_empty(self) -> bool:
        return not (self.services or self.images or self.config)


# Given a service and its two commits, the commits in between; the caller knows where histories are.
Between = Callable[[str, str, str], tuple[CommitLine, ...] | None]


def compare(old: Lock, new: Lock, between: Between) -> LockDiff:
    """Compare what is deployed and what a reviewer reads; the order is by name."""
    changes = [
        _service_change(name, old.services.get(name), new.services.get(name), between)
        for name in _all(old.services, new.services)
    ]
    services = tuple(change for change in changes if change is not None)
    return LockDiff(
        old=old,
        new=new,
        services=services,
        images=tuple(
            ImageChange(name, kind, old.images.get(name), new.images.get(name))
            for name, kind in _kinds(old.images, new.images, _same_image)
        ),
        config=tuple(
            ConfigChange(path, kind, old.config.get(path), new.config.get(path))
            for path, kind in _kinds(old.config, new.config, lambda one, other: one == other)
        ),
        unchanged=len(changes) - len(services),
    )


def _service_change(
    name: str, old: LockedService | None, new: LockedService | None, between: Between
) -> ServiceChange | None:
    if old is None or new is None:
        return ServiceChange(name, "added" if old is None else "removed", old, new)
    fields = tuple(field for field in _FIELDS if getattr(old, field) != getattr(new, field))
    if not fields:
        return None
    if "commit" not in fields:
        return ServiceChange(name, "changed", old, new, fields)
    commits = between(name, old.commit, new.commit)
    dropped = None if commits is None else between(name, new.commit, old.commit)
    return ServiceChange(name, "changed", old, new, fields, commits, dropped)


def _same_image(old: LockedImage, new: LockedImage) -> bool:
    return old == new


def _kinds(
    old: Mapping[str, Any], new: Mapping[str, Any], same: Callable[[Any, Any], bool]
) -> list[tuple[str, Kind]]:
    found: list[tuple[str, Kind]] = []
    for name in _all(old, new):
        if name not in old:
            found.append((name, "added"))
        elif name not in new:
            found.append((name, "removed"))
        elif not same(old[name], new[name]):
            found.append((name, "changed"))
    return found


def _all(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(old.keys() | new.keys())
