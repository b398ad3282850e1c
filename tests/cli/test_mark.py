"""`lockflight mark` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import EXIT_INPUT, Refused
from lockflight.locks.file import write_lock
from tests.cli.test_status import Scene, scene

WHY = ("--bad", "--reason", "loses orders", "--person", "Ada")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def marks(here: Scene) -> list[str]:
    events = (one for name in here.ledger.environments() for one in here.ledger.events(name))
    return [f"{one.environment} {(one.lock or '')[:8]}" for one in events if one.kind == "marked"]


def test_a_lock_that_is_bad_is_promoted_nowhere(here: Scene) -> None:
    lock = here.promoted()
    said = here.says("mark", lock.id[:8], *WHY)

    assert f"lock {lock.id[:12]} is marked bad everywhere, by Ada: loses orders; it ran in staging" in said
    assert "note: staging is on it; 'lockflight rollback staging'" in said
    with pytest.raises(Refused, match="loses orders"):
        here.stage.promote(lock, "production")


def test_it_is_written_wherever_the_lock_ran(here: Scene) -> None:
    lock = here.promoted()
    here.stage.promote(lock, "production")
    here.says("mark", lock.id, *WHY)
    assert marks(here) == [f"production {lock.id[:8]}", f"staging {lock.id[:8]}"]


def test_one_that_never_ran_is_marked_in_the_first_environment(here: Scene) -> None:
    lock = here.lock()
    write_lock(lock, here.root / "a.yaml")
    assert "no lock of that id is archived" in here.says("mark", "a.yaml", *WHY)
    assert marks(here) == [f"staging {lock.id[:8]}"]


def test_said_twice_it_is_written_once(here: Scene) -> None:
    lock = here.promoted()
    assert here.answers("mark", lock.id, *WHY)["new"] is True
    assert here.answers("mark", lock.id, *WHY)["new"] is False
    assert len(marks(here)) == 1


def test_a_beginning_of_two_ids_is_refused(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(here.ledger), "archived", lambda _: ("abcd" + "0" * 60, "abcd" + "1" * 60))
    said = here.says("mark", "abcd", *WHY, code=EXIT_INPUT)
    assert "'abcd' is the beginning of several locks: abcd00000000, abcd11111111" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("abcd", "--reason", "x"), "required: --bad"),
        (("abcd", "--bad"), "required: --reason"),
        (("abcdef", *WHY), "no archived lock whose id begins with 'abcdef'"),
        (("a.yaml", *WHY), "there is no such lock"),
    ],
)
def test_wrong_usage_is_exit_2(here: Scene, words: tuple[str, ...], said: str) -> None:
    assert said in here.says("mark", *words, code=EXIT_INPUT)
    assert marks(here) == []
