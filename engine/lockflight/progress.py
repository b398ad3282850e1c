"""Showing that something goes on: one moving line on a terminal, nothing in CI."""

from __future__ import annotations

import contextlib
import sys
import threading
from types import TracebackType
from typing import Protocol, TextIO


class Progress(Protocol):
    """Told by the work how far it is; may be called from many threads."""

    def start(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...

    def detail(self, text: str) -> None:
        """What the count alone does not show, such as how many bytes have come."""
        ...

    def finish(self) -> None: ...


class Silent:
    def start(self, title: str, total: int) -> None:
        pass

    def advance(self) -> None:
        pass

    def detail(self, text: str) -> None:
        pass

    def finish(self) -> None:
        pass


class MovingLine:
    """`resolving images 37/200`, rewritten in place and gone when the work is done."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._guard = threading.Lock()
        self._title = self._detail = ""
        self._total = self._done = 0
        self._moving = False

    def start(self, title: str, total: int) -> None:
        with self._guard:
            self._title, self._detail, self._total, self._done = title, "", total, 0
            self._moving = True
            self._show()

    def advance(self) -> None:
        with self._guard:
            self._done += 1
            # A thread that ends late must not write into what came after.
            if self._moving:
                self._show()

    def detail(self, text: str) -> None:
        with self._guard:
            if self._moving and text != self._detail:
                self._detail = text
                self._show()

    def finish(self) -> None:
        with self._guard:
            if self._moving:
                self._moving = False
                self._write("")

    def _show(self) -> None:
        self._write(
            f"{self._title} {self._done}/{self._total}" + (f", {self._detail}" if self._detail else "")
        )

    def _write(self, line: str) -> None:
        # A terminal that went away is no reason to stop the work.
        with contextlib.suppress(OSError):
            self._stream.write(f"\r\x1b[2K{line}")
            self._stream.flush()


class working:  # noqa: N801 - reads as a verb where it is used: `with working(progress, …)`
    """A stretch of work; its line goes away even when the work is cut off."""

    def __init__(self, progress: Progress, title: str, total: int) -> None:
        self._progress = progress
        self._title = title
        self._total = total

    def __enter__(self) -> Progress:
        self._progress.start(self._title, self._total)
        return self._progress

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.finish()
