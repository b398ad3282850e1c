"""Status says where an environment stands, from its events alone."""

from __future__ import annotations

from lockflight.ledger.status import standing, standings
from lockflight.ports.ledger_event import Event, RanBefore
from tests.ledger.builders import at, event, gone_back, lock, passed, rollback

A, B, C = lock("a"), lock("b"), lock("c")
THREE = [*passed(1, "a"), *passed(2, "b", "a"), *passed(3, "c", "b")]


def test_nothing_is_known_of_an_environment_without_events() -> None:
    empty = standing("staging", [])
    assert (empty.current, empty.since, empty.previous_good, empty.last, empty.unsettled) == (None,) * 5


def test_the_current_lock_is_the_last_that_succeeded() -> None:
    now = standing("staging", THREE)
    assert (now.current, now.since, now.previous_good) == (C, at(3, 30), B)
    assert now.last is not None
    assert now.last.number == 3


def test_a_promotion_that_went_back_leaves_the_lock_before() -> None:
    now = standing("staging", [*THREE, *gone_back(4, "d", "c")])
    assert (now.current, now.previous_good, now.unsettled) == (C, B, None)
    assert now.since == at(3, 30)


def test_a_lock_that_succeeded_and_then_failed_is_not_current() -> None:
    late = [*passed(4, "d", "c"), *gone_back(4, "d", "c")[1:]]
    assert standing("staging", [*THREE, *late]).current == C


def test_a_refused_or_unfinished_promotion_changes_nothing_but_is_shown() -> None:
    now = standing("staging", [*THREE, event("started", 4, "d", previous=C)])
    assert now.current == C
    assert now.unsettled is not None
    assert (now.unsettled.number, now.unsettled.outcome) == (4, "unfinished")


def test_a_failed_promotion_that_stayed_leaves_the_environment_unsettled_until_the_next_success() -> None:
    failed = [*THREE, *gone_back(4, "d", "c")[:2]]
    now = standing("staging", failed)
    assert (now.current, now.unsettled and now.unsettled.outcome) == (C, "failed")
    assert (now.running, now.previous_good) == (lock("d"), C)
    assert standing("staging", [*failed, *passed(5, "e", "c")]).unsettled is None


def test_a_rollback_withdraws_the_lock_that_was_there() -> None:
    now = standing("staging", [*THREE, *rollback(4, "b", "c")])
    assert (now.current, now.previous_good) == (B, A)
    assert now.objection(C) == "it is withdrawn: it was rolled back"
    assert now.objection(B) is None


def test_a_withdrawn_lock_that_passed_again_is_withdrawn_no_more() -> None:
    again = [*THREE, *rollback(4, "b", "c"), *passed(5, "c", "b", again=True)]
    now = standing("staging", again)
    assert (now.current, now.withdrawn, now.previous_good) == (C, {}, B)
    assert standing("staging", [*again, *rollback(6, "b", "c")]).objection(C)


def test_a_withdrawn_lock_that_was_tried_again_and_failed_stays_withdrawn() -> None:
    tried = [*THREE, *rollback(4, "b", "c"), *gone_back(5, "c", "b")]
    assert standing("staging", tried).objection(C)


def test_a_lock_that_was_marked_bad_in_one_environment_is_bad_in_all() -> None:
    told = {"staging": [event("marked", 9, "b")], "production": in_production(THREE)}
    now = standings(told)["production"]
    assert now.objection(B) == "it is marked bad by Ada: loses orders"
    assert now.previous_good == A
    assert standing("production", told["production"]).previous_good == B


def in_production(events: list[Event]) -> list[Event]:
    return [event.model_copy(update={"environment": "production"}) for event in events]


def test_a_hold_lasts_until_it_is_let_go() -> None:
    held = [event("held", 4, person="Ada"), event("held", 5, person="Grace")]
    assert [hold.person for hold in standing("staging", held).holds] == ["Ada", "Grace"]
    assert standing("staging", [*held, event("let-go", 6)]).holds == ()
    assert len(standing("staging", [*held, event("let-go", 6), event("held", 7)]).holds) == 1


def test_a_hold_that_a_let_go_had_not_seen_stays() -> None:
    together = [event("held", 4, person="Ada"), event("let-go", 4, person="Grace", time=at(99))]
    assert [hold.person for hold in standing("staging", together).holds] == ["Ada"]


def test_each_person_approves_a_lock_once() -> None:
    told = [
        event("approved", 4, "b", person="Grace"),
        event("approved", 5, "b", person="Ada"),
        event("approved", 6, "b", person="Grace"),
        event("approved", 6, "c", person="Ada"),
    ]
    assert standing("staging", told).approvals == {B: ("Grace", "Ada"), C: ("Ada",)}


def test_promoting_the_same_lock_again_keeps_its_place_and_its_age() -> None:
    now = standing("staging", [*THREE, *passed(4, "c", "c"), *passed(5, "c", "c")])
    assert (now.current, now.since, now.previous_good) == (C, at(3, 30), B)


def test_what_ran_by_hand_is_remembered() -> None:
    before = {"cart": RanBefore(image="ghcr.io/acme/cart:1.2")}
    now = standing("staging", [*passed(1, "a", ran_before=before), *passed(2, "b", "a")])
    assert now.ran_before is not None
    assert now.ran_before.ran_before == before


def test_a_first_promotion_that_went_back_to_what_ran_by_hand_leaves_no_lock() -> None:
    told = [event("started", 1, "a"), event("failed", 1, "a"), event("rolled-back", 1, None, previous=A)]
    now = standing("staging", told)
    assert (now.current, now.unsettled) == (None, None)


def test_released_locks_are_known_by_their_tags() -> None:
    assert standing("staging", [event("released", 3, "c", tag="v3")]).released == {"v3": C}
