"""`lockflight status` as a person runs it; and the scene in which the commands about the ledger are tested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockflight import wiring
from lockflight.adapters.ledger_folder import LedgerFolder
from lockflight.cli.app import run
from lockflight.errors import EXIT_DONE, EXIT_INPUT, EXIT_OUTSIDE, OutsideError
from lockflight.locks.file import write_lock
from lockflight.locks.model import Lock
from lockflight.testing.registry import FakeRegistry
from tests.ledger.builders import event
from tests.promotions.stages import Stage, stage

ENVIRONMENTS = """
  staging: {target: {compose: {}}}
  production: {target: {compose: {}}, follows: staging}
"""


@dataclass
class Scene:
    """A repository with two environments, its ledger in the folder, and everything else in memory."""

    stage: Stage
    registry: FakeRegistry
    capsys: pytest.CaptureFixture[str]

    @property
    def root(self) -> Path:
        return self.stage.root

    @property
    def ledger(self) -> LedgerFolder:
        return LedgerFolder(self.root)

    def lock(self, version: str = "1") -> Lock:
        return self.stage.lock(version)

    def promoted(self, version: str = "1", environment: str = "staging") -> Lock:
        """A lock that is there, an hour ago."""
        lock = self.lock(version)
        self.stage.promote(lock, environment)
        self.stage.clock.advance(3600)
        return lock

    def current(self, lock: Lock) -> Lock:
        """A lock at the place where commands look for it."""
        write_lock(lock, self.root / "locks/current.yaml")
        return lock

    def says(self, *arguments: str, code: int = EXIT_DONE) -> str:
        """Everything that a command says, to stdout and stderr."""
        self.capsys.readouterr()
        found = run(["-C", str(self.root), *arguments])
        captured = self.capsys.readouterr()
        assert found == code, captured
        return captured.out + captured.err

    def answers(self, *arguments: str, code: int = EXIT_DONE) -> Any:
        """The one document of a `--json` run."""
        self.capsys.readouterr()
        found = run(["-C", str(self.root), "--json", *arguments])
        captured = self.capsys.readouterr()
        assert found == code, captured
        return json.loads(captured.out)


def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    for name in ("GITHUB_ACTIONS", "GITHUB_ACTOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    made = stage(tmp_path, ENVIRONMENTS)
    made.ledger = LedgerFolder(tmp_path)  # type: ignore[assignment]
    registry = FakeRegistry()
    monkeypatch.setattr(wiring, "connect_target", lambda _engine, _environment: made.target)
    monkeypatch.setattr(wiring, "open_registry", lambda *_: registry)
    monkeypatch.setattr(wiring, "SystemClock", lambda: made.clock)
    return Scene(made, registry, capsys)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    return scene(tmp_path, monkeypatch, capsys)


def row(text: str, environment: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(environment))


def test_every_environment_of_the_manifest_has_a_row_in_its_order(here: Scene) -> None:
    lock = here.promoted()

    lines = here.says("status").splitlines()

    assert [line.split()[0] for line in lines] == ["ENVIRONMENT", "staging", "production"]
    assert lines[1].split()[1] == lock.id[:12]
    assert "1 h" in lines[1]
    assert "1 succeeded, 1 h ago" in lines[1]
    assert lines[2].split()[1:] == ["-", "-", "-", "-"]


def test_a_release_tag_stands_beside_its_lock(here: Scene) -> None:
    lock = here.promoted()
    here.ledger.write(event("released", 1, None, lock=lock.id, tag="v1.2.0"))
    assert f"{lock.id[:12]} v1.2.0" in row(here.says("status"), "staging")


def test_what_stops_the_next_promotion_is_said(here: Scene) -> None:
    lock = here.promoted()
    here.ledger.write(event("held", 2, reason="the fair is on"))
    here.ledger.write(event("marked", 3, None, environment="production", lock=lock.id, reason="loses orders"))
    here.ledger.write(event("started", 4, None, lock="b" * 64))

    said = row(here.says("status"), "staging")

    assert "HELD by Ada: the fair is on" in said
    assert "its lock: it is marked bad by Ada: loses orders" in said
    assert "unfinished: promotion 4 of lock bbbbbbbbbbbb" in said


def test_an_environment_that_was_left_mixed_is_not_to_be_overlooked(here: Scene) -> None:
    here.promoted()
    here.ledger.write(event("started", 2, None, lock="b" * 64))
    here.ledger.write(event("failed", 2, None, lock="b" * 64, mixed=True))

    assert "LEFT MIXED by promotion 2" in row(here.says("status"), "staging")
    assert here.answers("status")["environments"][0]["mixed"] is True


def test_an_environment_that_only_the_ledger_knows_is_shown_as_such(here: Scene) -> None:
    here.ledger.write(event("held", 1, environment="old"))
    assert "not in lockflight.yaml any more" in row(here.says("status"), "old")


def test_live_shows_health_and_drift(here: Scene) -> None:
    here.promoted()
    assert "2/2 ready" in row(here.says("status", "--live"), "staging")

    here.stage.target.there["shop-staging"].pop()

    said = row(here.says("status", "--live"), "staging")
    assert "1/2 ready" in said
    assert "yes (1)" in said


def test_a_target_that_cannot_be_reached_does_not_hide_the_others(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = here.promoted()
    here.stage.promote(lock, "production")
    observe = here.stage.target.observe

    def observed(deployment: Any) -> Any:
        if deployment.environment == "production":
            raise OutsideError("no engine answers")
        return observe(deployment)

    monkeypatch.setattr(here.stage.target, "observe", observed)

    said = here.says("status", "--live")
    assert "could not be asked: no engine answers" in row(said, "production")
    assert "2/2 ready" in row(said, "staging")


def test_when_no_target_answers_that_is_a_failure_but_the_table_is_there(here: Scene) -> None:
    here.promoted()
    here.stage.target.fails = OutsideError("no engine answers")
    assert "could not be asked" in row(here.says("status", "--live", code=EXIT_OUTSIDE), "staging")


def test_live_asks_nobody_where_nothing_was_promoted(here: Scene) -> None:
    here.stage.target.fails = OutsideError("no engine answers")
    assert here.says("status", "--live")


def test_metrics_are_a_second_table(here: Scene) -> None:
    here.promoted("1")
    here.promoted("2")

    second = here.says("status", "--metrics").split("\n\n")[1]

    assert second.splitlines()[0].split()[:2] == ["ENVIRONMENT", "CHANGES"]
    assert row(second, "staging").split()[1] == "2"
    numbers = here.answers("status", "--metrics", "--since", "1h")["environments"][0]["metrics"]
    assert (numbers["changes"], numbers["deployments"], numbers["failure_rate"]) == (1, 1, 0.0)


@pytest.mark.parametrize("since", ["soon", "90", "2026-13-01"])
def test_a_time_that_is_none_is_refused(here: Scene, since: str) -> None:
    assert "--since wants a length of time or a date" in here.says(
        "status", "--metrics", "--since", since, code=EXIT_INPUT
    )


def test_a_program_reads_the_same(here: Scene) -> None:
    lock = here.promoted()
    staging, production = here.answers("status", "--live")["environments"]
    assert (staging["lock"], staging["last"]["outcome"], staging["live"]["drift"]) == (
        lock.id,
        "succeeded",
        False,
    )
    assert (production["lock"], production["last"], "live" in production) == (None, None, False)


def test_a_job_has_the_table_in_its_summary(here: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(here.root / "summary.md"))
    lock = here.promoted()
    here.says("status")
    assert f"| staging | {lock.id[:12]} |" in (here.root / "summary.md").read_text()


def test_a_manifest_without_environments_has_no_status(here: Scene) -> None:
    (here.root / "lockflight.yaml").write_text(
        "version: 1\nproject: shop\nimage: a.io/{service}\nservices: {cart: {path: cart}}\n"
    )
    assert "names no environment" in here.says("status", code=EXIT_INPUT)
