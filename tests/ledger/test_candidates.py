"""Where a rollback may go, and what `--to` means."""

from __future__ import annotations

import pytest

from lockflight.errors import InputError, Refused
from lockflight.ledger.candidates import candidates, chosen, last_good
from lockflight.ledger.status import Standing, standing
from lockflight.ports.ledger_event import Answer, Event, RanBefore
from tests.ledger.builders import at, event, gone_back, lock, passed, rollback

A, B, C, D = lock("a"), lock("b"), lock("c"), lock("d")
FOUR = [*passed(1, "a"), *passed(2, "b", "a"), *passed(3, "c", "b"), *passed(4, "d", "c")]


def now(*more: Event) -> Standing:
    return standing("staging", [*FOUR, *more])


def test_candidates_are_the_locks_that_passed_here_newest_first_and_not_the_current_one() -> None:
    assert [one.lock for one in candidates(now())] == [C, B, A]
    assert [one.lock for one in candidates(now(*gone_back(5, "e", "d")))] == [C, B, A]


def test_a_rollback_without_a_wish_takes_the_last_good_one() -> None:
    assert last_good(now()).lock == C


def test_what_a_failed_or_cut_off_promotion_left_behind_is_left_for_the_lock_before_it() -> None:
    started = event("started", 5, "e", previous=D)
    for left in ([started], [started, event("failed", 5, "e", mixed=True)]):
        assert [one.lock for one in candidates(now(*left))] == [D, C, B, A]
        assert last_good(now(*left)).lock == D


def test_the_same_lock_that_failed_the_second_time_is_no_candidate() -> None:
    failed = [event("started", 5, "d", previous=D), event("failed", 5, "d")]
    assert last_good(now(*failed)).lock == C


def test_a_promotion_that_a_gate_stopped_left_nothing_behind() -> None:
    gates = {"soak": Answer(outcome="not-yet", says="4 h of 24 h")}
    assert last_good(now(event("gated", 5, "e", gates=gates))).lock == C


def test_a_bad_lock_is_listed_with_the_reason_and_skipped() -> None:
    marked = now(event("marked", 5, "c"))
    assert [(one.lock, one.objection is None) for one in candidates(marked)] == [
        (C, False),
        (B, True),
        (A, True),
    ]
    assert last_good(marked).lock == B


def test_a_second_rollback_goes_further_back_and_never_to_what_was_left() -> None:
    once = now(*rollback(5, "c", "d"))
    assert last_good(once).lock == B
    twice = now(*rollback(5, "c", "d"), *rollback(6, "b", "c"))
    assert last_good(twice).lock == A


def test_nothing_left_to_go_back_to_is_said_with_all_reasons() -> None:
    with pytest.raises(Refused, match="staging has nothing to go back to"):
        last_good(standing("staging", passed(1, "a")))
    told = standing("staging", [*passed(1, "a"), *passed(2, "b", "a"), event("marked", 3, "a")])
    with pytest.raises(Refused, match=f"lock {A[:12]}: it is marked bad by Ada: loses orders"):
        last_good(told)


def test_what_ran_by_hand_is_the_last_candidate_until_it_runs() -> None:
    before = {"cart": RanBefore(image="ghcr.io/acme/cart:1.2")}
    adopted = standing("staging", passed(1, "a", ran_before=before))
    assert last_good(adopted).lock is None
    assert last_good(adopted).ran_before == before
    failed = [event("started", 1, "a", ran_before=before), event("failed", 1)]
    assert last_good(standing("staging", failed)).ran_before == before
    back = [
        event("started", 2, "a", previous=A),
        event("failed", 2),
        event("rolled-back", 2, None, previous=A),
    ]
    assert candidates(standing("staging", [*passed(1, "a", ran_before=before), *back])) == tuple(
        one for one in candidates(standing("staging", [*passed(1, "a"), *back])) if one.lock
    )


def test_a_candidate_says_which_migrations_lie_between() -> None:
    migrated = now(event("failed", 5, "e", migrations=["orders-schema"]), event("rolled-back", 5, "d"))
    assert {one.across for one in candidates(migrated)} == {("orders-schema",)}
    at_three = [*FOUR, event("deployed", 3, "c", migrations=["cart-schema"])]
    told = [one for one in at_three if one != event("deployed", 3, "c", time=at(3, 20))]
    assert [one.across for one in candidates(standing("staging", told))] == [
        (),
        ("cart-schema",),
        ("cart-schema",),
    ]


@pytest.mark.parametrize("wanted", [B, B[:12], B[:4]])
def test_to_means_an_id_by_its_beginning(wanted: str) -> None:
    assert chosen(now(), wanted).lock == B


def test_to_means_a_tag_of_this_environment_or_of_another() -> None:
    assert chosen(now(event("released", 2, "b", tag="v2")), "v2").lock == B
    assert chosen(now(), "v2", {"v2": B}).lock == B


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("2026-11-21T08:02:59Z", B),
        ("2026-11-21T09:02:30+01:00", B),
        ("2026-11-21T08:02", A),
        ("2026-11-21 08:03:30", C),
    ],
)
def test_to_means_what_ran_at_a_time(wanted: str, expected: str) -> None:
    assert chosen(now(), wanted).lock == expected


def test_a_day_means_its_end() -> None:
    next_day = [event("succeeded", 5, "e", time=at(60 * 24))]
    assert chosen(now(*next_day), "2026-11-21").lock == D


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("2026-11-21", "is the lock that staging is on"),
        ("2026-11-20", "ran no lock yet"),
        ("2026-13-20", "is no date"),
        ("2026-11-20x", "is no date"),
        (D[:12], "is the lock that staging is on"),
        (A[:3], "has the id or tag"),
        ("", "has the id or tag"),
        ("v9", "has the id or tag"),
        (lock("never")[:12], "has the id or tag"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_with_where_to_look(wanted: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as raised:
        chosen(now(), wanted)
    assert raised.value.problems[0].hint


def test_a_tag_of_a_lock_that_never_ran_here_is_refused() -> None:
    with pytest.raises(InputError, match="never passed its checks in staging"):
        chosen(now(), "v9", {"v9": lock("never")})


def test_a_beginning_of_several_ids_is_refused_with_all_of_them() -> None:
    words = [str(number) for number in range(2000)]
    by_prefix = {lock(word)[:4]: word for word in words}
    one, other = next(
        (by_prefix[lock(word)[:4]], word) for word in words if by_prefix[lock(word)[:4]] != word
    )
    told = standing("staging", [*passed(1, one), *passed(2, other), *passed(3, "a")])
    with pytest.raises(InputError, match="is the beginning of several locks"):
        chosen(told, lock(one)[:4])


def test_a_bad_or_withdrawn_lock_is_refused_also_when_it_is_named() -> None:
    with pytest.raises(Refused, match="marked bad by Ada: loses orders"):
        chosen(now(event("marked", 5, "b")), B[:8])
    with pytest.raises(Refused, match="withdrawn"):
        chosen(now(*rollback(5, "c", "d")), D[:8])
