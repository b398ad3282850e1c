"""plan, promote and rollback as a person types them, with the target and the registry in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockflight.adapters.ledger_folder import LedgerFolder
from lockflight.cli.app import run
from lockflight.locks.file import render
from lockflight.locks.model import Lock
from lockflight.testing.git import FakeGit
from tests.promotions.stages import Stage, stage, write_manifest


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = stage(tmp_path)
    monkeypatch.setattr("lockflight.wiring.connect_target", lambda *_: made.target)
    monkeypatch.setattr("lockflight.wiring.connect_git", lambda *_: FakeGit())
    monkeypatch.setattr("lockflight.wiring.SystemClock", lambda: made.clock)
    return made


def put(shop: Stage, lock: Lock) -> Lock:
    path = shop.root / "locks" / "current.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(render(lock))
    return lock


def lockflight(shop: Stage, *words: str) -> int:
    return run(["-C", str(shop.root), *words])


def test_a_plan_is_stable_text_and_changes_nothing(shop: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    lock = put(shop, shop.lock())
    assert lockflight(shop, "plan", "staging") == 0
    assert capsys.readouterr().out == (
        f"staging <- lock {lock.id[:12]}\n"
        "  create cart: does not run yet\n"
        "  create orders: does not run yet\n"
        "  gate hold: nobody holds the environment\n"
    )
    assert shop.touched() == []
    assert not (shop.root / "locks" / "ledger").exists()


def test_a_lock_is_promoted_and_told_as_json(shop: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    lock = put(shop, shop.lock())
    assert lockflight(shop, "--json", "promote", "staging") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["lock"], said["environment"]) == ("succeeded", lock.id, "staging")
    assert [one["kind"] for one in said["plan"]["operations"]] == ["create", "create"]


def test_what_happened_lies_in_the_working_folder(shop: Stage) -> None:
    lock = put(shop, shop.lock())
    lockflight(shop, "promote", "staging")
    folder = shop.root / "locks" / "ledger" / "staging"
    assert sorted(path.name for path in folder.iterdir()) == [
        "00000001-deployed.json",
        "00000001-gated.json",
        "00000001-started.json",
        "00000001-succeeded.json",
    ]
    assert (shop.root / "locks" / "archive" / lock.id / "config" / "stack.yaml").is_file()


def test_the_same_again_touches_nothing(shop: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    put(shop, shop.lock())
    lockflight(shop, "promote", "staging")
    capsys.readouterr()
    assert lockflight(shop, "promote", "staging") == 0
    assert "already runs" in capsys.readouterr().out


def test_a_check_that_says_no_is_exit_1_and_the_bundle_is_back(
    shop: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    good = put(shop, shop.lock("1"))
    lockflight(shop, "promote", "staging")
    write_manifest(shop.root, 'staging: {target: {compose: {}}, checks: [{command: {command: ["false"]}}]}')
    put(shop, shop.lock("2"))
    assert lockflight(shop, "promote", "staging") == 1
    assert f"back on lock {good.id[:12]}" in capsys.readouterr().out


def test_rollback_goes_to_the_last_good_lock_and_withdraws_the_other(
    shop: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    good, newer = shop.lock("1"), shop.lock("2")
    for lock in (good, newer):
        put(shop, lock)
        lockflight(shop, "promote", "staging")
    assert lockflight(shop, "rollback", "staging") == 0
    assert f"on lock {good.id[:12]}" in capsys.readouterr().out
    assert lockflight(shop, "promote", "staging") == 1
    assert "withdrawn" in capsys.readouterr().err
    assert lockflight(shop, "promote", "staging", "--again") == 0


def test_a_rollback_with_other_files_here_wants_to_be_told(
    shop: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shop, shop.lock("1"))
    lockflight(shop, "promote", "staging")
    stack = shop.root / "stack.yaml"
    stack.write_text(stack.read_text() + "# newer\n")
    put(shop, shop.lock("2"))
    lockflight(shop, "promote", "staging")
    capsys.readouterr()
    assert lockflight(shop, "rollback", "staging") == 1
    assert "--with-config" in capsys.readouterr().err
    assert lockflight(shop, "rollback", "staging", "--with-config") == 0


def test_nothing_to_go_back_to_is_said(shop: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    put(shop, shop.lock())
    lockflight(shop, "promote", "staging")
    assert lockflight(shop, "rollback", "staging") == 1
    assert "nothing to go back to" in capsys.readouterr().err


def test_an_unknown_environment_is_said_with_what_was_meant(
    shop: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    put(shop, shop.lock())
    for command in ("plan", "promote", "rollback"):
        assert lockflight(shop, command, "stagin") == 2
        assert "did you mean 'staging'" in capsys.readouterr().err


def test_somebody_else_s_promotion_is_exit_4(shop: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    put(shop, shop.lock())
    shop.target.take_lease("staging", "grace@there x/1/1", "https://ci.example/7", 60, 0)
    assert lockflight(shop, "promote", "staging") == 4
    said = capsys.readouterr().err
    assert "grace@there (https://ci.example/7)" in said
    assert "x/1/1" not in said


def test_the_ledger_of_the_folder_is_whole(shop: Stage) -> None:
    put(shop, shop.lock())
    lockflight(shop, "promote", "staging")
    assert [event.kind for event in LedgerFolder(shop.root).events("staging")] == [
        "gated", "started", "deployed", "succeeded",
    ]  # fmt: skip


def test_an_emergency_is_written_down(tmp_path: Path, shop: Stage) -> None:
    windows = "windows: [{start: 2020-01-01, end: 2100-01-01}]"
    write_manifest(
        tmp_path, f"staging: {{target: {{compose: {{}}}}, gates: [{{freeze: {{timezone: UTC, {windows}}}}}]}}"
    )
    put(shop, shop.lock())
    assert lockflight(shop, "promote", "staging") == 4
    assert lockflight(shop, "promote", "staging", "--override-freeze", "the shop is down") == 0
    kinds = [event.kind for event in LedgerFolder(shop.root).events("staging")]
    assert "overridden" in kinds
