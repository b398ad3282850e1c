"""The process that a suite on this machine runs under, so that nothing of the suite outlives it.

It makes itself the one to whom the kernel hands the orphans of the suite, also those that made a session of
their own; so whatever descends from it belongs to the suite and to nothing else. When the suite has ended,
or lockflight says so by closing the pipe (or by being killed, which closes it as well), it ends all of them.

It is run by its path, alone, by a Python that loads nothing of lockflight: only the standard library, and of
that little. Where there is no /proc (macOS), the suite's process group alone is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

# What is about to end by itself when the suite has ended is not called left behind.
_SECONDS_TO_VANISH = 0.25
_SECONDS_LEFT_BEHIND = 2.0
_SECONDS_AFTER_KILL = 5.0
_LOOK_EVERY = 0.02
_MOST_NAMED = 20
_PR_SET_CHILD_SUBREAPER = 36
_PROCESSES = Path("/proc")


class Process(NamedTuple):
    pid: int
    name: str
    parent: int


def processes() -> list[Process]:
    """Every process that runs; ended ones that nobody has waited for are left out."""
    if not _PROCESSES.is_dir():
        return []
    found = (_process(entry) for entry in _PROCESSES.iterdir() if entry.name.isdecimal())
    return [process for process in found if process is not None]


def _process(entry: Path) -> Process | None:
    try:
        text = (entry / "stat").read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return None
    # A name may hold anything, also ')' and white space.
    first, last = text.index("("), text.rindex(")")
    state, parent = text[last + 2 :].split()[:2]
    return None if state in "ZXx" else Process(int(entry.name), text[first + 1 : last], int(parent))


def descendants(ancestor: int) -> list[Process]:
    """All that descend from a process, the nearest first."""
    by_parent: dict[int, list[Process]] = {}
    for process in processes():
        by_parent.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [ancestor]
    while waiting:
        children = by_parent.get(waiting.pop(0), [])
        found += children
        waiting += [child.pid for child in children]
    return found


def marked(marker: bytes) -> list[Process]:
    """All whose environment holds the marker (`NAME=value`), as far as we may look."""
    return [process for process in processes() if marker in _environment(process.pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROCESSES / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def send(number: signal.Signals, to: Iterable[Process]) -> None:
    for process in to:
        with contextlib.suppress(OSError):
            os.kill(process.pid, number)


class Keeper:
    """Starts a suite, waits for it, and ends whatever is left of it."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._suite = 0
        # Held only so that Python does not wait for the suite on its own when nobody refers to it any more.
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._told_to_end = False
        self._pipe_is_open = True
        self._woken, wake = os.pipe()
        for handle in (self._woken, wake):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end_by_signal)

    def keep(self, order: dict[str, Any]) -> None:
        """From the start of the suite to the end of the last of its processes."""
        become_reaper()
        if self._start(order):
            _let_go_of_the_output()
            self._until(lambda: self._ended or self._told_to_end, None)
            if not self._ended:
                self._end_suite(order["grace"])
            self._end_what_is_left()
        self._tell({"done": True})

    def _start(self, order: dict[str, Any]) -> bool:
        try:
            self._process = subprocess.Popen(
                order["arguments"],
                cwd=order["directory"],
                env=order["environment"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._tell({"failed": reason, "number": getattr(error, "errno", None)})
            return False
        self._suite = self._process.pid
        return True

    def _end_by_signal(self, _number: int, _frame: object) -> None:
        self._told_to_end = True

    def _until(self, is_so: Callable[[], bool], seconds: float | None) -> bool:
        """Wait for something, or so long, and take leave of every child that ends meanwhile."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self._reap()
            if is_so():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self._sleep(None if deadline is None else _LOOK_EVERY)

    def _sleep(self, seconds: float | None) -> None:
        watched = [self._woken, *([0] if self._pipe_is_open else [])]
        ready, _, _ = select.select(watched, [], [], seconds)
        if 0 in ready and not os.read(0, 4096):
            self._pipe_is_open = False
            self._told_to_end = True
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._suite:
                    self._ended = True
                    self._tell({"ended": os.waitstatus_to_exitcode(status)})

    def _end_suite(self, grace: float) -> None:
        self._signal_group(signal.SIGTERM)
        # One that is stopped would not even learn of it.
        self._signal_group(signal.SIGCONT)
        if not self._until(lambda: self._ended, grace):
            self._signal_group(signal.SIGKILL)

    def _end_what_is_left(self) -> None:
        """Politely at first: a database that was started by the suite may have files to put in order."""
        if self._until(self._nothing_is_left, _SECONDS_TO_VANISH):
            return
        left = descendants(os.getpid())
        self._tell({"left": _named(left)})
        send(signal.SIGTERM, left)
        send(signal.SIGCONT, left)
        if self._until(self._nothing_is_left, _SECONDS_LEFT_BEHIND):
            return
        if not self._until(self._killed, _SECONDS_AFTER_KILL):
            self._tell({"remaining": _named(descendants(os.getpid()))})

    def _killed(self) -> bool:
        # Again and again, because what is being killed may be starting others.
        send(signal.SIGKILL, descendants(os.getpid()))
        return self._nothing_is_left()

    def _nothing_is_left(self) -> bool:
        if not _PROCESSES.is_dir():
            self._signal_group(signal.SIGKILL)
            return True
        return not descendants(os.getpid())

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._suite, number)


def _named(some: list[Process]) -> list[str]:
    # Names only: the arguments of a process may be secrets.
    return [process.name for process in some[:_MOST_NAMED]]


def become_reaper() -> None:
    """Have orphans handed to this process, where the system can do that."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _let_go_of_the_output() -> None:
    """Only the suite holds the output open from now on, so that its end is seen."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def main(status: int) -> None:
    """Read one order from stdin, and tell on `status`, a JSON object a line, what becomes of it."""

    def tell(said: dict[str, Any]) -> None:
        # Whoever wanted to know may be gone; the suite must be ended all the same.
        with contextlib.suppress(OSError):
            os.write(status, json.dumps(said).encode() + b"\n")

    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if line.endswith(b"\n"):
        Keeper(tell).keep(json.loads(line))


if __name__ == "__main__":
    main(int(sys.argv[1]))
