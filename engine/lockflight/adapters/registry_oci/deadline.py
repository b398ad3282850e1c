"""How long an operation may take altogether, with everything that is tried again."""

from __future__ import annotations

from lockflight.ports.clock import Clock


class TooLate(TimeoutError):
    """The operation's time is over."""


class Deadline:
    """A moment that is not to be passed, whatever happens underway."""

    __slots__ = ("_clock", "_ends", "seconds")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + seconds
        self.seconds = seconds

    def remaining(self) -> float:
        """The seconds left; `TooLate` when there are none."""
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TooLate
        return left

    def check(self) -> None:
        self.remaining()

    def allows(self, seconds: float) -> bool:
        """Whether there is time to wait that long and still do something afterwards."""
        return self._clock.monotonic() + seconds < self._ends
