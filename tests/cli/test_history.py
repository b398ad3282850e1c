"""`lockflight history` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import EXIT_INPUT
from lockflight.testing.target import Behaviour
from tests.cli.test_status import Scene, scene
from tests.ledger.builders import event


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def test_the_newest_comes_first_with_from_and_to(here: Scene) -> None:
    one, two = here.promoted("1"), here.promoted("2")

    _, newest, oldest = here.says("history", "staging").splitlines()

    assert newest.startswith("2 ")
    assert f"{one.id[:12]} -> {two.id[:12]}  succeeded  ada@here" in newest
    assert oldest.startswith("1 ")
    assert "->" not in oldest


def test_a_failure_says_why_and_that_it_went_back(here: Scene) -> None:
    here.promoted("1")
    here.stage.promote(here.stage.lock("2", cart=Behaviour(exits_after=1, exit_code=3)))

    failed = here.says("history", "staging").splitlines()[1]
    assert "rolled back" in failed
    assert "cart" in failed


def test_a_refused_and_an_unfinished_promotion_are_there(here: Scene) -> None:
    no = event("gated", 1).gates["smoke"].model_copy(update={"outcome": "refused", "says": "503"})
    here.ledger.write(event("gated", 1, gates={"smoke": no}))
    here.ledger.write(event("started", 2))

    _, unfinished, refused = here.says("history", "staging").splitlines()

    assert "unfinished" in unfinished
    assert "refused" in refused
    assert refused.endswith("smoke: 503")


def test_what_persons_said_stands_between_the_promotions(here: Scene) -> None:
    here.promoted()
    here.ledger.write(event("held", 2, reason="the fair is on"))
    here.ledger.write(event("let-go", 3))

    said = here.says("history", "staging").splitlines()
    assert "hold released  Ada" in said[1]
    assert "held           Ada" in said[2]
    assert said[2].endswith("the fair is on")


def test_all_environments_together_are_in_the_order_of_time(here: Scene) -> None:
    lock = here.promoted()
    here.stage.promote(lock, "production")

    header, *rows = here.says("history").splitlines()
    assert "ENVIRONMENT" in header
    assert ["production" in row for row in rows] == [True, False]


def test_full_shows_gates_services_and_checks(here: Scene) -> None:
    here.promoted()
    here.ledger.write(event("gated", 5))

    said = here.says("history", "staging", "--full")

    assert "  gate smoke: passed: 200 in 12 ms" in said
    assert "  service cart: deployed (does not run yet)" in said


def test_what_is_left_out_is_counted(here: Scene) -> None:
    for version in ("1", "2", "3"):
        here.promoted(version)

    assert "… and 2 before; '--limit 0' shows all" in here.says("history", "staging", "--limit", "1")
    assert len(here.says("history", "staging", "--limit", "0").splitlines()) == 4
    told = here.answers("history", "staging", "--limit", "2")
    assert (told["total"], [one["number"] for one in told["history"]]) == (3, [3, 2])


def test_a_program_reads_every_event_with_full(here: Scene) -> None:
    lock = here.promoted()
    here.ledger.write(event("held", 2))

    held, promotion = here.answers("history", "--full")["history"]

    assert (held["kind"], held["by"], held["reason"]) == ("held", "Ada", "the fair is on")
    assert (promotion["kind"], promotion["lock"], promotion["by"]) == ("promotion", lock.id, "ada@here")
    assert [one["kind"] for one in promotion["events"]][-1] == "succeeded"


def test_an_unknown_environment_is_asked_about(here: Scene) -> None:
    assert "did you mean 'staging'?" in here.says("history", "stagin", code=EXIT_INPUT)


def test_one_that_left_the_manifest_still_has_its_history(here: Scene) -> None:
    here.ledger.write(event("held", 1, environment="old"))
    assert "the fair is on" in here.says("history", "old")


def test_nothing_happened_yet(here: Scene) -> None:
    assert here.says("history") == "nothing happened yet\n"
    assert here.answers("history") == {"total": 0, "history": []}


def test_a_negative_limit_is_refused(here: Scene) -> None:
    assert "--limit wants a number" in here.says("history", "--limit", "-1", code=EXIT_INPUT)
