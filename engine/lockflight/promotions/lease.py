"""Holding an environment's lease for as long as a promotion takes: taken, waited for, kept alive, let go."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lockflight.errors import NotYet, OutsideError
from lockflight.logs import log
from lockflight.models import utc_text
from lockflight.ports.clock import Clock
from lockflight.ports.target import Holder, Lease, LeaseLost, Target
from lockflight.stacks.owner import Owner, state_of, this_process

# So often in the life of a lease it is renewed: a slow engine may miss some.
_BEATS = 4
_ASK_AGAIN = 2.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a lease is asked for with; its number is to be above `above`, and it lives for so many seconds."""

    environment: str
    owner: str
    run_url: str | None
    above: int
    seconds: int
    # How long to wait for somebody else's, and who is told of whom one waits for.
    wait: float
    waiting: Callable[[Holder], None]


@dataclass
class Held:
    """A lease with its heartbeat. `confirm` is asked before every change."""

    lease: Lease
    every: float
    _lost: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def number(self) -> int:
        return self.lease.number

    def confirm(self) -> None:
        """`LeaseLost` when it is somebody else's now, or when its heartbeat could not be given for too long."""
        if self._lost.is_set():
            raise LeaseLost
        self.lease.confirm()

    def beat(self) -> None:
        """Keep it alive until it is over; runs in a thread of its own."""
        while not self._over.wait(self.every):
            try:
                self.lease.renew()
            except LeaseLost:
                self._lost.set()
                return
            except OutsideError as error:
                # The next beat may get through; if none does, it runs out and `confirm` says so.
                log.event("heartbeat", number=self.number, failed=str(error))

    def end(self) -> None:
        self._over.set()


@contextlib.contextmanager
def held(target: Target, clock: Clock, claim: Claim) -> Iterator[Held]:
    """The lease for the time of the block; `NotYet` where somebody else has it for longer than one waits."""
    lease = Held(_taken(target, clock, claim), claim.seconds / _BEATS)
    heart = threading.Thread(target=lease.beat, name="lockflight-lease", daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        lease.end()
        with contextlib.suppress(OutsideError, LeaseLost):
            lease.lease.release()


def _taken(target: Target, clock: Clock, claim: Claim) -> Lease:
    begun = clock.monotonic()
    while True:
        answer = target.take_lease(claim.environment, claim.owner, claim.run_url, claim.seconds, claim.above)
        if not isinstance(answer, Holder):
            return answer
        # What a killed process of this machine left behind runs out soon, and nobody else is in the way.
        patience = max(claim.wait, claim.seconds + 2 * _ASK_AGAIN) if _is_gone(answer) else claim.wait
        if clock.monotonic() - begun >= patience:
            raise _busy(claim.environment, answer)
        claim.waiting(answer)
        clock.sleep(_ASK_AGAIN)


def owner_called(name: str) -> str:
    """This process as the owner of a lease: who it is for people, and by what it is known to be gone."""
    return f"{name} {this_process()}"


def shown(owner: str) -> str:
    """The part that is for people."""
    return owner.partition(" ")[0]


def _is_gone(holder: Holder) -> bool:
    return state_of(holder.owner.partition(" ")[2]) is Owner.GONE


def _busy(environment: str, holder: Holder) -> NotYet:
    where = f" ({holder.run})" if holder.run else ""
    return NotYet(
        f"{environment} is being promoted by {shown(holder.owner)}{where}, since {utc_text(holder.since)}",
        hint=f"'--wait 10m' waits for it; if that process is gone, its lease runs out at {utc_text(holder.expires)}",
        code="lease-held",
    )
