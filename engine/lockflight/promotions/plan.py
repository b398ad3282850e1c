"""From what runs and what is wanted to a list of operations, each with its cause. Pure: nothing is asked, nothing done.

Every service is held against what the target shows of it; what already is as it is to be is not touched. One-shot
services (migrations) run when they changed, after what they need and before what needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lockflight.ports.target import Kind, Operation, Running, Wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """What a promotion would do. The same two sides always give the same plan and the same text."""

    environment: str
    lock_id: str
    operations: tuple[Operation, ...]
    # Services that already are as they are to be.
    untouched: tuple[str, ...]
    # Services that run and are not in the lock, and are left alone.
    left_alone: tuple[str, ...] = ()
    # Services that somebody had deployed by hand: what ran before is recorded, so that there is a way back.
    adopted: tuple[Running, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not self.operations

    def __str__(self) -> str:
        lines = [f"{self.environment} <- lock {self.lock_id[:12]}"]
        lines += [f"  {operation}" for operation in self.operations]
        if self.untouched:
            lines.append(f"  untouched: {', '.join(self.untouched)}")
        if self.left_alone:
            lines.append(f"  not in the lock, left alone: {', '.join(self.left_alone)}")
        if not self.operations:
            lines.append("  nothing to do")
        return "\n".join(lines) + "\n"

    def as_data(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "lock": self.lock_id,
            "operations": [
                {"kind": one.kind, "service": one.service, "causes": list(one.causes), "before": one.before,
                 "after": one.after}
                for one in self.operations
            ],
            "untouched": list(self.untouched),
            "left_alone": list(self.left_alone),
            "adopted": [running.service for running in self.adopted],
        }  # fmt: skip


def plan(
    environment: str,
    lock_id: str,
    wanted: Sequence[Wanted],
    observed: Sequence[Running],
    *,
    unknown: Literal["keep", "remove"] = "keep",
) -> Plan:
    """`wanted` comes in dependency order, and so do the operations; removals come last."""
    running = {one.service: one for one in observed}
    names = {one.service for one in wanted}
    operations, untouched = [], []
    for service in in_order(wanted):
        operation = _operation(service, running.get(service.service))
        if operation is None:
            untouched.append(service.service)
        else:
            operations.append(operation)
    others = sorted(name for name in running if name not in names)
    gone = [_removal(running[name]) for name in others] if unknown == "remove" else []
    return Plan(
        environment,
        lock_id,
        (*operations, *gone),
        tuple(untouched),
        () if unknown == "remove" else tuple(others),
        tuple(running[name] for name in sorted(running) if running[name].by_hand),
    )


def in_order(wanted: Iterable[Wanted]) -> list[Wanted]:
    """What is needed before what needs it, otherwise as given; a circle is cut where it closes."""
    by_name = {one.service: one for one in wanted}
    done: dict[str, Wanted] = {}

    # Without recursion: a chain of five hundred services is deeper than Python likes.
    for first in by_name.values():
        waiting: list[tuple[Wanted, bool]] = [(first, False)]
        begun: set[str] = set()
        while waiting:
            service, needs_are_done = waiting.pop()
            if service.service in done:
                continue
            if needs_are_done or service.service in begun:
                done[service.service] = service
                continue
            begun.add(service.service)
            waiting.append((service, True))
            waiting += [
                (by_name[need], False)
                for need in reversed(service.needs)
                if need in by_name and need not in done and need not in begun
            ]
    return list(done.values())


def _operation(wanted: Wanted, running: Running | None) -> Operation | None:
    kind: Kind = "run" if wanted.one_shot else "create"
    if running is None:
        cause = "has not run yet" if wanted.one_shot else "does not run yet"
        return Operation(kind, wanted.service, (cause,), None, wanted.reference)
    causes = tuple(_causes(wanted, running))
    if not causes:
        return None
    if causes == (_replicas(wanted, running),):
        return Operation("scale", wanted.service, causes, str(running.replicas), str(wanted.replicas))
    change: Kind = "run" if wanted.one_shot else "update"
    return Operation(change, wanted.service, causes, shown(running), wanted.reference)


def _causes(wanted: Wanted, running: Running) -> Iterator[str]:
    if digest_of(wanted.reference) not in map(digest_of, running.references):
        yield f"image {short(shown(running))} -> {short(wanted.reference)}"
    if running.by_hand:
        yield "was deployed by hand"
    elif running.fingerprint != wanted.fingerprint:
        yield "its configuration changed"
    if wanted.one_shot:
        if running.failed:
            yield f"ended badly before: {running.state}"
        return
    if running.replicas != wanted.replicas:
        yield _replicas(wanted, running)
    if running.failed:
        yield f"is not well: {running.state}"


def _replicas(wanted: Wanted, running: Running) -> str:
    return f"replicas {running.replicas} -> {wanted.replicas}"


def _removal(running: Running) -> Operation:
    return Operation("remove", running.service, ("is not in the lock",), shown(running), None)


def shown(running: Running) -> str:
    """What runs, by digest where the target knows one."""
    return running.references[0] if running.references else running.shown


def digest_of(reference: str) -> str:
    """The digest of a reference; the reference itself where it has none."""
    return reference.rpartition("@")[2]


def short(reference: str) -> str:
    """`cart@3f9a1c02d4e5` for a person."""
    name, at, digest = reference.partition("@sha256:")
    return f"{name.rpartition('/')[2]}@{digest[:12]}" if at else name.rpartition("/")[2]
