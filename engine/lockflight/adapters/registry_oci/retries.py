"""Trying again: which failures pass by themselves, how long to wait, and when to stop hoping."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.ports.clock import Clock

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_ATTEMPTS = 6
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 10.0

Outcome = TypeVar("Outcome")


class Transient(Exception):
    """An attempt failed in a way that may pass. `wait` is how long the other side asked to be left alone."""

    def __init__(
        self, why: str, *, wait: float | None = None, hint: str | None = None, is_answer: bool = False
    ) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.hint = hint
        self.is_answer = is_answer


class GaveUp(Exception):
    """The last of several attempts failed too. Silent means that all the time passed without any answer."""

    def __init__(self, why: str, hint: str | None = None, *, is_silent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.is_silent = is_silent


def persist(attempt: Callable[[], Outcome], clock: Clock, deadline: Deadline) -> Outcome:
    """Call `attempt` until it does not end in `Transient`, with longer and longer waits between."""
    is_silent = True
    for number in range(1, _ATTEMPTS + 1):
        try:
            return attempt()
        except Transient as failure:
            is_silent = is_silent and not failure.is_answer
            wait = failure.wait if failure.wait is not None else backoff(number)
            if number == _ATTEMPTS:
                raise GaveUp(f"{failure.why} ({_ATTEMPTS} attempts)", failure.hint) from failure
            if not deadline.allows(wait):
                raise GaveUp(_out_of_time(failure, deadline), failure.hint, is_silent=is_silent) from failure
            clock.sleep(wait)
    raise AssertionError("the loop ends by itself")  # pragma: no cover


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, written as a number or as a date."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def backoff(number: int) -> float:
    """How long to wait after the first, second, … failure in a row."""
    # Clients that failed together must not all come back together.
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (number - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreading load, no secret


def _out_of_time(failure: Transient, deadline: Deadline) -> str:
    if failure.wait is not None:
        return f"{failure.why} and asked to wait {failure.wait:.0f} s; {deadline.seconds:.0f} s are allowed"
    return f"{failure.why}; no answer within {deadline.seconds:.0f} s"


class Breaker:
    """Stops asking a registry that failed several operations in a row, so that 1,000 images fail fast.

    One operation is enough where it waited out its whole time in silence: that time is not spent twice.
    After a rest one caller is let through to see whether it is back; the others are still refused.
    """

    def __init__(self, clock: Clock, *, threshold: int = 5, rest_seconds: float = 30) -> None:
        self._clock = clock
        self._threshold = threshold
        self._rest = rest_seconds
        self._failures = 0
        self._again_at: float | None = None
        self._guard = threading.Lock()
        self._succeeded_at = float("-inf")
        self.reason = ""
        self.hint: str | None = None

    def is_open(self) -> bool:
        """Whether to fail at once. Costs nothing while all is well."""
        again_at = self._again_at
        if again_at is None:
            return False
        now = self._clock.monotonic()
        if now < again_at:
            return True
        with self._guard:
            if self._again_at != again_at:
                # Another caller was let through a moment ago, and perhaps has come back already.
                return self._again_at is not None
            self._again_at = now + self._rest
            return False

    def succeeded(self) -> None:
        self._succeeded_at = self._clock.monotonic()
        if self._failures:
            with self._guard:
                self._failures, self._again_at = 0, None

    def failed(self, why: str, hint: str | None = None, *, silent_since: float | None = None) -> None:
        """Count a failure; `silent_since` is when an operation began that no answer came to."""
        with self._guard:
            self._failures += 1
            self.reason, self.hint = why, hint
            # Where others got their answers meanwhile, one that did not says little.
            is_silent = silent_since is not None and self._succeeded_at < silent_since
            if is_silent or self._failures >= self._threshold:
                self._again_at = self._clock.monotonic() + self._rest
