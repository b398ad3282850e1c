"""What is started for Compose: ended with all that it started, bounded in memory, deaf to the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockflight.adapters.stack_engine import processes
from lockflight.adapters.stack_engine.processes import MOST_COMPLAINT, Child, spawn, stop_children
from lockflight.errors import InputError, OutsideError

SECONDS = 20.0


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(processes, "children", processes._Children())
    yield
    stop_children()


def shell(text: str, stdin: bytes = b"") -> Child:
    return spawn(["/bin/sh", "-c", text], dict(os.environ), stdin)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe that processes hold open; reading it to its end waits until all of them have ended."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    return path


def test_output_complaint_and_exit_code_are_heard() -> None:
    child = shell("cat; echo wrong >&2; exit 3", b"spoken to")
    assert child.wait(SECONDS) == 3
    assert (child.output(), child.complaint(), child.ended()) == (b"spoken to", "wrong\n", 3)


def test_one_that_runs_has_not_ended() -> None:
    child = shell("echo early >&2; sleep 60")
    assert child.wait(0.05) is None
    assert child.ended() is None
    child.stop()
    assert child.ended() == -signal.SIGTERM
    assert child.complaint() == "early\n"


def test_stopping_ends_all_that_it_started(pipe: Path) -> None:
    child = shell(f"exec 3>{pipe}; (trap '' TERM; echo up >&3; sleep 60) & echo up >&3; wait")
    with pipe.open() as alive:
        assert [alive.readline(), alive.readline()] == ["up\n", "up\n"]
        child.stop()
        assert alive.read() == ""
    child.stop()


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch, pipe: Path) -> None:
    monkeypatch.setattr(processes, "_SECONDS_TO_END", 0.2)
    child = shell(f"exec 3>{pipe}; trap '' TERM; echo up >&3; while :; do sleep 0.05; done")
    with pipe.open() as alive:
        assert alive.readline() == "up\n"
        child.stop()
        assert alive.read() == ""
    assert child.ended() == -signal.SIGKILL


def test_a_flood_fills_no_memory() -> None:
    child = shell("yes complaint | head -c 3000000 >&2; echo the end >&2")
    assert child.wait(SECONDS) == 0
    assert len(child.complaint().encode()) <= MOST_COMPLAINT
    assert child.complaint().endswith("the end\n")


def test_one_that_reads_nothing_keeps_nobody_waiting() -> None:
    child = shell("exit 0", b"x" * 1_000_000)
    assert child.wait(SECONDS) == 0


def test_after_the_end_of_all_none_is_started(pipe: Path) -> None:
    shell(f"exec 3>{pipe}; echo up >&3; sleep 60")
    with pipe.open() as alive:
        assert alive.readline() == "up\n"
        stop_children()
        assert alive.read() == ""
    with pytest.raises(OutsideError, match="told to stop"):
        shell("exit 0")


def test_it_hears_nothing_of_the_terminal() -> None:
    child = shell("sleep 60")
    assert os.getsid(child._process.pid) != os.getsid(0)
    child.stop()


def test_it_outlives_the_thread_that_asked_for_it() -> None:
    # Where the kernel ends children with their parent, it goes by the thread that started them.
    found: list[Child] = []
    thread = threading.Thread(target=lambda: found.append(shell("sleep 60")))
    thread.start()
    thread.join()
    assert found[0].wait(0.3) is None


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel of Linux alone ends children with their parent"
)
def test_a_kill_of_lockflight_ends_it(pipe: Path) -> None:
    code = (
        "import os, time\n"
        "from lockflight.adapters.stack_engine.processes import spawn\n"
        f"spawn(['/bin/sh', '-c', 'exec 3>{pipe}; echo up >&3; exec sleep 60'], dict(os.environ))\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    with pipe.open() as alive:
        assert alive.readline() == "up\n"
        parent.kill()
        parent.wait()
        assert alive.read() == ""


def test_without_setpriv_or_with_that_of_busybox_it_runs_all_the_same(tmp_path: Path) -> None:
    without = {"PATH": str(tmp_path)}
    assert spawn(["/bin/sh", "-c", "exit 7"], without).wait(SECONDS) == 7
    (tmp_path / "busybox").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "busybox").chmod(0o755)
    (tmp_path / "setpriv").symlink_to("busybox")
    assert spawn(["/bin/sh", "-c", "exit 7"], without).wait(SECONDS) == 7


def test_what_cannot_be_started_is_said() -> None:
    with pytest.raises(InputError):
        spawn(["/bin/sh", "-c", "a\0b"], dict(os.environ))
    with pytest.raises(OutsideError, match="cannot be started"):
        spawn(["/bin/sh", "-c", "x" * 10_000_000], dict(os.environ))
    with pytest.raises(OutsideError, match="not installed"):
        spawn(["/nowhere/docker"], {"PATH": ""})
