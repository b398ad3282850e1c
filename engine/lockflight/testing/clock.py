"""A clock that a test turns by hand: waiting takes no time, and everything that was waited for is known."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements the Clock port. `sleep` moves the time on at once; `slept` holds every wait in order."""

    def __init__(self, start: datetime = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._passed = 0.0
        self._guard = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return (self._start + timedelta(seconds=self._passed)).replace(microsecond=0)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        with self._guard:
            self.slept.append(seconds)
            self._passed += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody having waited for it."""
        with self._guard:
            self._passed += seconds
