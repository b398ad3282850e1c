"""Which image of a lock each service of a stack runs: by the manifest's names, else by the image itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockflight import names
from lockflight.locks.convert.pinned import Pinned, services_of, third_party_of

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


@dataclass(frozen=True, slots=True)
class ComposeImage:
    """What the compose files say of a service's image."""

    image: str | None
    is_built: bool = False


@dataclass(frozen=True, slots=True)
class Pinning:
    """The pinned services of a stack, and why the others could not be."""

    pinned: Mapping[str, Pinned]
    unpinned: Mapping[str, str]


def pin(
    lock: Lock, compose_names: Mapping[str, Sequence[str]], services: Mapping[str, ComposeImage]
) -> Pinning:
    """`compose_names` says how the stack calls the lock's services; as the lock does where it says nothing."""
    by_name = _by_compose_name(lock, compose_names)
    pinned: dict[str, Pinned] = {}
    unpinned: dict[str, str] = {}
    for name, service in services.items():
        found = by_name.get(name) or _by_image(lock, service)
        if found is None:
            unpinned[name] = _why_not(lock, service)
        else:
            pinned[name] = found
    return Pinning(pinned, unpinned)


def _by_compose_name(lock: Lock, compose_names: Mapping[str, Sequence[str]]) -> dict[str, Pinned]:
    found = {image.name: image for image in third_party_of(lock)}
    for service in services_of(lock):
        found.update(dict.fromkeys(compose_names.get(service.name, [service.name]), service))
    return found


def _by_image(lock: Lock, service: ComposeImage) -> Pinned | None:
    """The image of the lock with the same registry and path; a third party's must have the same tag too."""
    reference = _reference(service)
    if reference is None:
        return None
    own = [image for image in services_of(lock) if image.image == reference.name]
    if own:
        return own[0] if len({image.digest for image in own}) == 1 else None
    tag = reference.tag or (None if reference.digest else "latest")
    same = [
        image
        for image in third_party_of(lock)
        if image.image == reference.name
        and (image.digest == reference.digest if reference.digest else image.tag == tag)
    ]
    return same[0] if same and len({image.digest for image in same}) == 1 else None


def _reference(service: ComposeImage) -> names.ImageReference | None:
    try:
        return names.parse_reference(service.image) if service.image else None
    except ValueError:
        return None


def _why_not(lock: Lock, service: ComposeImage) -> str:
    reference = _reference(service)
    if service.image is None:
        return "is built from source and has no image" if service.is_built else "has no image"
    if reference is None:
        return f"has an image that cannot be read: '{service.image}'"
    others = [image for image in third_party_of(lock) if image.image == reference.name]
    if others:
        tags = ", ".join(sorted({image.tag or image.digest for image in others}))
        return f"runs {reference}, and the lock has {reference.name} as {tags} only"
    own = [image.name for image in services_of(lock) if image.image == reference.name]
    if own:
        return f"runs {reference.name}, which the lock has for {' and '.join(own)} with different digests"
    return f"runs {reference}, which is not in the lock"
