"""Connections that look at the operation's deadline whenever something arrives.

A socket's own timeout only bounds the silence between two pieces. A server that sends one byte now and then,
of the head or of the body, would otherwise hold a thread for days.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from lockflight.adapters.registry_oci.deadline import Deadline

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Current(threading.local):
    """The deadline of the exchange that this thread is in; http.client leaves no other way to hand it over."""

    deadline: Deadline | None = None


_current = _Current()


@contextmanager
def timed(deadline: Deadline) -> Iterator[None]:
    """Answers that begin within this block must end within the deadline."""
    _current.deadline = deadline
    try:
        yield
    finally:
        _current.deadline = None


class _TimedReader(io.RawIOBase):
    """What comes out of a socket; `TooLate` when it comes after the deadline."""

    def __init__(self, raw: io.RawIOBase, deadline: Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        size = self._raw.readinto(buffer)
        self._deadline.check()
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        if _current.deadline is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_TimedReader(raw, _current.deadline))


class TimedHTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class TimedHTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse
