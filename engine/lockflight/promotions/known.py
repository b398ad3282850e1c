"""What the ledger says that gates need to know, as plain data."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lockflight.errors import LockflightError
from lockflight.ledger.status import Standing, standings
from lockflight.ports.forge import Approval
from lockflight.ports.ledger_event import Event
from lockflight.promotions.gates.model import Hold, Known, Stay
from lockflight.stacks.evidence import GATE

if TYPE_CHECKING:
    from lockflight.promotions.order import Order, World

Events = Mapping[str, tuple[Event, ...]]


def events_of(world: World, environment: str) -> Events:
    """Everything that the ledger says now, by environment; of this one also where that is nothing."""
    ledger = world.ledger
    followed = world.settings(environment).follows
    names = {*ledger.environments(), environment, *([followed] if followed else [])}
    return {name: ledger.events(name) for name in names}


def known_of(world: World, order: Order, events: Events) -> Known:
    """Of this lock, in the environment itself and in the one that it follows."""
    followed = world.settings(order.environment).follows
    all_standings = standings(events)
    own = all_standings[order.environment]
    lock_id = order.lock.id
    return Known(
        stay=_stay(all_standings[followed], lock_id) if followed else None,
        bad=own.bad[lock_id].reason if lock_id in own.bad else None,
        hold=_hold(own),
        approvals=tuple(_approvals(events[order.environment], lock_id)),
        evidence=_evidence(world, lock_id),
        override=order.override,
    )


def _stay(followed: Standing, lock_id: str) -> Stay | None:
    """When this lock came to the followed environment for the last time, and whether it still is there."""
    stays = followed.stays
    found = [number for number, stay in enumerate(stays) if stay.lock == lock_id]
    if not found:
        return None
    last = first = found[-1]
    while first > 0 and stays[first - 1].lock == lock_id:
        first -= 1
    until = stays[last + 1].since if last + 1 < len(stays) else None
    return Stay(stays[first].since, until, followed.objection(lock_id))


def _hold(own: Standing) -> Hold | None:
    if not own.holds:
        return None
    event = own.holds[-1]
    return Hold(event.reason or "", event.person or "", event.time)


def _approvals(events: tuple[Event, ...], lock_id: str) -> list[Approval]:
    return [
        Approval(event.person or "", lock_id, event.time)
        for event in events
        if event.kind == "approved" and event.lock == lock_id
    ]


def _evidence(world: World, lock_id: str) -> str | None:
    with contextlib.suppress(LockflightError):
        return world.ledger.evidence(lock_id).get(GATE)
    return None
