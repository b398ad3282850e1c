"""The breaker by itself: who is let through when several callers come at the same moment."""

from __future__ import annotations

from collections.abc import Callable

from lockflight.adapters.registry_oci.retries import Breaker
from lockflight.testing.clock import FakeClock


class MeetingClock(FakeClock):
    """A clock at which another caller turns up exactly while the first one looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self.meet: Callable[[], None] | None = None

    def monotonic(self) -> float:
        meet, self.meet = self.meet, None
        if meet is not None:
            meet()
        return super().monotonic()


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker(clock, threshold=3, rest_seconds=30)
    for _ in range(3):
        assert not breaker.is_open()
        breaker.failed("503")
    assert breaker.is_open()
    return breaker


def test_of_two_callers_after_the_rest_one_is_let_through() -> None:
    clock = MeetingClock()
    breaker = opened(clock)
    clock.advance(31)
    others: list[bool] = []
    clock.meet = lambda: others.append(breaker.is_open())
    assert breaker.is_open()
    assert others == [False]
    assert breaker.is_open()


def test_one_operation_that_waited_in_silence_is_enough() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    began = clock.monotonic()
    clock.advance(60)
    breaker.failed("no answer", silent_since=began)
    assert breaker.is_open()


def test_silence_to_one_while_others_are_answered_says_little() -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    began = clock.monotonic()
    clock.advance(30)
    breaker.succeeded()
    breaker.failed("no answer", silent_since=began)
    assert not breaker.is_open()


def test_when_that_one_succeeds_all_are_let_through() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(31)
    assert not breaker.is_open()
    breaker.succeeded()
    assert not breaker.is_open()
    breaker.failed("503")
    assert not breaker.is_open()


def test_a_caller_who_meets_the_one_that_succeeded_is_let_through() -> None:
    clock = MeetingClock()
    breaker = opened(clock)
    clock.advance(31)
    clock.meet = breaker.succeeded
    assert not breaker.is_open()


def test_when_that_one_never_comes_back_another_is_let_through_after_another_rest() -> None:
    clock = FakeClock()
    breaker = opened(clock)
    clock.advance(31)
    assert not breaker.is_open()
    assert breaker.is_open()
    clock.advance(31)
    assert not breaker.is_open()
