"""What a suite prints: with no secret in it, kept in a file up to a limit, and handed on line by line."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path

from lockflight.errors import OutsideError, Place
from lockflight.logs import without_secrets

LARGEST_OUTPUT = 64 * 1024 * 1024
# A line that does not end is handed on in parts of this size.
_LONGEST_LINE = 64 * 1024
_SHORTEST_SECRET = 6


class Mask:
    """Replaces the values of secrets by stars, in bytes."""

    def __init__(self, environment: Mapping[str, str], named: Iterable[str] = ()) -> None:
        """Of the environment what `named` says, and every value that its variable's name calls secret."""
        values = {part for text in _secrets(environment, frozenset(named)) for part in _parts(text)}
        self.longest = max(map(len, values), default=0)
        # The longest first: a secret may begin as another does, and its rest must not stay.
        ordered = sorted(values, key=lambda value: (-len(value), value))
        self._pattern = re.compile(b"|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, data: bytes) -> bytes:
        return self._pattern.sub(b"***", data) if self._pattern else data


def _secrets(environment: Mapping[str, str], named: frozenset[str]) -> Iterator[str]:
    for name, value in environment.items():
        if name in named or without_secrets(value, {name: value}) != value:
            yield value


def _parts(text: str) -> Iterator[bytes]:
    """A secret of several lines, a key for instance, is found line by line."""
    for line in text.splitlines():
        if len(line) >= _SHORTEST_SECRET:
            yield line.encode(errors="surrogateescape")


class Output:
    """Takes what comes, in pieces of any size; used by one thread at a time, whichever that is."""

    def __init__(
        self, path: Path, write: Callable[[bytes], None], mask: Mask, *, largest: int = LARGEST_OUTPUT
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        self._write = write
        self._mask = mask
        self._largest = self._room = largest
        self._rest = b""
        self._guard = threading.Lock()
        self._file: FileIO | None = _created(path)

    def feed(self, data: bytes) -> None:
        """Hand on the lines that are complete by now."""
        with self._guard:
            complete, end, rest = (self._rest + data).rpartition(b"\n")
            self._rest = rest
            if end:
                self._hand_on(self._mask(complete))
            if len(self._rest) > _LONGEST_LINE:
                self._hand_on_a_part()

    def close(self) -> None:
        """Hand on what came without the end of a line, and be done; harmless when called again."""
        with self._guard:
            rest, self._rest = self._rest, b""
            try:
                if rest:
                    self._hand_on(self._mask(rest), end=b"")
            finally:
                if self._file is not None:
                    self._file.close()
                    self._file = None

    def be_quiet(self) -> None:
        """Go on keeping, but hand nothing on: whoever listened wants to stop."""
        self._write = _to_nobody

    def _hand_on_a_part(self) -> None:
        masked = self._mask(self._rest)
        # The end may be the beginning of a secret, whose rest is still to come.
        end = len(masked) - self._mask.longest
        if end > 0:
            self._rest = masked[end:]
            self._hand_on(masked[:end], end=b"")

    def _hand_on(self, text: bytes, end: bytes = b"\n") -> None:
        # Kept first: whoever listens may fail.
        self._keep(text + end)
        *lines, last = text.split(b"\n")
        for line in lines:
            self._write(line + b"\n")
        self._write(last + end)

    def _keep(self, text: bytes) -> None:
        if self._file is None or self._room < 0:
            return
        try:
            rest = memoryview(text[: self._room])
            # A disk that fills up takes a part first, and refuses only the next.
            while rest:
                rest = rest[self._file.write(rest) :]
            self._room -= len(text)
            if self._room < 0:
                self._cut(self._file)
        except OSError as error:
            # A full disk must not fail the suite; what it prints is shown all the same.
            self.notes.append(f"its output could not be saved to the end: {error.strerror or error}")
            self._room = -1

    def _cut(self, file: FileIO) -> None:
        size = f"{self._largest / 2**20:.0f} MiB" if self._largest >= 2**20 else f"{self._largest} bytes"
        file.write(f"\n[cut here: lockflight keeps the first {size} of a suite's output]\n".encode())
        self.notes.append(f"its output was cut after {size}")


def _to_nobody(_line: bytes) -> None:
    pass


def _created(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: what a suite said last must be there when lockflight is killed.
        return path.open("wb", buffering=0)
    except OSError as error:
        hint = "is the folder writable, and is there room on the disk?"
        raise OutsideError(
            f"cannot write: {error.strerror or error}", place=Place(str(path)), hint=hint
        ) from error
