"""The command line as a whole: exit codes, where output goes, and what failures look like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lockflight.cli import app, verify
from lockflight.cli.app import COMMANDS, run
from lockflight.errors import LeftMixed, NotYet, OutsideError, Place, Problem, Refused
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


@pytest.mark.parametrize("bad", ["\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\u202e", "\u2067", "\u200f"])
def test_nothing_in_an_annotation_or_a_summary_acts_on_who_looks_at_it(
    bad: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockflight.cli.context import Context
    from lockflight.cli.github import add_summary

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    place = Place(f"a{bad}.yaml", 3, f"services.{bad}")
    failing(monkeypatch, Refused([Problem(f"no{bad}way", place, f"hint{bad}", f"code{bad}")]))
    run(["verify"])
    add_summary(Context(tmp_path), f"a{bad}b\n")
    said = capsys.readouterr().err
    assert any(line.startswith("::error file=a") for line in said.splitlines())
    written = said + (tmp_path / "summary").read_text()
    assert all(character.isprintable() or character == "\n" for character in written)
    assert "no\N{REPLACEMENT CHARACTER}" in written


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


def in_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real process, started by a shell that closes or redirects what it is given."""
    script = f'lockflight() {{ {sys.executable} -m lockflight "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_a_refusal_stays_one_when_nobody_reads_it() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "lockflight", "verify", "none.yaml", "--json"], stdout=write, stderr=write
    )
    os.close(write)
    assert done.returncode == 2


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_bug(closing: str) -> None:
    done = in_shell(f"lockflight verify none.yaml {closing}")
    assert done.returncode == 2
    assert "bug" not in done.stderr


def test_a_result_that_finds_no_room_is_a_failure_of_the_outside(tmp_path: Path) -> None:
    write_lock(builders.lock(), tmp_path / "lock.yaml")
    done = in_shell("lockflight show lock.yaml >/dev/full")
    assert done.returncode == 3
    assert "cannot write the result to standard output: No space left on device" in done.stderr


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    done = in_shell("mkdir gone; cd gone; rmdir ../gone; lockflight verify", PYTHONPATH=str(_ENGINE))
    assert (done.returncode, "the current folder does not exist any more" in done.stderr) == (2, True)


_ENGINE = Path(app.__file__).parent.parent.parent


def test_the_folder_above_has_not_the_manifest_of_the_one_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = tmp_path / "below"
    write_lock(builders.lock(), below / "locks" / "current.yaml")
    (below / "lockflight.yaml").write_text("")
    monkeypatch.chdir(below)
    assert run(["verify", "--offline"]) == 0
    assert run(["-C", "..", "verify", "--offline"]) == 2
    assert "locks/current.yaml: there is no such lock" in capsys.readouterr().err


