"""`lockflight hold` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import EXIT_INPUT, NotYet
from tests.cli.test_status import Scene, scene
from tests.ledger.builders import event

HOLD = ("hold", "staging", "--reason", "the fair is on", "--person", "Ada")
RELEASE = ("hold", "staging", "--release", "--person", "Bob")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def kinds(here: Scene) -> list[str]:
    return [f"{one.number} {one.kind}" for one in here.ledger.events("staging")]


def test_a_hold_stops_promotions_until_somebody_lets_go(here: Scene) -> None:
    assert "staging is held by Ada: the fair is on" in here.says(*HOLD)
    with pytest.raises(NotYet, match="the fair is on"):
        here.stage.promote(here.lock())

    assert "staging is held no more (Ada: the fair is on)" in here.says(*RELEASE)
    assert here.stage.promote(here.lock()).outcome == "succeeded"


def test_it_takes_the_next_free_number(here: Scene) -> None:
    here.ledger.write(event("started", 7))
    here.says(*HOLD)
    assert kinds(here) == ["7 started", "8 held"]


def test_the_same_word_twice_is_one_hold(here: Scene) -> None:
    here.says(*HOLD)
    assert "is already held" in here.says(*HOLD)
    assert kinds(here) == ["1 held"]


def test_two_persons_hold_and_one_release_ends_both(here: Scene) -> None:
    here.says(*HOLD)
    here.says("hold", "staging", "--reason", "we look into the lost orders", "--person", "Bob")
    here.says(*RELEASE)
    assert "HELD" not in here.says("status")
    assert kinds(here) == ["1 held", "2 held", "3 let-go"]


def test_it_can_be_held_again_after_it_was_let_go(here: Scene) -> None:
    for words in (HOLD, RELEASE, HOLD):
        here.says(*words)
    assert "HELD by Ada" in here.says("status")


def test_releasing_what_nobody_holds_writes_nothing(here: Scene) -> None:
    assert "nobody holds staging" in here.says(*RELEASE)
    assert kinds(here) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "one of the arguments --reason --release is required"),
        (("--reason", "x", "--release"), "not allowed with argument"),
        (("--reason", " ", "--person", "Ada"), "--reason wants a line"),
    ],
)
def test_wrong_usage_is_exit_2(here: Scene, words: tuple[str, ...], said: str) -> None:
    assert said in here.says("hold", "staging", *words, code=EXIT_INPUT)


def test_a_secret_in_a_reason_stays_out_of_the_ledger(here: Scene) -> None:
    here.says("hold", "staging", "--reason", "see https://ada:s3cret@ci.example/1", "--person", "Ada")
    assert here.ledger.events("staging")[0].reason == "see https://ci.example/1"


def test_a_program_is_told_what_became_of_it(here: Scene) -> None:
    assert here.answers(*HOLD) == {"environment": "staging", "held": True, "new": True}
    assert here.answers(*RELEASE) == {"environment": "staging", "held": False, "new": True}
