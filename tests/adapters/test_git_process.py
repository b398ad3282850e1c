"""A git process does not outlive the question that it was asked, nor lockflight itself."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockflight.adapters import git_process
from lockflight.adapters.git_process import run, stop_children
from lockflight.errors import OutsideError


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_process, "_children", git_process._Children())


@pytest.fixture
def alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that a git that hangs holds open, and so does a helper of it; it ends when both have."""
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\nexec 3> {pipe}\nsleep 60 &\necho started >&3\nwait\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return pipe


def test_a_git_that_runs_is_ended_with_its_helpers(alive: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(run, ["status"])
        with alive.open() as pipe:
            assert pipe.readline() == "started\n"
            stop_children()
            assert asked.result().code != 0
            assert pipe.read() == ""


def test_no_git_is_started_after_all_were_ended() -> None:
    stop_children()
    with pytest.raises(OutsideError):
        run(["--version"])


def test_a_git_that_gives_no_answer_is_ended_with_its_helpers(alive: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(run, ["status"], seconds=1)
        assert alive.read_text() == "started\n"
        with pytest.raises(OutsideError, match="status gave no answer within 1 s"):
            asked.result()


def test_a_missing_git_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="not installed"):
        run(["--version"])
