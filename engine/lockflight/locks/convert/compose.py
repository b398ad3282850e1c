"""A compose override that pins every service and third-party image of the stack to its digest.

Where the stack is at hand, only services that it has are pinned (an override would otherwise add new ones to
it), and `build` is taken out of those that have it: Compose would build instead of pulling what was tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockflight.locks.convert.pinned import (
    Pinned,
    by_name,
    header,
    images_of,
    joined,
    services_of,
    third_party_of,
)
from lockflight.locks.pinning import ComposeImage, pin
from lockflight.yaml_text import scalar

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


@dataclass(frozen=True, slots=True)
class StackNames:
    """How the compose files call the lock's services; as in the lock where nothing is said."""

    compose_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # The services that the stack has, with their images; None where the stack is not at hand.
    services: Mapping[str, ComposeImage] | None = None


def render(lock: Lock, stack: StackNames) -> str:
    pinned = _pinned(lock, stack)
    lines = [header(lock), "services:" if pinned else "services: {}"]
    for name in sorted(pinned):
        lines += _service(name, pinned[name], stack)
    return joined(lines)


def left_out(lock: Lock, stack: StackNames) -> list[str]:
    """Images of the lock that no service of the stack runs."""
    inside = set(_pinned(lock, stack).values())
    return [image.name for image in images_of(lock) if image not in inside]


def not_pinned(lock: Lock, stack: StackNames) -> dict[str, str]:
    """Services of the stack that the lock does not have, and why."""
    if stack.services is None:
        return {}
    return dict(pin(lock, stack.compose_names, stack.services).unpinned)


def _pinned(lock: Lock, stack: StackNames) -> Mapping[str, Pinned]:
    if stack.services is None:
        return by_name(_named(lock, stack), "the compose service")
    return pin(lock, stack.compose_names, stack.services).pinned


def _named(lock: Lock, stack: StackNames) -> Iterator[tuple[str, Pinned]]:
    for service in services_of(lock):
        for name in stack.compose_names.get(service.name, [service.name]):
            yield name, service
    for image in third_party_of(lock):
        yield image.name, image


def _service(name: str, pinned: Pinned, stack: StackNames) -> Iterator[str]:
    yield f"  {scalar(name)}:"
    yield f"    image: {scalar(pinned.reference)}"
    if stack.services is not None and stack.services[name].is_built:
        yield "    build: !reset null"
