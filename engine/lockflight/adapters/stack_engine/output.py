"""What containers print: the last lines, the whole into a file, or as it comes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from lockflight import logs
from lockflight.adapters.stack_engine.connection import SECONDS, Connection
from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import Container

_HEADER = 8
# A time, a space and a line's end: no line of a log with times is shorter.
_SHORTEST_LINE = 32
_FIRST_GUESS = 512
# How often we look whether a follower that nobody can interrupt has ended.
_LOOK_SECONDS = 0.2
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def payloads(pieces: Iterable[bytes]) -> Generator[bytes]:
    """The texts in a stream of frames: each has a header of eight bytes, the last four of them its size."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        start = 0
        while len(waiting) - start >= _HEADER:
            end = start + _HEADER + int.from_bytes(waiting[start + 4 : start + _HEADER])
            if len(waiting) < end:
                break
            yield bytes(waiting[start + _HEADER : end])
            start = end
        del waiting[:start]


def readable(text: str, keep: str = "\n\t") -> str:
    """Output without colours and without what could command a terminal."""
    plain = _COLOURS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return logs.printable(plain, keep)


class Output:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last_lines(self, container: str, lines: int) -> str:
        texts = self._texts(container, {"tail": lines}, SECONDS)
        return readable(b"".join(texts).decode(errors="replace"))

    def follow(self, container: str, write: Callable[[bytes], None]) -> None:
        with closing(self._texts(container, {"follow": 1, "tail": "all"}, None)) as texts:
            for text in texts:
                write(text)

    def save(self, container: str, path: Path, most_bytes: int) -> None:
        """The end of the output into a file.

        The engine is asked for so many lines, not for so many bytes; so a few are asked for first, and then as
        many more as their length tells. It reads them from the end of its file, so gigabytes before them cost
        nothing.
        """
        most_lines = most_bytes // _SHORTEST_LINE + 1
        lines = min(_FIRST_GUESS, most_lines)
        while True:
            kept, received, count = self._end_of(container, lines, most_bytes)
            # Fewer than asked for: that was all.
            if received >= most_bytes or count < lines or lines == most_lines:
                break
            lines = min(most_lines, max(lines * 4, lines * most_bytes * 5 // 4 // max(received, 1)))
        try:
            path.write_bytes(kept)
        except OSError as error:
            raise OutsideError(f"{path} cannot be written: {error.strerror or error}") from error

    def _end_of(self, container: str, lines: int, most_bytes: int) -> tuple[bytes, int, int]:
        """The last bytes of so many lines, how many bytes they all were, and how many lines."""
        kept = bytearray()
        received = count = 0
        with closing(self._texts(container, {"tail": lines, "timestamps": 1}, SECONDS)) as texts:
            for text in texts:
                kept += text
                received += len(text)
                # A very long line comes in several parts, and the engine counts each of them.
                count += max(1, text.count(b"\n"))
                # Cut now and then only: each time moves all that is kept.
                if len(kept) > most_bytes * 5 // 4:
                    del kept[:-most_bytes]
                # A container that prints faster than we read would keep us for ever.
                if count > 3 * lines:
                    break
        return _from_a_line(bytes(kept[-most_bytes:]), received > most_bytes), received, count

    def follow_all(self, containers: Sequence[Container], write: Callable[[str], None]) -> None:
        """Every line of all of them, with its service in front, until all have ended."""
        guard = threading.Lock()
        troubles: list[Exception] = []
        width = max((len(label) for label in _labels(containers).values()), default=0)

        def follow(container: Container, label: str) -> None:
            try:
                for line in self._lines(container.id):
                    with guard:
                        write(f"{label:<{width}} | {line}")
            except Exception as error:  # told to the caller, in whose thread it belongs
                troubles.append(error)

        labels = _labels(containers)
        threads = [
            threading.Thread(target=follow, args=(one, labels[one.id]), daemon=True) for one in containers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            # With a time limit, because a wait without one is deaf to Ctrl-C on some systems.
            while thread.is_alive() and not troubles:
                thread.join(_LOOK_SECONDS)
        if troubles:
            raise troubles[0]

    def _lines(self, container: str) -> Iterator[str]:
        rest = b""
        for text in self._texts(container, {"follow": 1, "tail": "all"}, None):
            *whole, rest = (rest + text).split(b"\n")
            for line in whole:
                yield readable(line.removesuffix(b"\r").decode(errors="replace"), "\t")
        if rest:
            yield readable(rest.decode(errors="replace"), "\t")

    def _texts(self, container: str, settings: dict[str, Any], seconds: float | None) -> Generator[bytes]:
        with self._connection.asking():
            inspected = self._connection.client.inspect_container(container)
        stream = self._connection.stream(
            f"/containers/{container}/logs", {"stdout": 1, "stderr": 1, **settings}, seconds
        )
        # With a terminal both streams are one, and nothing is put around it.
        has_terminal = bool((inspected.get("Config") or {}).get("Tty"))
        return stream if has_terminal else payloads(stream)


def _labels(containers: Sequence[Container]) -> dict[str, str]:
    """What stands before each line: the service, or the container where a service has several."""
    services = [container.service for container in containers]
    return {one.id: one.service if services.count(one.service) == 1 else one.name for one in containers}


def _from_a_line(text: bytes, is_cut: bool) -> bytes:
    """The text without the rest of the line that was cut, unless that would leave out the most of it."""
    rest = text.partition(b"\n")[2]
    return rest if is_cut and len(rest) > len(text) // 2 else text
