"""History tells each promotion once: from which lock to which, by whom, how long, and how it ended."""

from __future__ import annotations

import pytest

from lockflight.ledger.history import Outcome, promotions
from lockflight.ports.ledger_event import Answer, Event
from tests.ledger.builders import RUN, at, event, gone_back, lock, passed, rollback


def test_a_promotion_that_succeeded_is_told_whole() -> None:
    (one,) = promotions(passed(7, "b", "a", person="Ada"))
    assert (one.environment, one.number, one.outcome) == ("staging", 7, "succeeded")
    assert (one.previous, one.lock, one.now_on, one.back_to) == (lock("a"), lock("b"), lock("b"), None)
    assert (one.started, one.ended, one.seconds) == (at(7), at(7, 30), 30)
    assert (one.person, one.run, one.reason, one.is_rollback) == ("Ada", RUN, None, False)


def test_a_promotion_that_went_back_says_why_and_where_to() -> None:
    (one,) = promotions(gone_back(7, "b", "a"))
    assert (one.outcome, one.reason) == ("rolled-back", "cart is unhealthy")
    assert (one.lock, one.back_to, one.now_on) == (lock("b"), lock("a"), lock("a"))
    assert one.seconds == 50


def test_a_rollback_is_a_promotion_of_the_older_lock() -> None:
    _, one = promotions([*passed(7, "b", "a"), *rollback(8, "a", "b")])
    assert (one.is_rollback, one.outcome, one.previous, one.now_on) == (
        True,
        "succeeded",
        lock("b"),
        lock("a"),
    )


def test_a_rollback_may_also_end_by_being_back() -> None:
    told = [event("started", 8, "a", rollback=True, previous=lock("b")), event("rolled-back", 8, "a")]
    (one,) = promotions(told)
    assert (one.outcome, one.now_on) == ("succeeded", lock("a"))


def test_a_rollback_that_failed_and_went_back_is_no_success() -> None:
    told = [
        event("started", 8, "a", rollback=True, previous=lock("b")),
        event("failed", 8, "a"),
        event("rolled-back", 8, "b", previous=lock("a")),
    ]
    (one,) = promotions(told)
    assert (one.outcome, one.now_on) == ("rolled-back", lock("b"))


def test_a_promotion_that_a_gate_stopped_says_which() -> None:
    gates = {
        "soak": Answer(outcome="not-yet", says="4 h of 24 h"),
        "freeze": Answer(outcome="refused", says="the fair is on"),
        "smoke": Answer(outcome="passed", says="200"),
    }
    (one,) = promotions([event("gated", 7, gates=gates)])
    assert (one.outcome, one.reason) == ("refused", "freeze: the fair is on; soak: 4 h of 24 h")
    assert (one.seconds, one.settled) == (0, False)


def test_a_rollback_to_a_lock_that_is_there_already_may_fail_too() -> None:
    told = [
        event("started", 8, "a", rollback=True, previous=lock("a")),
        event("failed", 8, "a"),
        event("rolled-back", 8, "a", previous=lock("a")),
    ]
    assert [one.outcome for one in promotions(told)] == ["rolled-back"]


PASSED = passed(7, "b", "a")
BACK = [*PASSED[:3], *gone_back(7, "b", "a")[1:]]


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (PASSED[:1], "unfinished"),
        (PASSED[1:2], "unfinished"),
        (PASSED[:2], "unfinished"),
        (PASSED[:3], "unfinished"),
        (PASSED, "succeeded"),
        (BACK[:4], "failed"),
        (BACK, "rolled-back"),
        ([*PASSED, BACK[3]], "failed"),
        ([*PASSED, *BACK[3:]], "rolled-back"),
    ],
)
def test_a_promotion_that_was_cut_off_is_unfinished_until_it_has_an_end(
    events: list[Event], outcome: Outcome
) -> None:
    (one,) = promotions(events)
    assert one.outcome == outcome
    assert (one.ended is None) == (outcome == "unfinished")
    assert one.settled == (outcome in ("succeeded", "rolled-back"))


def test_a_failed_promotion_that_left_two_locks_says_so_until_it_is_back() -> None:
    (left,) = promotions(gone_back(7, "b", "a", mixed=True)[:2])
    assert left.is_mixed
    (back,) = promotions(gone_back(7, "b", "a", mixed=True))
    assert not back.is_mixed


def test_what_persons_say_is_no_promotion() -> None:
    words = [
        event("held", 1),
        event("let-go", 2),
        event("approved", 3),
        event("marked", 4),
        event("withdrawn", 5),
    ]
    assert promotions([*words, event("overridden", 6), event("released", 6)]) == ()


def test_an_end_whose_beginning_was_lost_is_still_told() -> None:
    (good,) = promotions([event("succeeded", 7, "b")])
    assert (good.outcome, good.lock) == ("succeeded", lock("b"))
    (back,) = promotions([event("rolled-back", 7, "a", previous=lock("b"))])
    assert (back.outcome, back.lock, back.now_on) == ("rolled-back", lock("b"), lock("a"))


def test_a_clock_that_jumped_back_makes_no_negative_length() -> None:
    (one,) = promotions([event("started", 7, time=at(9)), event("succeeded", 7, time=at(8))])
    assert one.seconds == 0


def test_migrations_of_all_steps_are_known() -> None:
    told = [event("started"), event("deployed", migrations=["b", "a"]), event("failed", migrations=["b"])]
    (one,) = promotions(told)
    assert one.migrations == ("a", "b")
