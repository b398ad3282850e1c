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
from lockflight.yaml_text import scalar

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


@dataclass(frozen=True, slots=True)
class StackNames:
    """How the compose files call the lock's services; as in the lock where nothing is said."""

    compose_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    # The services that the stack has; None where the stack is not at hand.
    known: frozenset[str] | None = None
    built: frozenset[str] = frozenset()


def render(lock: Lock, stack: StackNames) -> str:
    pinned = by_name(
        ((name, image) for name, image in _named(lock, stack) if _is_in(stack, name)), "the compose service"
    )
    lines = [header(lock), "services:" if pinned else "services: {}"]
    for name in sorted(pinned):
        lines += _service(name, pinned[name], name in stack.built)
    return joined(lines)


def left_out(lock: Lock, stack: StackNames) -> list[str]:
    """Images of the lock that no service of the stack runs."""
    inside = {image for name, image in _named(lock, stack) if _is_in(stack, name)}
    return [image.name for image in images_of(lock) if image not in inside]


def _named(lock: Lock, stack: StackNames) -> Iterator[tuple[str, Pinned]]:
    for service in services_of(lock):
        for name in stack.compose_names.get(service.name, [service.name]):
            yield name, service
    for image in third_party_of(lock):
        yield image.name, image


def _is_in(stack: StackNames, name: str) -> bool:
    return stack.known is None or name in stack.known


def _service(name: str, pinned: Pinned, is_built: bool) -> Iterator[str]:
    yield f"  {scalar(name)}:"
    yield f"    image: {scalar(pinned.reference)}"
    if is_built:
        yield "    build: !reset null"
