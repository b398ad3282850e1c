"""A socket between lockflight and the real engine: it can be cut, can refuse a pull, can give labels of its own."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

_ENGINE = "/var/run/docker.sock"
_PIECE = 64 * 1024
_LABELS = b"dev.lockflight."
# Shorter beginnings of it at the end of a piece are no reason to wait for the next one.
_SHORTEST_BEGINNING = 4


class EngineProxy:
    """`host` is for DOCKER_HOST. In a private one what comes through has lockflight's labels under another name:
    whoever uses the proxy neither sees nor disturbs the stacks of others, and the others do not see its own."""

    def __init__(self, *, private: bool = False) -> None:
        # Paths of sockets must be short, and a test's folder is not.
        self._folder = Path(tempfile.mkdtemp(prefix="lf-proxy-"))
        # As long as the real ones, so that lengths in headers stay as they are.
        self._labels = f"{uuid.uuid4().hex[: len(_LABELS) - 1]}.".encode() if private else None
        self._guard = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._pull_answer: bytes | None = None
        self.pulls = 0
        self.mend()

    @property
    def path(self) -> Path:
        return self._folder / "engine.sock"

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def cut(self) -> None:
        """As if the engine had been stopped: every connection breaks, and there is no new one."""
        with self._guard:
            listener, self._listener = self._listener, None
            ends, self._open = self._open, set()
        if listener is not None:
            self.path.unlink(missing_ok=True)
            _close(listener)
        for end in ends:
            _close(end)

    def mend(self) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(64)
        with self._guard:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse_pulls(self, message: str) -> None:
        """Every pull ends as the engine's own do that fail half-way: an error in the stream of a 200."""
        said = json.dumps({"errorDetail": {"message": message}, "error": message}).encode() + b"\r\n"
        self._pull_answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
            + str(len(said)).encode() + b"\r\n\r\n" + said
        )  # fmt: skip

    def close(self) -> None:
        self.cut()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                engine.connect(_ENGINE)
            except OSError:
                client.close()
                continue
            with self._guard:
                is_cut = self._listener is not listener
                self._open |= {client, engine}
            if is_cut:
                self.cut()
                return
            self._pump(client, engine, self._asked)
            self._pump(engine, client, self._answered)

    def _pump(
        self, source: socket.socket, target: socket.socket, change: Callable[..., bytes | None]
    ) -> None:
        def pump() -> None:
            rest = b""
            with contextlib.suppress(OSError):
                while piece := source.recv(_PIECE):
                    changed = change(rest + piece, source)
                    if changed is None:
                        break
                    rest = _beginning(changed, self._labels) if self._labels else b""
                    target.sendall(changed[: len(changed) - len(rest)])
                target.sendall(rest)
                target.shutdown(socket.SHUT_WR)

        threading.Thread(target=pump, daemon=True).start()

    def _asked(self, piece: bytes, client: socket.socket) -> bytes | None:
        first_line = piece.partition(b"\r\n")[0]
        if first_line.startswith(b"POST ") and b"/images/create" in first_line:
            self.pulls += 1
            if self._pull_answer is not None:
                client.sendall(self._pull_answer)
                client.shutdown(socket.SHUT_WR)
                return None
        return piece if self._labels is None else piece.replace(_LABELS, self._labels)

    def _answered(self, piece: bytes, _engine: socket.socket) -> bytes | None:
        return piece if self._labels is None else piece.replace(self._labels, _LABELS)


def _beginning(piece: bytes, labels: bytes) -> bytes:
    """The end of a piece that may be the beginning of a label, whose rest is still to come."""
    for size in range(len(_LABELS) - 1, _SHORTEST_BEGINNING - 1, -1):
        if piece.endswith((_LABELS[:size], labels[:size])):
            return piece[-size:]
    return b""


def _close(end: socket.socket) -> None:
    # Closing alone would leave a thread waiting that reads from it.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def engine_proxy(*, private: bool = False) -> Iterator[EngineProxy]:
    """A proxy in front of the engine of this machine, for one test."""
    proxy = EngineProxy(private=private)
    try:
        yield proxy
    finally:
        proxy.close()
