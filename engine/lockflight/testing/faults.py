"""The ways in which a `RegistryServer` can misbehave, each told to answer the next requests.

    server.faults.answer_next(status(503), times=2)
    server.faults.answer_next(cut_body(10), method="GET", path="/blobs/")

A fault is a function from the reply that would be right to the one that is sent, so a test may write its own.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

WRONG_DIGEST = "sha256:" + "bad0" * 16


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, and how badly it is delivered."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    # Bytes of the body that are sent before the connection is cut; -1 cuts before the status line.
    cut_after: int | None = None
    # The body never ends: zeros follow it for as long as the client listens.
    endless: bool = False
    # Seconds between single bytes of head and body; None sends all at once.
    drip: float | None = None
    # Nothing is sent at all until the server stops.
    silent: bool = False

    def with_headers(self, **headers: str | None) -> Reply:
        """The reply with headers set, or taken out where the value is None; `_` stands for `-`."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {changed_name.lower() for changed_name in changed}
        }
        return replace(self, headers=kept | {name: value for name, value in changed.items() if value})


Fault = Callable[[Reply], Reply]


def failure(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    """An error in the form of the distribution specification."""
    body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, body)


def status(code: int, *, retry_after: str | None = None, error: str = "UNKNOWN") -> Fault:
    """Answer with this status instead, and perhaps say when to come again."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return instead(failure(code, error, headers))


def instead(reply: Reply) -> Fault:
    """Answer this, whatever was asked."""
    return lambda _reply: reply


def both(first: Fault, second: Fault) -> Fault:
    """Two faults in one answer."""
    return lambda reply: second(first(reply))


def drop() -> Fault:
    """Cut the connection without a word."""
    return lambda reply: replace(reply, cut_after=-1)


def cut_body(after: int) -> Fault:
    """Announce the whole body and cut the connection in the middle of it."""
    return lambda reply: replace(reply, cut_after=after)


def silence() -> Fault:
    """Take the request and never answer."""
    return lambda reply: replace(reply, silent=True)


def drip(seconds: float) -> Fault:
    """Send all byte by byte, with a pause after each: never silent long enough for a read timeout."""
    return lambda reply: replace(reply, drip=seconds)


def endless_body() -> Fault:
    """A body without an announced length that never ends."""
    return lambda reply: replace(reply, endless=True)


def announce(length: int) -> Fault:
    """Announce a body of this length, whatever there is."""
    return lambda reply: replace(reply.with_headers(Content_Length=str(length)), endless=True)


def other_body(body: bytes) -> Fault:
    """Other bytes than those that were asked for, with all headers as if they were right."""
    return lambda reply: replace(reply, body=body)


def flipped_body() -> Fault:
    """The right body with one bit changed."""
    return lambda reply: replace(reply, body=reply.body[:-1] + bytes([reply.body[-1] ^ 1]))


def other_digest(digest: str = WRONG_DIGEST) -> Fault:
    """Another digest in the header than that of the content."""
    return lambda reply: reply.with_headers(Docker_Content_Digest=digest)


def without_digest() -> Fault:
    """As some registries do: no digest in the headers."""
    return lambda reply: reply.with_headers(Docker_Content_Digest=None)


def media_type(name: str | None) -> Fault:
    """Say that the content is of another type, or say nothing about it."""
    return lambda reply: reply.with_headers(Content_Type=name)


def redirect(location: str, code: int = 307) -> Fault:
    """Send the client elsewhere."""
    return instead(Reply(code, {"Location": location}))


def refuse_head() -> Fault:
    """As some proxies do: HEAD is not supported."""
    return status(405, error="UNSUPPORTED")


class Faults:
    """What goes wrong next. A fault is used up by the requests that it was made for."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._guard = threading.Lock()

    def answer_next(
        self, fault: Fault, *, times: int | None = 1, method: str | None = None, path: str = ""
    ) -> None:
        """Let this fault answer the next `times` requests (None: all) with this method, `path` in theirs."""
        with self._guard:
            self._planned.append(_Planned(fault, times, method, path))

    def clear(self) -> None:
        with self._guard:
            self._planned.clear()

    def apply(self, method: str, path: str, reply: Reply) -> Reply:
        with self._guard:
            planned = next((one for one in self._planned if one.fits(method, path)), None)
            if planned is None:
                return reply
            if planned.times is not None:
                planned.times -= 1
        return planned.fault(reply)


@dataclass(slots=True)
class _Planned:
    fault: Fault
    times: int | None
    method: str | None
    path: str

    def fits(self, method: str, path: str) -> bool:
        return self.times != 0 and self.method in (None, method) and self.path in path
