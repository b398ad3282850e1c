"""The command line as a whole: exit codes, where output goes, and what failures look like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from lockflight.cli import app, verify
from lockflight.cli.app import COMMANDS, run
from lockflight.errors import LeftMixed, NotYet, OutsideError, Place, Refused
from lockflight.locks.file import write_lock
from tests.locks import builders


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No CI around, and a folder of our own to run in."""
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def lockflight(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real process."""
    command = [sys.executable, "-m", "lockflight", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL
    )


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


def test_an_unknown_command_is_a_mistake_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verfy"]) == 2
    assert "did you mean 'verify'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["verify", "--nope"], ["--nope"], ["diff", "one"], ["-C"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "error:" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", "nowhere", "verify"]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["before", "after"])
def test_options_for_every_command_stand_before_or_after_it(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lock(builders.lock(), tmp_path / "deep" / "lock.yaml")
    common = ["-C", "deep", "--json"]
    command = ["verify", "--offline", "lock.yaml"]
    assert run([*common, *command] if where == "before" else [*command, *common]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == builders.lock().id


def test_results_go_to_stdout_and_problems_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lock(builders.lock(), tmp_path / "lock.yaml")
    assert run(["verify", "--offline", "lock.yaml"]) == 0
    good = capsys.readouterr()
    assert (good.err, builders.lock().id in good.out) == ("", True)
    assert run(["verify", "--offline", "none.yaml"]) == 2
    bad = capsys.readouterr()
    assert bad.out == ""
    assert bad.err == "error: none.yaml: there is no such lock\n  hint: is this the right folder?\n"


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(context: object, options: object) -> int:
        raise error

    monkeypatch.setattr(verify, "run", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [(Refused("no"), 1), (OutsideError("down"), 3), (NotYet("later"), 4), (LeftMixed("mixed"), 5)],
)
def test_every_kind_of_failure_has_its_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, error)
    assert run(["verify"]) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_bug_is_exit_70_with_a_log_that_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "hunter2-hunter2")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    failing(monkeypatch, ZeroDivisionError("token hunter2-hunter2 was used"))
    assert run(["verify"]) == 70
    said = capsys.readouterr().err
    assert "this is a bug in lockflight: ZeroDivisionError: token *** was used" in said
    (log,) = tmp_path.glob("lockflight-bug-*.log")
    assert "ZeroDivisionError" in log.read_text()
    assert "hunter2" not in log.read_text() + said


def test_escape_sequences_in_names_do_not_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, Refused("tag \x1b]0;owned\x07 is wrong", hint="\x1b[2J"))
    assert run(["verify"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_a_failure_for_a_program_is_one_json_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, Refused("no", place=Place("a.yaml", 3, "services.cart"), hint="try", code="not-so"))
    assert run(["verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "exit_code": 1,
        "problems": [
            {
                "code": "not-so",
                "message": "no",
                "hint": "try",
                "file": "a.yaml",
                "line": 3,
                "path": "services.cart",
            }
        ],
    }


def test_in_github_actions_problems_are_annotations_that_nobody_can_break_out_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    failing(monkeypatch, Refused("no\n::set-output name=x::y", place=Place("a,b:c.yaml", 3)))
    run(["verify"])
    said = capsys.readouterr()
    assert said.out == ""
    assert "::error file=a%2Cb%3Ac.yaml,line=3::no%0A::set-output name=x::y\n" in said.err
    assert not any(line.startswith("::set-output") for line in said.err.splitlines())


def test_outputs_and_summary_are_left_for_later_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lockflight.cli.context import Context
    from lockflight.cli.github import add_summary, set_output

    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "out"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "sum"),
    }
    context = Context(tmp_path, environment=environment)
    set_output(context, "lock-id", "abc\nevil=1")
    add_summary(context, "# hello")
    assert (tmp_path / "out").read_text() == "lock-id=abc evil=1\n"
    assert (tmp_path / "sum").read_text() == "# hello\n\n"


def test_what_happens_is_logged_as_json_lines_with_one_run_id(tmp_path: Path) -> None:
    write_lock(builders.lock(), tmp_path / "lock.yaml")
    done = lockflight("-C", str(tmp_path), "verify", "--offline", "lock.yaml", "--log", str(tmp_path / "log"))
    assert done.returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["started", "ended"]
    assert len({line["run"] for line in lines}) == 1


def test_secrets_of_the_environment_never_reach_the_log(tmp_path: Path) -> None:
    done = lockflight("verify", "--offline", "hunter2-hunter2.yaml", "--log", "-", MY_TOKEN="hunter2-hunter2")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr + done.stdout


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    many = builders.lock(services={f"s{n}": builders.service(f"s{n}") for n in range(3000)})
    write_lock(many, tmp_path / "lock.yaml")
    command = f"{sys.executable} -m lockflight show {tmp_path}/lock.yaml | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("shop  ")


def test_every_command_is_a_module_with_the_same_shape() -> None:
    for name in COMMANDS:
        module = app._module(name)
        assert isinstance(module, ModuleType)
        assert module.__doc__
        assert module.EXAMPLES
        assert callable(module.arguments)
        assert callable(module.run)
