"""The `command` gate, with real processes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockflight.errors import InputError
from lockflight.locks.file import read_lock
from lockflight.promotions.gates import command
from lockflight.promotions.gates.model import Answer, Question
from lockflight.stacks.suites import keeper
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import LOCK, ask, environment, gate, question, with_urls

Run = Callable[..., Answer]


def about(root: Path, **variables: str) -> Question:
    return question(root=root, variables={"PATH": os.environ["PATH"], **variables})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a Python program as the command."""

    def run(program: str, asked: Question | None = None, **settings: Any) -> Answer:
        wanted = {"command": [sys.executable, "-c", program], **settings}
        return ask("command", wanted, asked or about(tmp_path))

    return run


def test_a_command_that_ends_with_0_says_yes(run: Run) -> None:
    answer = run("print('all', 'fine')")
    assert (answer.verdict, answer.details["exit_code"], answer.details["output"]) == ("yes", 0, ["all fine"])


def test_a_command_that_fails_says_no_with_its_last_line(run: Run) -> None:
    answer = run("print('looking'); print('2 alerts'); raise SystemExit(3)")
    assert answer.verdict == "no"
    assert answer.reason.endswith("ended with exit code 3: 2 alerts")
    assert answer.details["output"] == ["looking", "2 alerts"]


def test_a_command_may_say_not_yet(run: Run) -> None:
    answer = run("print('the backup runs'); raise SystemExit(75)")
    assert (answer.verdict, answer.retry_at) == ("not-yet", None)
    assert answer.reason.endswith("ended with exit code 75: the backup runs")


def test_a_program_that_is_not_there_gives_no_answer(tmp_path: Path) -> None:
    answer = ask("command", {"command": ["no-such-program"]}, about(tmp_path))
    assert answer.verdict == "unknown"
    assert answer.reason.startswith("'no-such-program' could not be started: No such file or directory")


def test_a_command_that_hangs_is_ended_with_everything_of_it(tmp_path: Path, run: Run) -> None:
    begun = tmp_path / "begun"

    class Patient(FakeClock):
        """Stands still until the command has begun; then its time is over."""

        def monotonic(self) -> float:
            return 1000.0 if begun.exists() else 0.0

    program = f"""
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
pathlib.Path({str(begun)!r}).touch()
print(child.pid, flush=True)
time.sleep(600)
"""
    answer = run(program, replace(about(tmp_path), clock=Patient()), timeout="10m")
    assert answer.verdict == "no"
    (child,) = answer.details["output"]
    assert answer.reason.endswith(f"did not end within 10 min and was ended: {child}")
    assert int(child) not in [process.pid for process in keeper.processes()]


def test_only_the_last_lines_are_kept(run: Run) -> None:
    answer = run("for number in range(100_000): print(number)")
    assert answer.details["output"] == [str(number) for number in range(99_980, 100_000)]


def test_the_lock_is_given_as_json_in_a_file(run: Run) -> None:
    program = "import os; print(open(os.environ['LOCKFLIGHT_LOCK_FILE']).read().replace(chr(10), ' '))"
    (said,) = run(program).details["output"]
    given = json.loads(said)
    assert given["id"] == LOCK.id
    assert given["services"]["cart"]["digest"] == LOCK.services["cart"].digest


def test_the_file_with_the_lock_is_a_lock_and_is_gone_afterwards(tmp_path: Path, run: Run) -> None:
    copied = tmp_path / "copied.json"
    program = f"import os, shutil; print(shutil.copy(os.environ['LOCKFLIGHT_LOCK_FILE'], {str(copied)!r}))"
    (_, path) = run(f"{program}; print(os.environ['LOCKFLIGHT_LOCK_FILE'])").details["output"]
    assert read_lock(copied) == LOCK
    assert not Path(path).parent.exists()


def test_a_command_is_told_where_it_is_and_of_what(tmp_path: Path, run: Run) -> None:
    program = (
        "import os, sys\n"
        "for name in ('LOCKFLIGHT_ENVIRONMENT', 'LOCKFLIGHT_LOCK', 'LOCKFLIGHT_URL_GATEWAY', 'OWN', 'INHERITED'):\n"
        "    print(os.environ[name])\n"
        "print(sys.stdin.read() == '')"
    )
    asked = with_urls(about(tmp_path, INHERITED="from the runner"), gateway="https://shop.example/")
    answer = run(program, asked, env={"OWN": "{url.gateway}/health of {lock.id}"})
    assert answer.details["output"] == [
        "production",
        LOCK.id,
        "https://shop.example",
        f"https://shop.example/health of {LOCK.id}",
        "from the runner",
        "True",
    ]


def test_braces_in_its_words_are_its_own(tmp_path: Path) -> None:
    answer = ask("command", {"command": ["echo", "{{.State}} {url.gateway}"]}, about(tmp_path))
    assert answer.details["output"] == ["{{.State}} {url.gateway}"]


def test_it_runs_in_its_folder(tmp_path: Path, run: Run) -> None:
    (tmp_path / "ops").mkdir()
    answer = run("import os; print(os.getcwd())", directory="ops")
    assert answer.details["output"] == [str((tmp_path / "ops").resolve())]


def test_a_folder_that_is_not_there_or_elsewhere_is_the_manifests_fault(tmp_path: Path, run: Run) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    for folder in ("nowhere", "link"):
        with pytest.raises(InputError):
            run("", about(root), directory=folder)
        settings = gate(command={"command": ["true"], "directory": folder}).settings
        assert command.problems(settings, about(root))


def test_an_address_that_is_not_known_is_a_problem_before_anything_runs(tmp_path: Path) -> None:
    settings = gate(command={"command": ["true"], "env": {"URL": "{url.cart}"}}).settings
    assert command.problems(settings, about(tmp_path))
    assert not command.problems(settings, with_urls(about(tmp_path), cart="http://cart.example"))


def test_what_it_prints_of_secrets_stands_nowhere(tmp_path: Path, run: Run) -> None:
    asked = about(tmp_path, DEPLOY_TOKEN="open-sesame", DSN="postgres://cart")
    asked = replace(asked, settings=environment(secrets=["DSN"]))
    answer = run(
        "import os; print(os.environ['DEPLOY_TOKEN'], os.environ['DSN']); raise SystemExit(1)", asked
    )
    assert answer.reason.endswith("ended with exit code 1: *** ***")
    assert "sesame" not in json.dumps(answer.as_data())
    assert "postgres://" not in json.dumps(answer.as_data())


def test_without_room_for_the_lock_there_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    answer = ask("command", {"command": ["true"]}, about(tmp_path))
    assert (answer.verdict, answer.reason) == (
        "unknown",
        "no temporary folder for the command: No such file or directory",
    )


def test_the_sentence_for_a_plan_names_the_command() -> None:
    settings = gate(command={"command": ["./ready.sh", "--all"], "timeout": "90s"}).settings
    assert (
        command.explain(settings)
        == "the command './ready.sh --all' ends with 0 within 1 min 30 s (75 means: not yet)"
    )
