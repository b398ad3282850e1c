"""A real HTTP server with the OCI distribution API, in a thread of the test's own process."""

from __future__ import annotations

import io
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from lockflight.testing.faults import Faults, Reply, failure
from lockflight.testing.registry_api import DistributionApi, Request, subject_of
from lockflight.testing.registry_auth import Door
from lockflight.testing.registry_store import Repository, Store

_A_PIECE = bytes(64 * 1024)


class RegistryServer:
    """A registry on a free loopback port, to be used in a `with` block.

    `requests` holds everything that was asked, `faults` what goes wrong next, `door` who may come in, and
    `store` what is kept. `referrers_api=False` answers 404 there, as many registries do.
    """

    def __init__(
        self,
        *,
        referrers_api: bool = True,
        door: Door | None = None,
        page_size: int = 100,
        absolute_locations: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.door = door or Door()
        self.store = Store()
        self.api = DistributionApi(self.store, referrers_api, page_size)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.stopping = threading.Event()
        self._http = _Server(self, tls)
        self._scheme = "https" if tls else "http"
        if absolute_locations:
            self.api.locations = self.url
        # The pause between looks at whether to stop is what stopping costs in every test.
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def host(self) -> str:
        """Host and port, as the first part of an image's name."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}"

    def repository(self, path: str) -> Repository:
        """The repository of that path, to look at or to change."""
        return self.store.repository(path)

    def start(self) -> RegistryServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> RegistryServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reply_to(self, request: Request) -> Reply:
        """The answer, after whatever is planned to go wrong with it."""
        self.requests.append(request)
        with self.store.guard:
            reply = self._right_reply(request)
        return self.faults.apply(request.method, request.path, reply)

    def _right_reply(self, request: Request) -> Reply:
        if request.path == "/token":
            form = request.body.decode() if request.method == "POST" else None
            return self.door.token(request.authorization, request.query, form)
        subject = subject_of(request)
        name, actions = (subject.name, subject.actions) if subject else ("", "pull")
        refusal = self.door.refusal(request.authorization, self.url, name, actions)
        if refusal is not None:
            return refusal
        if request.path == "/v2/":
            return Reply(200, {"Content-Type": "application/json"}, b"{}")
        return self.api.reply(subject) if subject else failure(404, "NOT_FOUND")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many clients come at once; the default of 5 makes some of them wait a second for their connection.
    request_queue_size = 128

    def __init__(self, registry: RegistryServer, tls: ssl.SSLContext | None) -> None:
        self.registry = registry
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            # The handshake is made by the thread of the connection, so that a bad client blocks nobody.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End connections that clients keep open, so that their threads end too."""
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - http.server's own
        """Clients go away in the middle on purpose; anything else is our fault, and kept for a look."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError | ValueError):
            self.registry.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Head and body leave together.
    wbufsize = -1
    server: _Server

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body)
        self._send(self.server.registry.reply_to(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, *_arguments: Any) -> None:
        pass

    def _send(self, reply: Reply) -> None:
        if reply.silent:
            self.server.registry.stopping.wait()
        if reply.silent or reply.cut_after == -1:
            self.close_connection = True
            return
        if reply.drip is not None:
            self.wfile = _Dripping(self.wfile, reply.drip, self.server.registry.stopping)
        self._send_head(reply)
        if self.command != "HEAD":
            self._send_body(reply)

    def _send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            if reply.endless:
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()

    def _send_body(self, reply: Reply) -> None:
        self.wfile.write(reply.body[: reply.cut_after])
        self.close_connection = self.close_connection or reply.cut_after is not None or reply.endless
        while reply.endless and not self.server.registry.stopping.is_set():
            self.wfile.write(_A_PIECE)


class _Dripping(io.BufferedIOBase):
    """Passes on what is written byte by byte, with pauses, until the server stops."""

    def __init__(self, stream: io.BufferedIOBase, seconds: float, stopping: threading.Event) -> None:
        self._stream = stream
        self._seconds = seconds
        self._stopping = stopping

    def write(self, data: Any) -> int:
        for position in range(len(data)):
            self._stream.write(data[position : position + 1])
            self._stream.flush()
            if self._stopping.wait(self._seconds):
                break
        return len(data)

    def flush(self) -> None:
        self._stream.flush()
