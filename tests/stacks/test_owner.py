"""Whether the process behind a stack is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockflight.stacks.owner import Owner, state_of, this_process

SAY = "from lockflight.stacks.owner import this_process; print(this_process(), flush=True); input()"


def test_this_process_is_alive() -> None:
    assert state_of(this_process()) is Owner.ALIVE


def test_a_process_that_was_killed_is_gone_even_before_anybody_waited_for_it() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    owner = child.stdout.readline().strip()
    assert state_of(owner) is Owner.ALIVE
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert state_of(owner) is Owner.GONE
    child.communicate()
    assert state_of(owner) is Owner.GONE


def test_another_process_with_the_same_number_is_not_the_owner() -> None:
    here, number, started = this_process().rsplit("/", 2)
    assert state_of(f"{here}/{number}/{int(started) - 1}") is Owner.GONE


def test_a_process_that_proc_hides_is_not_taken_for_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    owner = child.stdout.readline().strip()
    # As /proc mounted with hidepid=2 looks to another user.
    for name in ("sys", "self"):
        (tmp_path / name).symlink_to(f"/proc/{name}")
    monkeypatch.setattr("lockflight.stacks.owner._PROC", tmp_path)
    assert state_of(owner) is Owner.UNKNOWN
    with monkeypatch.context() as as_another_user:

        def refused(_process: int, _signal: int) -> None:
            raise PermissionError

        as_another_user.setattr("os.kill", refused)
        assert state_of(owner) is Owner.UNKNOWN
    child.kill()
    child.communicate()
    assert state_of(owner) is Owner.GONE


def test_of_another_machine_nothing_is_known() -> None:
    _, number, started = this_process().rsplit("/", 2)
    assert state_of(f"elsewhere/{number}/{started}") is Owner.UNKNOWN
    for nonsense in (None, "", "x", "a/b/c/d/e"):
        assert state_of(nonsense) is Owner.UNKNOWN
