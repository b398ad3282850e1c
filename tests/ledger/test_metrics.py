"""The four delivery numbers, on histories small enough to count by hand."""

from __future__ import annotations

from datetime import timedelta

from lockflight.ledger.history import promotions
from lockflight.ledger.metrics import Metrics, made_at, metrics
from lockflight.ports.ledger_event import Answer, Event
from tests.ledger.builders import at, event, gone_back, lock, passed, rollback
from tests.locks import builders

MADE = {lock(word): at(0) for word in "abcdef"}
DAY = timedelta(days=1)


def of(events: list[Event], days: int = 2) -> Metrics:
    return metrics(promotions(events), MADE, at(0), at(0) + days * DAY)


def test_without_a_change_there_is_nothing_to_tell() -> None:
    assert of([]) == Metrics(0, 0, 0, 0.0, None, None, None)


def test_changes_that_succeed_are_counted_and_timed() -> None:
    found = of([*passed(1, "a"), *passed(3, "b", "a"), *passed(5, "c", "b")])
    assert (found.changes, found.deployments, found.failures, found.per_day) == (3, 3, 0, 1.5)
    assert found.lead_time == timedelta(minutes=3, seconds=30)
    assert (found.failure_rate, found.time_to_restore) == (0.0, None)


def test_a_change_that_went_back_failed_and_was_restored_by_itself() -> None:
    found = of([*passed(1, "a"), *gone_back(2, "b", "a")])
    assert (found.changes, found.deployments, found.failure_rate) == (2, 1, 0.5)
    assert found.time_to_restore == timedelta(seconds=50)


def test_a_change_that_a_person_rolled_back_failed_from_its_success_on() -> None:
    found = of([*passed(1, "a"), *passed(2, "b", "a"), *rollback(12, "a", "b")])
    assert (found.changes, found.deployments, found.failures) == (2, 2, 1)
    assert found.time_to_restore == timedelta(minutes=10)


def test_a_failure_that_stayed_is_restored_by_the_next_lock_that_passes() -> None:
    failed = [event("started", 2, "b", previous=lock("a")), event("failed", 2, "b")]
    found = of([*passed(1, "a"), *failed, *passed(4, "c", "a")])
    assert (found.changes, found.failures) == (3, 1)
    assert found.time_to_restore == timedelta(minutes=2, seconds=30)
    assert of([*passed(1, "a"), *failed]).time_to_restore is None


def test_a_lock_that_was_replaced_by_a_newer_one_did_not_fail() -> None:
    told = [*passed(1, "a"), *passed(2, "b", "a"), *passed(3, "c", "b"), *rollback(4, "b", "c")]
    assert of(told).failures == 1


def test_what_is_no_change_is_not_counted() -> None:
    refused = event("gated", 3, "b", gates={"soak": Answer(outcome="not-yet", says="4 h of 24 h")})
    unfinished = event("started", 4, "b")
    same_again = passed(5, "a", "a")
    assert of([*passed(1, "a"), refused, unfinished, *same_again]).changes == 1


def test_only_the_asked_for_time_counts() -> None:
    told = promotions([*passed(1, "a"), *passed(3, "b", "a"), *passed(5, "c", "b")])
    assert metrics(told, MADE, at(2), at(5)).deployments == 1


def test_a_lock_whose_making_is_unknown_has_no_lead_time() -> None:
    told = promotions([*passed(1, "a"), *passed(3, "unknown", "a")])
    assert metrics(told, MADE, at(0), at(9)).lead_time == timedelta(minutes=1, seconds=30)


def test_what_is_in_a_lock_came_about_with_its_newest_build() -> None:
    late = builders.CREATED + timedelta(hours=3)
    services = {"cart": builders.service(built=late), "orders": builders.service("orders")}
    assert made_at(builders.lock(services=services)) == late
    untold = builders.lock(services={"cart": builders.service(built=None)})
    assert made_at(untold) == untold.created
