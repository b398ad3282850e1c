"""Does a command of the user's own end with 0?"""

from __future__ import annotations

import json
import tempfile
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight import durations
from lockflight.environments import CommandGate
from lockflight.errors import InputError, OutsideError, Problem
from lockflight.locks.file import plain
from lockflight.promotions.gates.model import Question, Reply, no, not_yet, unknown, yes
from lockflight.promotions.gates.placeholders import filled, variables_of
from lockflight.stacks.suites.host import HostCommand, run_command
from lockflight.stacks.suites.output import Mask, Output
from lockflight.stacks.suites.verdict import Ending

# EX_TEMPFAIL of sysexits.h: by its own word the command may end otherwise later.
TRY_LATER = 75
_LINES_KEPT = 20
_LARGEST_OUTPUT = 1024 * 1024


def ask(settings: CommandGate, question: Question) -> Reply:
    """Run with the lock in a file of its own; nothing of the command is left afterwards."""
    _directory(settings, question)
    try:
        with tempfile.TemporaryDirectory(prefix="lockflight-gate-") as folder:
            heard = _Heard()
            ending = _run(settings, question, Path(folder), heard)
    except OSError as error:
        raise OutsideError(f"no temporary folder for the command: {error.strerror or error}") from error
    return _judged(settings, ending, heard)


def explain(settings: CommandGate) -> str:
    timeout = durations.written(durations.seconds(settings.timeout))
    return f"the command {_written(settings)} ends with 0 within {timeout} ({TRY_LATER} means: not yet)"


def problems(settings: CommandGate, question: Question) -> list[Problem]:
    """What is wrong with the settings and can be told before anything is asked."""
    try:
        _directory(settings, question)
        _variables(settings, question)
    except InputError as error:
        return list(error.problems)
    return []


@dataclass(slots=True)
class _Heard:
    """The last lines that the command prints."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))

    def __call__(self, data: bytes) -> None:
        text = data.decode(errors="replace").strip()
        if text:
            self.lines.append(text)

    @property
    def last(self) -> str:
        return f": {self.lines[-1]}" if self.lines else ""


def _run(settings: CommandGate, question: Question, folder: Path, heard: _Heard) -> Ending:
    lock = folder / "lock.json"
    lock.write_text(json.dumps(plain(question.lock), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    command = HostCommand(
        # As a suite's: braces in it are the command's own, '{url.…}' stands in its variables.
        tuple(settings.command),
        _directory(settings, question),
        {**question.variables, **_variables(settings, question), "LOCKFLIGHT_LOCK_FILE": str(lock)},
        durations.seconds(settings.timeout),
    )
    mask = Mask(question.variables, question.settings.secrets)
    with closing(Output(folder / "output.log", heard, mask, largest=_LARGEST_OUTPUT)) as output:
        return run_command(command, output, question.clock)


def _judged(settings: CommandGate, ending: Ending, heard: _Heard) -> Reply:
    name = _written(settings)
    details: dict[str, Any] = {
        "command": list(settings.command),
        "output": list(heard.lines),
        "notes": list(ending.notes),
    }
    if ending.not_started or ending.cut_off:
        return unknown(f"{name} {ending.not_started or ending.cut_off}", **details)
    if ending.timed_out:
        limit = durations.written(durations.seconds(settings.timeout))
        return no(f"{name} did not end within {limit} and was ended{heard.last}", **details)
    details["exit_code"] = ending.exit_code
    said = f"{name} ended with exit code {ending.exit_code}{heard.last}"
    if ending.exit_code == TRY_LATER:
        return not_yet(said, None, **details)
    return yes(said, **details) if ending.exit_code == 0 else no(said, **details)


def _variables(settings: CommandGate, question: Question) -> dict[str, str]:
    own = {name: filled(text, question) for name, text in settings.env.items()}
    return {**variables_of(question), **own}


def _directory(settings: CommandGate, question: Question) -> Path:
    directory = question.root / (settings.directory or ".")
    if not directory.is_dir():
        raise InputError(f"the folder '{settings.directory}' of a command does not exist")
    if not directory.resolve().is_relative_to(question.root.resolve()):
        raise InputError(
            f"the folder '{settings.directory}' of a command leaves the repository through a symbolic link"
        )
    return directory


def _written(settings: CommandGate) -> str:
    """The program and what it is told first; long arguments say little in a sentence."""
    text = " ".join(settings.command)
    return f"'{text}'" if len(text) <= 80 else f"'{text[:79]}…'"
