"""One promotion at a time: a config of the swarm under a fixed name, whose labels say who has the lease.

The managers agree on every change of a config (Raft), creating one fails when its name is taken, and changing its
labels wants the version that was read: whoever read it before somebody else changed it is refused. So taking,
taking over, renewing and releasing are each one compare-and-swap, and of two that race one is told no. A release
leaves the config with its number, so that numbers keep rising. Ends are told in the manager's time, to the second.

What remains:
- Between `confirm` and the end of the operation that it allows lies the operation itself: an owner that is
  stopped for longer than its lease, right there, still carries out that one operation when it wakes up. Swarm
  knows no fencing numbers for services; the next `confirm` ends it.
- Reading goes to the manager that is asked. Behind a cut it may answer from what it knew last; it can change
  nothing there, since the others must agree, so neither a renewal nor an operation succeeds.
- Managers whose clocks differ end leases too early or too late by as much as they differ.
- Somebody who removes the config by hand takes the lease away and makes the swarm forget the number; then `above`
  alone, which comes from the ledger, keeps the numbers rising. The owner makes it again at the next `renew` or
  `confirm`, unless somebody was faster.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

from lockflight.adapters.target_swarm.lease_place import Entry, LeasePlace
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.target import Holder, LeaseLost

_TRIES = 50


class ConfigLease:
    """Implements the Lease port."""

    def __init__(self, place: LeasePlace, entry: Entry, seconds: int, clock: Clock, asked: float) -> None:
        self._place = place
        self._entry = entry
        self._seconds = seconds
        self._clock = clock
        self._due = self._due_after(asked)

    @property
    def number(self) -> int:
        return self._entry.holder.number

    def renew(self) -> None:
        asked = self._clock.monotonic()
        for _ in range(_TRIES):
            mine = self._ours()
            expires = self._place.now() + timedelta(seconds=self._seconds)
            longer = replace(self._entry, holder=replace(self._entry.holder, expires=expires))
            if self._place.write(longer, mine):
                self._due = self._due_after(asked)
                return
        raise OutsideError(f"the lease {self._place.name} is changed too often to be renewed")

    def confirm(self) -> None:
        if self._clock.monotonic() >= self._due:
            # It ran out, and whoever looks may take it: so it is made longer first.
            self.renew()
        elif self._ours() is None:
            self.renew()

    def release(self) -> None:
        """Only its own: the version that was read is the one that is changed."""
        for _ in range(_TRIES):
            found = self._place.find()
            if found is None or found.token != self._entry.token:
                return
            if self._place.write(replace(found, token=None), found):
                return

    def _ours(self) -> Entry | None:
        """As it stands on the swarm; None when somebody removed it. `LeaseLost` when another has it."""
        found = self._place.find()
        if found is not None and found.token != self._entry.token:
            now = f"; {found.holder.owner} has it now, as number {found.holder.number}" if found.token else ""
            raise LeaseLost(f"the lease {self._place.name}, number {self.number}, was taken over{now}")
        return found

    def _due_after(self, asked: float) -> float:
        # The manager's time is told without parts of a second.
        return asked + self._seconds - 1


def take(
    place: LeasePlace, owner: str, run: str | None, seconds: int, above: int, clock: Clock
) -> ConfigLease | Holder:
    """The lease, or who has it."""
    for _ in range(_TRIES):
        asked, found, now = clock.monotonic(), place.find(), place.now()
        if found is not None and found.token is not None and found.holder.expires > now:
            return found.holder
        number = max(above, found.holder.number if found else 0) + 1
        holder = Holder(number, owner, run, now, now + timedelta(seconds=seconds))
        entry = Entry(holder, uuid.uuid4().hex)
        if place.write(entry, found):
            return ConfigLease(place, entry, seconds, clock, asked)
    raise OutsideError(f"the lease {place.name} changes hands too often to be had", hint="try again")


def holder_of(place: LeasePlace) -> Holder | None:
    found = place.find()
    if found is None or found.token is None:
        return None
    return found.holder if found.holder.expires > place.now() else None
