"""Which stacks there are, told by the labels of what is left of them. Pure: data in, data out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from lockflight.ports import stack_engine as port
from lockflight.ports.stack_engine import StackFound

Labels = Mapping[str, str]


def found(containers: Iterable[Labels], others: Iterable[Labels]) -> tuple[StackFound, ...]:
    """The stacks of these containers, and of these networks and volumes."""
    groups: dict[str, list[Labels]] = defaultdict(list)
    numbers: dict[str, int] = defaultdict(int)
    for labels in containers:
        groups[labels[port.STACK]].append(labels)
        numbers[labels[port.STACK]] += 1
    for labels in others:
        groups[labels[port.STACK]].append(labels)
    return tuple(_stack(name, groups[name], numbers[name]) for name in sorted(groups))


def _stack(name: str, labels: list[Labels], containers: int) -> StackFound:
    # Whatever is left of a stack may be what knows the least about it.
    known = {key: value for one in reversed(labels) for key, value in one.items() if value}
    return StackFound(
        name=name,
        project=known.get(port.PROJECT, ""),
        lock=known.get(port.LOCK, ""),
        purpose=known.get(port.PURPOSE, ""),
        owner=known.get(port.OWNER),
        alone=known.get(port.ALONE) == "true",
        containers=containers,
        home=known.get(port.HOME),
    )
