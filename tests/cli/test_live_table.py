"""Watching services start, on a terminal and in a log."""

from __future__ import annotations

import io
import re

import pytest

from lockflight.cli.live_table import Changes, LiveTable
from lockflight.stacks.readiness import ServiceState

WAITING = ServiceState("cart", "waiting")
HEALTHY = ServiceState("cart", "healthy", ready=True)
FAILED = ServiceState("orders", "exited 1", failed=True)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]|\r", "", text)


def test_a_log_has_one_line_for_each_change() -> None:
    stream = io.StringIO()
    changes = Changes(stream)
    for seconds, states in ((0.0, [WAITING]), (0.1, [WAITING]), (1.0, [HEALTHY]), (1.1, [HEALTHY, FAILED])):
        changes.look(states, seconds)
    assert stream.getvalue() == "     1.0 s  cart: healthy\n     1.1 s  orders: exited 1\n"


def test_a_quiet_log_has_none() -> None:
    stream = io.StringIO()
    Changes(stream, quiet=True).look([HEALTHY], 1.0)
    assert stream.getvalue() == ""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "10")
    return io.StringIO()


def test_the_table_is_drawn_again_over_itself(terminal: io.StringIO) -> None:
    table = LiveTable(terminal)
    table.look([WAITING, FAILED], 0.2)
    first = terminal.getvalue()
    table.look([HEALTHY, FAILED], 1.4)
    second = terminal.getvalue()[len(first) :]
    assert second.startswith("\x1b[3A")
    assert plain(second).splitlines() == [
        "1 of 2 services ready, 1 s",
        "  ✓ cart    healthy after 1.4 s",
        "  ✗ orders  exited 1 after 0.2 s",
    ]


def test_nothing_is_drawn_while_nothing_changes(terminal: io.StringIO) -> None:
    table = LiveTable(terminal)
    table.look([WAITING], 0.2)
    before = terminal.getvalue()
    table.look([WAITING], 0.3)
    assert terminal.getvalue() == before


def test_no_line_is_longer_than_the_terminal_and_no_table_higher(terminal: io.StringIO) -> None:
    many = [
        ServiceState(f"service-with-a-long-name-{number:02}", "restarting, exited 137")
        for number in range(30)
    ]
    LiveTable(terminal).look([*many, FAILED], 3.0)
    lines = plain(terminal.getvalue()).splitlines()
    assert len(lines) <= 9
    assert max(map(len, lines)) < 40
    assert any("orders" in line for line in lines), "what is wrong is shown whatever the room"
