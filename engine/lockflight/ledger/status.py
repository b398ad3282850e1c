"""Where every environment stands: what runs there, what ran well before, and what persons said about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lockflight.ledger.history import Promotion, promotions
from lockflight.ports.ledger_event import Event, in_order


@dataclass(frozen=True, slots=True)
class Stay:
    """A lock with which an environment's checks passed. None stands for what had run there by hand."""

    lock: str | None
    since: datetime
    promotion: Promotion


@dataclass(frozen=True, slots=True)
class Standing:
    """All of one environment that follows from its events; marks of other environments count here too."""

    environment: str
    # Every stay, the oldest first; the last is what is to run there now.
    stays: tuple[Stay, ...]
    promotions: tuple[Promotion, ...]
    # The event that last withdrew a lock, or marked it bad, by lock.
    withdrawn: Mapping[str, Event]
    bad: Mapping[str, Event]
    holds: tuple[Event, ...]
    # Who approved, by lock, each person once and in order.
    approvals: Mapping[str, tuple[str, ...]]
    # The tags of released locks.
    released: Mapping[str, str]

    @property
    def current(self) -> str | None:
        """The last lock that passed its checks and was not rolled back; None before the first."""
        return self.stays[-1].lock if self.stays else None

    @property
    def since(self) -> datetime | None:
        """Since when the current lock is there without another between."""
        others = [number for number, stay in enumerate(self.stays) if stay.lock != self.current]
        first = others[-1] + 1 if others else 0
        return self.stays[first].since if self.stays else None

    @property
    def running(self) -> str | None:
        """The lock that a rollback leaves: that of a promotion which never settled, else the current one."""
        return self.unsettled.lock if self.unsettled else self.current

    @property
    def earlier(self) -> tuple[Stay, ...]:
        """The stays of all locks but the running one, the newest first, each lock once."""
        found: dict[str | None, Stay] = {}
        for stay in reversed(self.stays):
            if stay.lock != self.running:
                found.setdefault(stay.lock, stay)
        return tuple(found.values())

    @property
    def previous_good(self) -> str | None:
        """Where a rollback goes if nothing else is asked for."""
        return next((stay.lock for stay in self.earlier if stay.lock and not self.objection(stay.lock)), None)

    @property
    def last(self) -> Promotion | None:
        """The newest promotion, however it ended."""
        return self.promotions[-1] if self.promotions else None

    @property
    def unsettled(self) -> Promotion | None:
        """The newest promotion that touched the environment, where it left it as no check has seen it."""
        touching = [promotion for promotion in self.promotions if promotion.outcome != "refused"]
        return touching[-1] if touching and not touching[-1].settled else None

    @property
    def ran_before(self) -> Event | None:
        """The event that says what ran here by hand before lockflight came."""
        events = (event for promotion in self.promotions for event in promotion.events)
        return next((event for event in events if event.ran_before), None)

    def objection(self, lock: str) -> str | None:
        """Why this lock is not to be promoted here, or None."""
        for word, events in (("marked bad", self.bad), ("withdrawn", self.withdrawn)):
            if lock in events:
                by = f" by {events[lock].person}" if events[lock].person else ""
                return f"it is {word}{by}: {events[lock].reason}"
        return None


def standing(environment: str, events: Iterable[Event], bad: Mapping[str, Event] | None = None) -> Standing:
    """Where one environment stands; `bad` are the marks of all environments, if not only its own count."""
    told = in_order(events)
    history = promotions(told)
    settled = [promotion for promotion in history if promotion.settled]
    stays = tuple(Stay(promotion.now_on, _end(promotion), promotion) for promotion in settled)
    return Standing(
        environment=environment,
        stays=stays,
        promotions=history,
        withdrawn=_withdrawn(told, history),
        bad=bad_marks(told) if bad is None else bad,
        holds=_holds(told),
        approvals=_approvals(told),
        released={
            event.tag: event.lock for event in told if event.kind == "released" and event.tag and event.lock
        },
    )


def standings(events: Mapping[str, Iterable[Event]]) -> dict[str, Standing]:
    """Where all environments stand. A lock that was marked bad in one of them is bad everywhere."""
    told = {environment: in_order(its) for environment, its in sorted(events.items())}
    bad = bad_marks(event for its in told.values() for event in its)
    return {environment: standing(environment, its, bad) for environment, its in told.items()}


def bad_marks(events: Iterable[Event]) -> dict[str, Event]:
    """The marks, by lock."""
    return {event.lock: event for event in events if event.kind == "marked" and event.lock}


def _end(promotion: Promotion) -> datetime:
    return promotion.ended or promotion.started


def _withdrawn(events: tuple[Event, ...], history: tuple[Promotion, ...]) -> dict[str, Event]:
    """A lock that was promoted again on purpose, and passed, is withdrawn no more."""
    passed = [
        (promotion.number, promotion.now_on) for promotion in history if promotion.outcome == "succeeded"
    ]
    latest = {event.lock: event for event in events if event.kind == "withdrawn" and event.lock}
    return {
        lock: event
        for lock, event in latest.items()
        if not any(number > event.number and again == lock for number, again in passed)
    }


def _holds(events: tuple[Event, ...]) -> tuple[Event, ...]:
    let_go = max((event.number for event in events if event.kind == "let-go"), default=0)
    return tuple(event for event in events if event.kind == "held" and event.number >= let_go)


def _approvals(events: tuple[Event, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for event in events:
        if event.kind == "approved" and event.lock and event.person:
            found.setdefault(event.lock, {})[event.person] = None
    return {lock: tuple(persons) for lock, persons in found.items()}
