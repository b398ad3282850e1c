"""A Docker engine's socket behind which a test decides what is answered, byte for byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
Answer = Callable[[str], bytes]


def answer(body: Any, status: str = "200 OK") -> bytes:
    """A whole answer with JSON in it."""
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + text


def stream(*bodies: Any, whole: bool = True) -> bytes:
    """JSON lines in chunks; without its end when it is not `whole`."""
    chunks = b""
    for body in bodies:
        text = json.dumps(body).encode() + b"\r\n"
        chunks += f"{len(text):x}\r\n".encode() + text + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunks + (b"0\r\n\r\n" if whole else b"")


@dataclass
class EngineSocket:
    """`answers` are found by a part of the request's line; what is not there is cut off without a word."""

    path: Path
    answers: Mapping[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.path}", "PATH": "/usr/bin:/bin"}

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.sendall(self._answer(_request(connection)))

    def _answer(self, line: str) -> bytes:
        self.asked.append(line)
        found = next((body for part, body in self.answers.items() if part in line), None)
        if found is not None:
            return found
        return answer(VERSION) if "/version" in line else b""


@contextmanager
def engine_socket(folder: Path, answers: Mapping[str, bytes]) -> Iterator[EngineSocket]:
    engine = EngineSocket(folder / "engine.sock", answers)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(engine.path))
    listener.listen(64)
    thread = threading.Thread(target=engine.serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        with suppress(OSError):
            # Closing alone would leave the thread in `accept`.
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _request(connection: socket.socket) -> str:
    """The first line of a request, read with its head and body so that the sender is not cut off."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return ""
        received += piece
    return received.split(b"\r\n", 1)[0].decode()
