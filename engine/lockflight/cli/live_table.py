"""Watching services start: a table that is drawn again in place on a terminal, a line per change elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from lockflight.logs import log

if TYPE_CHECKING:
    from lockflight.stacks.readiness import ServiceState

_MARKS = {"ready": "✓", "failed": "✗", "waiting": "·"}
_COLOURS = {"ready": "32", "failed": "31", "waiting": "2"}


class Changes:
    """One line for each service that came into another state: for CI logs and pipes."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._known: dict[str, str] = {}

    def look(self, states: Sequence[ServiceState], seconds: float) -> None:
        for state in states:
            if self._known.get(state.service) != state.word:
                self._known[state.service] = state.word
                log.event("service", service=state.service, state=state.word, seconds=round(seconds, 1))
                if not self._quiet and state.word != "waiting":
                    _write(self._stream, f"  {seconds:6.1f} s  {state.service}: {state.word}\n")

    def close(self) -> None:
        pass


class LiveTable:
    """Every service with its state, drawn again in place; what is ready gives way where the room is short."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._drawn = 0
        self._shown: tuple[tuple[str, str], ...] = ()
        self._second = -1
        self._since: dict[tuple[str, str], float] = {}
        self._in_colour = "NO_COLOR" not in os.environ

    def look(self, states: Sequence[ServiceState], seconds: float) -> None:
        shown = tuple((state.service, state.word) for state in states)
        for pair in shown:
            self._since.setdefault(pair, seconds)
        if shown == self._shown and int(seconds) == self._second:
            return
        self._shown, self._second = shown, int(seconds)
        size = shutil.get_terminal_size((80, 24))
        ready = sum(state.ready for state in states)
        lines = [f"{ready} of {len(states)} services ready, {seconds:.0f} s"]
        lines += [
            self._line(state, seconds, states) for state in self._fitting(states, max(0, size.lines - 3))
        ]
        # A line that the terminal breaks would be two when the next drawing goes back up.
        self._draw([line[: size.columns - 1] for line in lines], states)

    def close(self) -> None:
        """The last drawing stays."""
        self._drawn = 0

    def _fitting(self, states: Sequence[ServiceState], room: int) -> Sequence[ServiceState]:
        if len(states) <= room:
            return states
        # What is wrong or still to come matters more than what is ready.
        ranked = sorted(states, key=lambda state: (not state.failed, state.ready))
        kept = {state.service for state in ranked[:room]}
        return [state for state in states if state.service in kept]

    def _line(self, state: ServiceState, seconds: float, states: Sequence[ServiceState]) -> str:
        width = max(len(one.service) for one in states)
        since = self._since[state.service, state.word]
        told = f" after {since:.1f} s" if state.ready or state.failed else f" for {seconds - since:.0f} s"
        return f"  {_MARKS[_kind(state)]} {state.service:{width}}  {state.word}{told}"

    def _draw(self, lines: Sequence[str], states: Sequence[ServiceState]) -> None:
        kinds = {f"{_MARKS[_kind(state)]} {state.service}": _kind(state) for state in states}
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\r\x1b[2K{self._coloured(line, kinds)}\n" for line in lines)
        # Lines that an earlier, longer drawing left below.
        _write(self._stream, f"{up}{body}\x1b[J")
        self._drawn = len(lines)

    def _coloured(self, line: str, kinds: dict[str, str]) -> str:
        kind = next((kind for start, kind in kinds.items() if line.strip().startswith(f"{start} ")), None)
        return f"\x1b[{_COLOURS[kind]}m{line}\x1b[0m" if kind and self._in_colour else line


def _kind(state: ServiceState) -> str:
    return "ready" if state.ready else "failed" if state.failed else "waiting"


def _write(stream: TextIO, text: str) -> None:
    # A terminal that went away is no reason to stop the work.
    with contextlib.suppress(OSError):
        stream.write(text)
        stream.flush()