def test_ctrl_c_while_modules_load_says_nothing() -> None:
    code = (
        "import os, signal, sys; sys.argv[1:] = ['show']\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'lockflight.cli.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "from lockflight.__main__ import main\n"
        "sys.meta_path.insert(0, Finder())\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupted_command_tidies_up_before_it_ends() -> None:
    code = (
        "from lockflight.cli import app, verify\n"
        "from lockflight.concurrency import at_interruption\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "verify.run = stop\n"
        "at_interruption(lambda: print('tidied'))\n"
        "at_interruption(lambda: 1 / 0)\n"
        "app.run(['verify'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "tidied\n")
    assert done.stderr == "interrupted\n"


def test_names_in_results_command_neither_terminal_nor_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockflight.cli.context import Context

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    context = Context(tmp_path)
    context.result("a\x1b]0;x\x07\x9b\u202e\n  ::error::y\n")
    context.say("::add-mask::z\x1b")
    said = capsys.readouterr()
    assert not set("\x1b\x07\x9b\u202e") & set(said.out + said.err)
    assert not any(line.strip().startswith("::") for line in (said.out + said.err).splitlines())


def test_json_escapes_what_a_terminal_would_obey_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockflight.cli.context import Context

    data = {"subject": "ä\x1b\x9b\u202e\u2028\U000e0001 ::x"}
    Context(tmp_path).json(data)
    said = capsys.readouterr().out
    assert json.loads(said) == data
    assert "ä" in said
    assert all(character.isprintable() or character == "\n" for character in said)


def test_failures_for_a_program_hold_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_TOKEN", 'hunter2"hunter2')
    failing(monkeypatch, OutsideError('it said hunter2"hunter2', hint='not hunter2"hunter2'))
    assert run(["verify", "--json"]) == 3
    assert "hunter2" not in "".join(capsys.readouterr())


def test_one_sick_registry_is_told_of_a_few_times_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = [Problem(f"cannot read r.example/s{n}: down", hint="up?") for n in range(100)]
    other = Problem("cannot read q.example/x: down", hint="up?")
    failing(monkeypatch, OutsideError([*problems, other]))
    assert run(["verify", "--json"]) == 3
    said = capsys.readouterr()
    assert said.err.count("cannot read r.example") == 3
    assert "q.example/x" in said.err
    assert "… and 97 more like it of r.example\n" in said.err
    assert len(json.loads(said.out)["problems"]) == 101


def test_an_output_that_cannot_be_left_fails_and_a_summary_is_only_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockflight.cli.context import Context
    from lockflight.cli.github import add_summary, set_output

    files = {"GITHUB_OUTPUT": str(tmp_path), "GITHUB_STEP_SUMMARY": str(tmp_path)}
    context = Context(tmp_path, environment={"GITHUB_ACTIONS": "true", **files})
    with pytest.raises(OutsideError, match="the step's output 'lock-id' cannot be written"):
        set_output(context, "lock-id", "abc")
    add_summary(context, "# hello")
    assert "note: the job's summary cannot be written" in capsys.readouterr().err


def test_lists_in_the_help_stay_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("formats:") + 1].startswith("  compose")
    assert lines[lines.index("examples:") + 1].startswith("  lockflight export --format compose")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2", "version: is version 2; this lockflight reads version 1"),
        ("true", "version: must be 1, the version that this lockflight reads, not true or false (True)"),
        ("1.0", "version: must be 1, the version that this lockflight reads, not a number (1.0)"),
    ],
)
def test_another_version_is_told_as_such(
    version: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = "project: shop\nservices: {cart: {path: .}}\nregistry: r.example/x\n"
    (tmp_path / "lockflight.yaml").write_text(f"version: {version}\n{manifest}")
    assert run(["lock"]) == 2
    assert said in capsys.readouterr().err


def test_a_choice_that_does_not_fit_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lockflight.yaml").write_text(
        "version: 1\nproject: shop\nservices: {cart: {path: ., image: 'A B'}}\n"
    )
    assert run(["lock"]) == 2
    said = capsys.readouterr().err
    assert said.count("services.cart.image: ") == 1
    assert "should be False" not in said


def test_what_the_encoding_cannot_hold_is_written_as_an_escape() -> None:
    done = lockflight("--help", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "COMMAND \\u2026" in done.stdout


def test_a_result_goes_to_a_stream_of_any_encoding() -> None:
    write_lock(builders.lock(generator="löckflight"), Path("lock.yaml"))
    shown = lockflight("show", "lock.yaml", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "l\\xf6ckflight" in shown.stdout
    refused = lockflight("show", "löck.yaml", PYTHONIOENCODING="ascii")
    assert refused.returncode == 2
    assert "l\\xf6ck.yaml" in refused.stderr


def test_a_document_is_utf_8_whatever_the_locale_says() -> None:
    write_lock(builders.lock(generator="löckflight"), Path("lock.yaml"))
    command = [sys.executable, "-m", "lockflight", "show", "lock.yaml", "--json"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert json.loads(done.stdout)["generator"] == "löckflight"


@pytest.mark.parametrize(
    "command", [["verify", "--offline"], ["show"], ["diff", "lock.yaml"], ["export", "--format", "matrix"]]
)
def test_quiet_takes_nothing_away_from_the_result(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lock(builders.lock(), tmp_path / "lock.yaml")
    assert run([*command, "lock.yaml"]) == 0
    aloud = capsys.readouterr().out
    assert run(["-q", *command, "lock.yaml"]) == 0
    assert capsys.readouterr() == (aloud, "")
    assert aloud


def test_the_summary_tells_notes_from_what_refuses() -> None:
    from lockflight.cli.findings_view import as_markdown
    from lockflight.findings import Finding

    rows = as_markdown([Finding("bad", "cart", "x"), Finding("fine", "cart", "y", note=True)]).splitlines()
    assert ["(note)" in row for row in rows] == [False, False, False, True]


def _as_pipe(path: Path) -> None:
    os.mkfifo(path)


def _as_circle(path: Path) -> None:
    path.symlink_to(path)


def _as_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (Path.mkdir, "a folder"),
        (_as_pipe, "a pipe"),
        (_as_circle, "a link that leads round in a circle"),
        (_as_dangling_link, "a link that leads nowhere"),
    ],
)
def test_a_manifest_that_is_no_file_is_told_as_what_it_is(
    make: Callable[[Path], None], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "lockflight.yaml")
    for command in ("lock", "verify"):
        assert run([command]) == 2
        assert f"lockflight.yaml: is {kind}, and the manifest must be a file" in capsys.readouterr().err
    assert run(["doctor"]) == 1
    assert f"is {kind}" in " ".join(capsys.readouterr().out.split())
