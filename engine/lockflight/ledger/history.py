"""What happened: the promotions of an environment, told by its events and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from lockflight.ports.ledger_event import Event, Kind, Run, in_order

# `refused`: a gate said no, and nothing was touched. `unfinished`: cut off, or at work right now.
Outcome = Literal["succeeded", "failed", "rolled-back", "refused", "unfinished"]
# The events that a promotion itself writes.
_OF_A_PROMOTION: frozenset[Kind] = frozenset(
    {"gated", "started", "deployed", "succeeded", "failed", "rolled-back"}
)


@dataclass(frozen=True, slots=True)
class Promotion:
    """One number's promotion: from which lock to which, when, by whom, and how it ended."""

    environment: str
    number: int
    lock: str | None
    previous: str | None
    outcome: Outcome
    started: datetime
    ended: datetime | None
    # Where a failed promotion's environment is again; None as well for what had run there by hand.
    back_to: str | None
    is_rollback: bool
    # Parts of two locks were left running.
    is_mixed: bool
    reason: str | None
    person: str | None
    run: Run | None
    migrations: tuple[str, ...]
    events: tuple[Event, ...]

    @property
    def seconds(self) -> float | None:
        """How long it took; a clock that jumped back makes it no less than nothing."""
        return max(0.0, (self.ended - self.started).total_seconds()) if self.ended else None

    @property
    def settled(self) -> bool:
        """Whether the environment's checks passed at its end, with this lock or with the one before."""
        return self.outcome in ("succeeded", "rolled-back")

    @property
    def now_on(self) -> str | None:
        """The lock that the environment is on after it, where it settled."""
        return self.lock if self.outcome == "succeeded" else self.back_to

    def event(self, kind: Kind) -> Event | None:
        return next((event for event in self.events if event.kind == kind), None)


def promotions(events: Iterable[Event]) -> tuple[Promotion, ...]:
    """The promotions of one environment, the oldest first; those that the gates stopped are among them."""
    own = (event for event in in_order(events) if event.kind in _OF_A_PROMOTION)
    return tuple(_promotion(tuple(group)) for _, group in groupby(own, key=lambda event: event.number))


def _promotion(events: tuple[Event, ...]) -> Promotion:
    by_kind: dict[Kind, Event] = {event.kind: event for event in events}
    first = by_kind.get("started", events[0])
    failed, back = by_kind.get("failed"), by_kind.get("rolled-back")
    outcome = _outcome(by_kind, first)
    # Going back says which lock runs again; what was to be promoted is what was left.
    lock = first.previous if first.kind == "rolled-back" else first.lock
    return Promotion(
        environment=first.environment,
        number=first.number,
        lock=lock,
        previous=None if first.kind == "rolled-back" else first.previous,
        outcome=outcome,
        started=first.time,
        ended=None if outcome == "unfinished" else events[-1].time,
        back_to=back.lock if back else None,
        is_rollback=first.rollback,
        is_mixed=bool(failed and failed.mixed and not back),
        reason=_reason(by_kind, outcome),
        person=next((event.person for event in events if event.person), None),
        run=next((event.run for event in (first, *events) if event.run), None),
        migrations=tuple(sorted({name for event in events for name in event.migrations})),
        events=events,
    )


def _outcome(by_kind: dict[Kind, Event], first: Event) -> Outcome:
    back = by_kind.get("rolled-back")
    if back is not None:
        # Where a person asked to go back, being back is what was wanted.
        is_wanted = first.rollback and back.lock == first.lock and "failed" not in by_kind
        return "succeeded" if is_wanted else "rolled-back"
    if "failed" in by_kind:
        return "failed"
    if "succeeded" in by_kind:
        return "succeeded"
    is_stopped = "started" not in by_kind and "deployed" not in by_kind and _denied(by_kind["gated"])
    return "refused" if is_stopped else "unfinished"


def _denied(gated: Event) -> list[str]:
    """What the gates that did not open said."""
    return [
        f"{name}: {answer.says}" for name, answer in sorted(gated.gates.items()) if answer.outcome != "passed"
    ]


def _reason(by_kind: dict[Kind, Event], outcome: Outcome) -> str | None:
    said = [by_kind[kind].reason for kind in ("failed", "rolled-back", "started") if kind in by_kind]
    if outcome == "refused":
        said.append("; ".join(_denied(by_kind["gated"])))
    return next((reason for reason in said if reason), None)
