"""The moving line: there for a person at a terminal, and for nobody else."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from lockflight.cli.context import Context
from lockflight.concurrency import each
from lockflight.progress import MovingLine, Silent, working


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """What a person sees, and the stream that leads there."""
    seen, written_to = pty.openpty()
    with os.fdopen(written_to, "w") as stream:
        yield seen, stream
    os.close(seen)


def test_on_a_terminal_a_line_moves_and_is_gone_at_the_end(
    terminal: tuple[int, TextIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal[1])
    progress = Context(tmp_path, environment={}).progress
    assert each(str, [1, 2], progress, "asking", parallel=1) == (["1", "2"], [])
    seen = ""
    while seen.count("\r\x1b[2K") < 4:  # a terminal hands over what it has, in pieces
        seen += os.read(terminal[0], 10_000).decode()
    assert seen.split("\r\x1b[2K") == ["", "asking 0/2", "asking 1/2", "asking 2/2", ""]


@pytest.mark.parametrize("name", ["CI", "GITHUB_ACTIONS"])
def test_in_ci_nothing_moves(
    name: str, terminal: tuple[int, TextIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal[1])
    assert isinstance(Context(tmp_path, environment={name: "true"}).progress, Silent)


def test_whoever_wants_quiet_or_json_sees_nothing_move(
    terminal: tuple[int, TextIO], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal[1])
    assert isinstance(Context(tmp_path, quiet=True, environment={}).progress, Silent)
    assert isinstance(Context(tmp_path, as_json=True, environment={}).progress, Silent)


def test_where_stderr_is_no_terminal_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    each(str, [1, 2], Context(tmp_path, environment={}).progress, "asking")
    assert capsys.readouterr() == ("", "")


def test_work_that_ends_late_writes_nothing_into_what_came_after() -> None:
    stream = io.StringIO()
    line = MovingLine(stream)
    with working(line, "asking", 2):
        line.advance()
    before = stream.getvalue()
    line.advance()
    line.finish()
    assert stream.getvalue() == before


def test_a_terminal_that_goes_away_stops_no_work() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    assert each(str, [1], MovingLine(Gone()), "asking") == (["1"], [])
