"""Running a command on this machine: bounded in time and in output, and with nothing of it left afterwards."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockflight.config import Suite
from lockflight.errors import OutsideError, Place, Problem
from lockflight.logs import log, printable
from lockflight.names import did_you_mean
from lockflight.places import MANIFEST
from lockflight.ports.clock import Clock
from lockflight.stacks.suites import keeper
from lockflight.stacks.suites.output import Output
from lockflight.stacks.suites.verdict import Ending

# What every process of a suite carries, should its keeper be killed.
MARKER = "LOCKFLIGHT_SUITE_RUN"
GRACE_SECONDS = 5.0
# The keeper needs some seconds beyond the grace to end those that will not.
_KEEPER_SECONDS = 15.0
_LONGEST_WAIT = 3600.0
_PIECE = 64 * 1024
# What a pipe may still hold when everybody who wrote to it has ended.
_LARGEST_PIPE = 4 * 1024 * 1024
# Alone, without what is installed, and reading names of files as this process does.
_PYTHON = (sys.executable, "-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}")
_HINTS = {
    errno.ENOEXEC: "a script must begin with '#!' and its interpreter, such as '#!/bin/sh'",
    errno.ENOENT: "is it there, and so is the interpreter that its first line names?",
    errno.EACCES: "make it executable: chmod +x",
    errno.E2BIG: "the variables and arguments are larger than this system allows",
}


@dataclass(frozen=True, slots=True)
class HostCommand:
    """What runs, where, and for how long at most."""

    arguments: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    seconds: float
    # Between the request to end and the end, when the time is over.
    grace: float = GRACE_SECONDS


def run_command(command: HostCommand, output: Output, clock: Clock) -> Ending:
    """Run it to its end; when the caller is interrupted, everything of it is ended before that goes on."""
    run = _Run(command, secrets.token_hex(16), output, clock)
    try:
        run.follow()
        run.end()
    except BaseException:
        output.be_quiet()
        run.end()
        raise
    finally:
        run.close()
    log.event("suite", program=command.arguments[0], code=run.exit_code, seconds=round(run.seconds, 3))
    return run.ending()


class _Run:
    """A keeper with its suite, seen from lockflight: two pipes to read, one to close."""

    def __init__(self, command: HostCommand, token: str, output: Output, clock: Clock) -> None:
        self.exit_code: int | None = None
        self._command = command
        self._marker = f"{MARKER}={token}"
        self._output = output
        self._clock = clock
        self._said: dict[str, Any] = {}
        self._unread = b""
        self._timed_out = self._told_to_end = False
        self._selector = selectors.DefaultSelector()
        self._begun = self._ended_at = clock.monotonic()
        self._deadline = self._begun + command.seconds
        self._printed, self._status, self._keeper = self._start()
        self._selector.register(self._printed, selectors.EVENT_READ)
        self._selector.register(self._status, selectors.EVENT_READ)
        self._order(token)

    @property
    def seconds(self) -> float:
        return self._ended_at - self._begun

    def _start(self) -> tuple[int, int, subprocess.Popen[bytes]]:
        printed, prints = os.pipe()
        status, tells = os.pipe()
        try:
            child = subprocess.Popen(
                [*_PYTHON, keeper.__file__, str(tells)],
                stdin=subprocess.PIPE,
                stdout=prints,
                stderr=prints,
                pass_fds=[tells],
                # Neither Ctrl-C nor what ends lockflight may end the one that tidies up.
                start_new_session=True,
            )
        except OSError as error:
            os.close(printed)
            os.close(status)
            raise OutsideError(f"no process can be started: {error.strerror or error}") from error
        finally:
            os.close(prints)
            os.close(tells)
        os.set_blocking(printed, False)
        os.set_blocking(status, False)
        return printed, status, child

    def _order(self, token: str) -> None:
        order = {
            "arguments": self._command.arguments,
            "directory": str(self._command.directory),
            "environment": {**self._command.environment, MARKER: token},
            "grace": self._command.grace,
        }
        # A keeper that is gone already is noticed when it says nothing.
        if self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.stdin.write(json.dumps(order).encode() + b"\n")
                self._keeper.stdin.flush()

    def _close_order(self) -> None:
        if self._keeper.stdin is not None:
            with contextlib.suppress(OSError):
                self._keeper.stdin.close()

    def follow(self) -> None:
        """Until the suite and all its processes have ended, or could not be ended in time."""
        while self._status_is_open():
            left = self._deadline - self._clock.monotonic()
            if left > 0:
                self._read_what_comes(left)
            elif not self._told_to_end:
                self._timed_out = "ended" not in self._said
                self._tell_to_end()
            else:
                return

    def end(self) -> None:
        """Have everything ended that still runs, by the keeper or, where that is gone, from here."""
        if not self._told_to_end:
            self._tell_to_end()
            self.follow()
        if "done" not in self._said:
            self._end_from_here()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(_KEEPER_SECONDS)
        self._drain()

    def close(self) -> None:
        # Should the tidying itself have been interrupted, this alone makes the keeper end everything.
        self._close_order()
        self._selector.close()
        os.close(self._printed)
        os.close(self._status)

    def ending(self) -> Ending:
        """How it ended, for the one who judges."""
        if "failed" in self._said:
            reason = f"could not be started: {self._said['failed']}"
            return Ending(None, self.seconds, not_started=_with_hint(reason, self._said.get("number")))
        cut_off = (
            ""
            if self._timed_out or "ended" in self._said
            else "was cut off: its process was killed from outside"
        )
        return Ending(
            None if self._timed_out else self.exit_code,
            self.seconds,
            timed_out=self._timed_out,
            cut_off=cut_off,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if self._said.get("left") and not self._timed_out:
            yield f"it left processes behind, which were ended: {_listed(self._said['left'])}"
        if self._said.get("remaining"):
            yield f"these of its processes could not be ended: {_listed(self._said['remaining'])}"

    def _tell_to_end(self) -> None:
        self._told_to_end = True
        self._close_order()
        self._deadline = self._clock.monotonic() + self._command.grace + _KEEPER_SECONDS

    def _status_is_open(self) -> bool:
        return self._status in self._selector.get_map()

    def _read_what_comes(self, seconds: float) -> None:
        # Systems refuse to wait for weeks at once.
        for key, _ in self._selector.select(min(seconds, _LONGEST_WAIT)):
            data = _read(key.fd)
            if data == b"":
                self._selector.unregister(key.fd)
            elif data is not None and key.fd == self._printed:
                self._output.feed(data)
            elif data is not None:
                self._hear(data)

    def _hear(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._said.update(json.loads(line))
            if "ended" in self._said and self.exit_code is None:
                self._ended_at = self._clock.monotonic()
                self.exit_code = _as_a_shell_says(self._said["ended"])

    def _drain(self) -> None:
        """Read what is left in the pipe, and wait for no end of it: somebody may hold it open."""
        if "ended" not in self._said or self._timed_out:
            self._ended_at = self._clock.monotonic()
        room = _LARGEST_PIPE
        while room > 0 and (data := _read(self._printed)):
            self._output.feed(data)
            room -= len(data)

    def _end_from_here(self) -> None:
        """Where the keeper was killed, or does not answer: all below it, and all that carry the mark."""
        deadline = self._clock.monotonic() + _KEEPER_SECONDS
        while (left := self._left()) and self._clock.monotonic() < deadline:
            keeper.send(signal.SIGKILL, left)
            self._clock.sleep(0.02)
        self._keeper.kill()

    def _left(self) -> list[keeper.Process]:
        below = keeper.descendants(self._keeper.pid) if self._keeper.poll() is None else []
        return [*below, *keeper.marked(self._marker.encode())]


def _read(handle: int) -> bytes | None:
    """What is there, nothing (`b""`) at the end, None when there is nothing yet."""
    try:
        return os.read(handle, _PIECE)
    except BlockingIOError:
        return None


def _as_a_shell_says(code: int) -> int:
    return 128 - code if code < 0 else code


def _with_hint(reason: str, number: int | None) -> str:
    hint = _HINTS.get(number) if number is not None else None
    return f"{reason} ({hint})" if hint else reason


def _listed(names: Iterable[str]) -> str:
    return ", ".join(printable(name) for name in dict.fromkeys(names))


def check_host_suite(name: str, suite: Suite, root: Path, environment: Mapping[str, str]) -> list[Problem]:
    """Why the suite could not even start: its folder, or its program."""
    directory = root / (suite.directory or ".")
    if not directory.is_dir():
        place = Place(MANIFEST, path=f"stack.suites.{name}.directory")
        what = "is a file" if directory.exists() else "does not exist"
        return [Problem(f"'{suite.directory}' {what}; a folder is expected", place)]
    if not directory.resolve().is_relative_to(root.resolve()):
        place = Place(MANIFEST, path=f"stack.suites.{name}.directory")
        return [Problem(f"'{suite.directory}' leaves the repository through a symbolic link", place)]
    program = (suite.command or [""])[0]
    place = Place(MANIFEST, path=f"stack.suites.{name}.command")
    problem = _program_problem(program, directory, _search_path(suite, environment), place)
    return [problem] if problem else []


def _search_path(suite: Suite, environment: Mapping[str, str]) -> list[str]:
    path = suite.env.get("PATH", environment.get("PATH", os.defpath))
    return path.split(os.pathsep)


def _program_problem(program: str, directory: Path, path: list[str], place: Place) -> Problem | None:
    if not program:
        return Problem("names no program: its first word is empty", place)
    candidates = (
        [directory / program] if "/" in program else [directory / folder / program for folder in path]
    )
    if any(_is_executable(candidate) for candidate in candidates):
        return None
    there = next((candidate for candidate in candidates if candidate.is_file()), None)
    if there is not None:
        return Problem(f"'{program}' may not be executed", place, f"make it executable: chmod +x {there}")
    if "/" in program:
        hint = f"it is looked for in {directory}"
        return Problem(f"the program '{program}' does not exist", place, hint)
    return Problem(
        f"the program '{program}' is not installed: it is nowhere on the PATH", place, _hint(program, path)
    )


def _is_executable(path: Path) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - Path.is_file raises where we may not look


def _hint(program: str, path: list[str]) -> str:
    if re.search(r"\s", program):
        return "a command is a list of words and no line for a shell: [pytest, tests/system]"
    there = {entry.name for folder in path for entry in _entries(folder)}
    return did_you_mean(program, there) or "install it, or name it with its path in the repository"


def _entries(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []
