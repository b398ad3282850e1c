"""`lockflight approve` as a person runs it; and whose word it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import EXIT_INPUT
from lockflight.wiring import connect
from tests.cli.test_status import Scene, scene
from tests.ledger.builders import event
from tests.locks.builders import digest
from tests.support.repositories import git, new_repository

APPROVALS = """
  staging: {target: {compose: {}}, gates: [{approvals: {quorum: 1, reviewers: [Ada]}}]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    # Whoever runs these tests is nobody to git.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return scene(tmp_path, monkeypatch, capsys)


def approvals(here: Scene, environment: str = "staging") -> list[tuple[str | None, str | None]]:
    events = here.ledger.events(environment)
    return [(one.person, one.lock) for one in events if one.kind == "approved"]


def test_the_current_lock_is_signed_off(here: Scene) -> None:
    lock = here.current(here.lock())
    said = here.says("approve", "staging", "--person", "Ada")
    assert f"Ada approved lock {lock.id[:12]} for staging" in said
    assert approvals(here) == [("Ada", lock.id)]


def test_the_gate_opens_for_who_is_asked_and_says_who_is_not(here: Scene) -> None:
    from tests.promotions.stages import write_manifest

    write_manifest(here.root, APPROVALS)
    lock = here.current(here.lock())

    assert "the word of Bob does not count there" in here.says("approve", "staging", "--person", "Bob")
    assert "note" not in here.says("approve", "staging", "--person", "ada")
    assert here.stage.promote(lock).outcome == "succeeded"


def test_twice_is_once(here: Scene) -> None:
    lock = here.current(here.lock())
    here.says("approve", "staging", "--person", "Ada")
    assert "Ada had already approved" in here.says("approve", "staging", "--person", "Ada")
    assert approvals(here) == [("Ada", lock.id)]


def test_two_persons_are_two(here: Scene) -> None:
    here.current(here.lock())
    here.says("approve", "staging", "--person", "Ada")
    told = here.answers("approve", "staging", "--person", "Bob")
    assert (told["approved_by"], told["new"]) == (["Ada", "Bob"], True)


def test_an_archived_lock_is_named_by_the_beginning_of_its_id(here: Scene) -> None:
    lock = here.promoted()
    here.says("approve", "production", lock.id[:8], "--person", "Ada")
    assert approvals(here, "production") == [("Ada", lock.id)]


def test_a_lock_that_was_edited_is_not_signed_off(here: Scene) -> None:
    here.current(here.lock())
    path = here.root / "locks/current.yaml"
    path.write_text(path.read_text().replace(digest("cart-1"), digest("evil")))

    assert "the id does not match" in here.says("approve", "staging", "--person", "Ada", code=EXIT_INPUT)
    assert approvals(here) == []


def test_that_a_lock_is_bad_is_said_to_who_signs_it_off(here: Scene) -> None:
    lock = here.current(here.lock())
    here.ledger.write(event("marked", 1, None, lock=lock.id, reason="loses orders"))
    assert "marked bad by Ada: loses orders" in here.says("approve", "staging", "--person", "Bob")


def test_nobodys_word_is_refused(here: Scene) -> None:
    here.current(here.lock())
    said = here.says("approve", "staging", code=EXIT_INPUT)
    assert "who says so?" in said
    assert "--person" in said
    assert approvals(here) == []


def test_gits_own_user_is_asked(here: Scene) -> None:
    new_repository(here.root)
    git(here.root, "config", "user.email", "ada@example.com")
    here.current(here.lock())
    assert here.answers("approve", "staging")["person"] == "ada@example.com"


def test_in_a_workflow_it_is_the_actor_and_not_the_bot(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_ACTOR", "ada")
    new_repository(here.root)
    git(here.root, "config", "user.email", "bot@example.com")
    here.current(here.lock())
    assert here.answers("approve", "staging")["person"] == "ada"


@pytest.mark.parametrize("person", ["", "   ", "Ada\nBob", "A" * 1001])
def test_a_name_that_the_ledger_cannot_hold_is_refused(here: Scene, person: str) -> None:
    here.current(here.lock())
    assert "--person wants a line" in here.says("approve", "staging", "--person", person, code=EXIT_INPUT)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("abc", "too short"),
        ("abcdef", "no archived lock whose id begins with"),
        ("gone.yaml", "there is no such lock"),
    ],
)
def test_a_lock_that_is_none_is_refused(here: Scene, word: str, said: str) -> None:
    assert said in here.says("approve", "staging", word, "--person", "Ada", code=EXIT_INPUT)


def test_an_unknown_environment_is_asked_about(here: Scene) -> None:
    assert "did you mean 'staging'?" in here.says("approve", "stging", code=EXIT_INPUT)


# --- the branch of a ledger, by the name of its remote ---


def on_branch(here: Scene, remote: str) -> None:
    path = here.root / "lockflight.yaml"
    path.write_text(f"{path.read_text()}ledger: {{branch: lockflight-ledger, remote: {remote}}}\n")


@pytest.mark.parametrize("named", ["origin", "URL"])
def test_a_remote_is_found_by_its_name_or_its_url(here: Scene, named: str, tmp_path: Path) -> None:
    bare = tmp_path / "ledger.git"
    git(tmp_path, "init", "--quiet", "--bare", str(bare))
    new_repository(here.root)
    git(here.root, "remote", "add", "origin", str(bare))
    lock = here.current(here.lock())
    on_branch(here, str(bare) if named == "URL" else named)

    here.says("approve", "staging", "--person", "Ada")

    (found,) = connect(here.root, {}).ledger.events("staging")
    assert (found.kind, found.lock) == ("approved", lock.id)
    assert "approved" in git(bare, "log", "--format=%s", "lockflight-ledger")
    assert not (here.root / "locks/ledger").exists()


def test_a_remote_that_git_does_not_know_is_said_with_what_to_do(here: Scene) -> None:
    new_repository(here.root)
    here.current(here.lock())
    on_branch(here, "upstream")
    said = here.says("approve", "staging", "--person", "Ada", code=EXIT_INPUT)
    assert "git knows no remote 'upstream'" in said
    assert "git remote add upstream URL" in said
