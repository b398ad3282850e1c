"""The time, and waiting for it to pass."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is written down, monotonic time for deadlines."""

    def now(self) -> datetime:
        """The time of day, in UTC, with whole seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        ...

    def sleep(self, seconds: float) -> None: ...
