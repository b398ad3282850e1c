"""The gates that look at what the ledger says: `follows`, `soak`, `approvals`, and a person's hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockflight.errors import OutsideError
from lockflight.ports.forge import Approval
from lockflight.promotions.gates import approvals, follows, hold, soak
from lockflight.promotions.gates.ask import ask_all, gates_of
from lockflight.promotions.gates.model import Answer, Hold, Known, Override, Stay
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import LOCK, NOW, FakeForge, ask, environment, gate, question

SINCE = NOW - timedelta(hours=3)
SHORT = LOCK.id[:12]


def given(kind: str, known: Known, **settings: object) -> Answer:
    return ask(kind, settings, question(known=known))


def test_a_lock_that_passed_where_it_must_says_yes() -> None:
    answer = given("follows", Known(stay=Stay(SINCE)))
    assert (answer.verdict, answer.reason) == (
        "yes",
        f"lock {SHORT} passed its checks in staging at 2026-11-21T05:00:00Z",
    )


def test_a_lock_that_another_one_has_followed_since_still_says_yes() -> None:
    assert given("follows", Known(stay=Stay(SINCE, until=NOW))).verdict == "yes"


def test_a_lock_that_was_never_there_says_no() -> None:
    answer = given("follows", Known())
    assert (answer.verdict, answer.reason) == (
        "no",
        f"lock {SHORT} has not passed its checks in staging; promote it there first",
    )


@pytest.mark.parametrize("kind", ["follows", "soak"])
def test_a_success_that_was_taken_back_says_no(kind: str) -> None:
    known = Known(stay=Stay(SINCE, taken_back="rolled back at 06:00 by ada"))
    answer = given(kind, known, **({"after": "1h"} if kind == "soak" else {}))
    assert (answer.verdict, answer.reason) == (
        "no",
        f"lock {SHORT} passed its checks in staging, but that was taken back: rolled back at 06:00 by ada",
    )


@pytest.mark.parametrize("kind", ["follows", "soak"])
def test_a_lock_that_is_marked_bad_says_no_whatever_it_passed(kind: str) -> None:
    known = Known(stay=Stay(SINCE), bad="loses orders (ada)")
    answer = given(kind, known, **({"after": "1h"} if kind == "soak" else {}))
    assert (answer.verdict, answer.reason) == ("no", f"lock {SHORT} is marked bad: loses orders (ada)")


def test_a_lock_that_was_well_for_long_enough_says_yes() -> None:
    answer = given("soak", Known(stay=Stay(SINCE)), after="3h")
    assert (answer.verdict, answer.reason) == (
        "yes",
        "it has been well in staging for 3 h 0 min, of 3 h 0 min that are wanted",
    )


def test_a_lock_that_is_too_young_says_when_it_will_be_old_enough() -> None:
    answer = given("soak", Known(stay=Stay(SINCE)), after="24h")
    assert (answer.verdict, answer.retry_at) == ("not-yet", SINCE + timedelta(hours=24))
    clock = FakeClock(SINCE + timedelta(hours=24))
    assert (
        ask("soak", {"after": "24h"}, question(known=Known(stay=Stay(SINCE)), clock=clock)).verdict == "yes"
    )


def test_a_lock_that_was_replaced_gets_no_older() -> None:
    known = Known(stay=Stay(SINCE, until=SINCE + timedelta(hours=1)))
    answer = given("soak", known, after="2h")
    assert (answer.verdict, answer.retry_at) == ("no", None)
    assert (
        "for 1 h 0 min only, of 2 h 0 min that are wanted; then another lock took its place" in answer.reason
    )
    assert given("soak", known, after="1h").verdict == "yes"


def test_a_clock_that_was_set_back_makes_nothing_negative() -> None:
    answer = given("soak", Known(stay=Stay(NOW + timedelta(hours=1))), after="1h")
    assert (answer.verdict, answer.details["age"]) == ("not-yet", 0.0)
    assert answer.retry_at == NOW + timedelta(hours=2)


def test_soak_without_any_success_says_no() -> None:
    assert given("soak", Known(), after="1h").verdict == "no"


def approval(person: str, lock_id: str = LOCK.id, url: str | None = None) -> Approval:
    return Approval(person, lock_id, NOW, url)


REVIEWERS = {"quorum": 2, "reviewers": ["ada", "grace", "linus"]}


def approved(*people: Approval) -> Answer:
    return given("approvals", Known(approvals=people), **REVIEWERS)


def test_enough_reviewers_say_yes() -> None:
    answer = approved(approval("ada"), approval("linus", url="https://forge.example/57"))
    assert (answer.verdict, answer.reason) == ("yes", "2 of 2 approvals: ada, linus")
    assert answer.details["approved_by"] == {
        "ada": {"time": "2026-11-21T08:00:00Z"},
        "linus": {"time": "2026-11-21T08:00:00Z", "url": "https://forge.example/57"},
    }


def test_too_few_say_not_yet_and_who_is_asked() -> None:
    answer = approved(approval("ada"))
    assert (answer.verdict, answer.retry_at) == ("not-yet", None)
    assert answer.reason == "1 of 2 approvals (ada); asked are grace, linus"


def test_a_reviewer_counts_once_however_the_name_is_spelled() -> None:
    assert approved(approval("ada"), approval("Ada"), approval("ADA")).reason.startswith(
        "1 of 2 approvals (ada);"
    )


def test_somebody_who_is_no_reviewer_counts_nothing() -> None:
    assert (
        approved(approval("mallory"), approval("eve")).reason
        == "0 of 2 approvals; asked are ada, grace, linus"
    )


def test_an_approval_of_another_lock_counts_nothing_and_is_said() -> None:
    answer = approved(approval("ada"), approval("grace", "0" * 64), approval("ada", "0" * 64))
    assert answer.verdict == "not-yet"
    assert answer.reason == "1 of 2 approvals (ada); asked are grace, linus; grace approved another lock"


def test_where_there_is_a_forge_it_alone_is_asked() -> None:
    forge = FakeForge((approval("ada"),))
    about = question(forge=forge, known=Known(approvals=(approval("grace"), approval("linus"))))
    answer = ask("approvals", REVIEWERS, about)
    assert (answer.verdict, answer.details["source"]) == ("not-yet", "forge")
    assert forge.asked == (LOCK.id, "production")


def test_a_forge_that_does_not_answer_makes_the_answer_unknown() -> None:
    about = question(forge=FakeForge(fails=OutsideError("the forge is down")))
    answer = ask("approvals", REVIEWERS, about)
    assert (answer.verdict, answer.reason) == ("unknown", "the forge is down")


HOLD = Hold("the database is being moved", "grace", NOW)
OVERRIDE = Override("orders are lost every minute", "ada")


def held(known: Known) -> Answer:
    """The hold is asked of everybody, whether the manifest says anything of it or not."""
    (answer,) = ask_all(gates_of(environment()), question(known=known))
    return answer


def test_an_environment_that_nobody_holds_says_yes() -> None:
    assert (held(Known()).gate, held(Known()).verdict) == ("hold", "yes")


def test_a_hold_says_not_yet_and_knows_no_time() -> None:
    answer = held(Known(hold=HOLD))
    assert (answer.verdict, answer.retry_at) == ("not-yet", None)
    assert answer.reason == ("grace holds production since 2026-11-21T08:00:00Z: the database is being moved")


def test_an_override_goes_past_a_hold_and_says_who_said_so() -> None:
    answer = held(Known(hold=HOLD, override=OVERRIDE))
    assert answer.verdict == "yes"
    assert answer.details == {
        "overridden_by": "ada",
        "because": "orders are lost every minute",
        "in_spite_of": ["grace holds production since 2026-11-21T08:00:00Z: the database is being moved"],
    }


def test_the_sentences_for_a_plan_say_what_is_wanted() -> None:
    assert follows.explain(gate(follows={}).settings) == (
        "the same lock has passed its checks in the environment that this one follows"
    )
    assert soak.explain(gate(soak="24h").settings) == (
        "the lock has been well for 24 h 0 min in the environment that this one follows"
    )
    assert approvals.explain(gate(approvals=REVIEWERS).settings) == (
        "2 of ada, grace, linus have approved this very lock"
    )
    assert hold.explain(gate(follows={}).settings) == "nobody holds the environment"


def test_moments_are_kept_in_utc() -> None:
    about = question(known=Known(stay=Stay(SINCE)))
    answer = ask("soak", {"after": "24h"}, about)
    assert answer.retry_at is not None
    assert answer.retry_at.tzinfo is UTC
    assert datetime.fromisoformat(str(answer.as_data()["retry_at"])) == answer.retry_at
    assert replace(answer, retry_at=None).as_data().get("retry_at") is None
