"""One promotion at a time: a container that is created under a fixed name and never started.

The engine gives a name to one container only, so creating it is the step that excludes everybody else, wherever
they run. Everything after that goes by the container's id: a late owner can neither renew nor remove the lease of
the one who came after, and finds that its own is gone. Ends are told in the engine's time, to the second.

A number is handed out once. It is above the caller's `above`, above that of the lease that is taken over, and
above the highest that the engine remembers (a volume), which is read once more after the name was won: whoever
chose a number and was then overtaken gives way and chooses again.

What remains:
- Between `confirm` and the end of the operation that it allows lies the operation itself: an owner that is
  stopped for longer than its lease, right there, still carries out that one operation when it wakes up. The
  engine knows no fencing numbers; the next `confirm` ends it.
- An owner whose lease has run out, and who renews it in the moment in which somebody else takes it over, may
  be told yes, and hears of it at the next `confirm`.
- `docker container prune` takes the container away, since it does not run. Then the owner makes it again under
  its own number at the next `renew` or `confirm`, unless somebody was faster. `docker volume prune` makes the
  engine forget the numbers; then `above` alone, which comes from the ledger, keeps them rising.
- A clock of the engine that jumps forward ends leases too early, backward too late, by as much as it jumps.
"""

from __future__ import annotations

from dataclasses import replace

from lockflight.adapters.target_compose.lease_place import Found, LeasePlace, after
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.target import Holder, LeaseLost

_TRIES = 50
_PAUSE_SECONDS = 0.1


def _due(asked: float, seconds: int) -> float:
    """When an owner can no longer be sure of his lease: the engine's time is told without parts of a second."""
    return asked + seconds - 1


class ContainerLease:
    """Implements the Lease port."""

    def __init__(self, place: LeasePlace, container: str, holder: Holder, seconds: int, clock: Clock) -> None:
        self._place = place
        self._container = container
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._due = _due(clock.monotonic(), seconds)

    @property
    def number(self) -> int:
        return self._holder.number

    def renew(self) -> None:
        asked = self._clock.monotonic()
        expires = after(self._place.now(), self._seconds)
        if not self._place.write(self._container, expires):
            self._make_again()
        self._due = _due(asked, self._seconds)

    def confirm(self) -> None:
        if self._clock.monotonic() >= self._due:
            # It ran out, and whoever looks may take it: so it is made longer first.
            self.renew()
        elif not self._place.exists(self._container):
            self._make_again()

    def release(self) -> None:
        self._place.remove(self._container)

    def _make_again(self) -> None:
        """A clean-up of the engine may have taken it. If it was somebody who wants the lease, then he has the
        name, or has left his higher number."""
        holder = replace(self._holder, expires=after(self._place.now(), self._seconds))
        container = _create(self._place, holder, self._clock)
        if container is None:
            raise LeaseLost(self._lost())
        if self._place.highest_number() > self.number:
            self._place.remove(container)
            raise LeaseLost(self._lost())
        self._container = container

    def _lost(self) -> str:
        found = self._place.find()
        now = f"; {found.holder.owner} has it now, as number {found.holder.number}" if found else ""
        return f"the lease {self._place.name}, number {self.number}, ran out and was taken over{now}"


def take(
    place: LeasePlace, owner: str, run: str | None, seconds: int, above: int, clock: Clock
) -> ContainerLease | Holder:
    """The lease, or who has it."""
    for _ in range(_TRIES):
        now, found = place.now(), place.find()
        if found is not None and found.holder.expires > now:
            return found.holder
        number = max(above, place.highest_number(), found.holder.number if found else 0) + 1
        if found is not None:
            place.remove(found.id)
        holder = Holder(number, owner, run, now, after(now, seconds))
        container = _create(place, holder, clock)
        if container is not None and _is_fresh(place, container, number):
            return ContainerLease(place, container, holder, seconds, clock)
        # Somebody else was faster: he has it, or has had it already.
    raise OutsideError(f"the lease {place.name} changes hands too often to be had", hint="try again")


def _create(place: LeasePlace, holder: Holder, clock: Clock) -> str | None:
    """None when somebody else has the name. While the engine removes the container before it, nobody has."""
    for _ in range(_TRIES):
        container = place.create(holder)
        if container is not None or place.find() is not None:
            return container
        place.bury()
        clock.sleep(_PAUSE_SECONDS)
    return None


def _is_fresh(place: LeasePlace, container: str, number: int) -> bool:
    """Whether nobody has had the number since it was chosen; from now on nobody will."""
    try:
        fresh = place.highest_number() < number
        if fresh:
            place.remember(number)
            return True
    except BaseException:
        place.remove(container)
        raise
    place.remove(container)
    return False


def holder_of(place: LeasePlace) -> Holder | None:
    found: Found | None = place.find()
    return found.holder if found is not None and found.holder.expires > place.now() else None
