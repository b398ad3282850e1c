"""Running one process to its end: how long it took, what it printed, how much memory it had at its peak."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

# No single process of the benchmark takes minutes; one that hangs must not hold up the machine.
DEADLINE = 600
# What a process that is told to end may take to tidy up after itself.
_SECONDS_TO_END = 30
# Linux counts the memory of whoever starts a process into the peak of what is started, so a small process
# of its own stands between the benchmark and what is measured.
_LAUNCHER = """
import os, sys
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Broken(Exception):
    """Something that is to be measured does not work, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well."""

    seconds: float
    output: str


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Finished:
    """Run the command and insist that it succeeds; the output goes to a file, so that nobody waits for us."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as given:
        given.write(stdin)
        given.seek(0)
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=_environment(environment), stdin=given, stdout=output,
            stderr=subprocess.PIPE, timeout=DEADLINE, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if done.returncode:
        raise Broken(
            f"{' '.join(command)[:300]} ended with {done.returncode}:\n{said[-1500:]}{done.stderr[-1500:]}"
        )
    return Finished(seconds, said)


def run_together(commands: Sequence[Sequence[str]], *, folder: Path) -> float:
    """Run these at once and insist that all succeed; how long it took until the last had ended.

    Each has a session of its own: an interruption reaches us alone, and we tell them to end, and wait for that.
    """
    started = time.perf_counter()
    with ExitStack() as running:
        for child in [running.enter_context(_child(command, folder)) for command in commands]:
            child.wait(DEADLINE)
        return time.perf_counter() - started


@contextmanager
def _child(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(
            command, cwd=folder, env=_environment(None), stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            yield child
        finally:
            _end(child)
        if child.returncode:
            said.seek(0)
            raise Broken(f"{' '.join(command)[:300]} ended with {child.returncode}:\n{said.read()[-3000:]}")


def _end(child: subprocess.Popen[str]) -> None:
    """Ask it and all that it started to end, and then insist."""
    if child.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def peak_memory(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> float:
    """The largest resident memory in MB that the command, or any process that it started, ever had."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
        cwd=folder, env=_environment(environment), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=DEADLINE, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Broken(f"{' '.join(command)[:300]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return int(done.stderr.splitlines()[-1]) * 1024 / 1e6


def _environment(changes: Mapping[str, str] | None) -> dict[str, str]:
    """The person's environment without what a CI or git would tell lockflight about another run."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_MISLEADING)}
    return {**kept, **(changes or {})}


# An installed lockflight has its modules compiled; a checkout must be allowed to have them too.
_MISLEADING = ("GITHUB_", "GIT_", "CI", "SOURCE_DATE_EPOCH", "PYTHONDONTWRITEBYTECODE")
