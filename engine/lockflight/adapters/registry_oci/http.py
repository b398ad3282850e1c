"""One HTTP exchange over pooled connections: bounded, on time, and failing only with `ExchangeFailed`."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, responses

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as PoolTimeout

from lockflight import __version__
from lockflight.adapters.registry_oci.addresses import Address
from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.adapters.registry_oci.timed import TimedHTTPConnection, TimedHTTPSConnection, timed
from lockflight.logs import log

USER_AGENT = f"lockflight/{__version__}"
# What is read of an answer that is no success; it is only looked at for its error code.
_LARGEST_REFUSAL = 64 * 1024
_PIECE = 64 * 1024


class ExchangeFailed(Exception):
    """No whole answer came. `lasting` means that asking again would not help."""

    def __init__(self, why: str, *, hint: str | None = None, lasting: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.lasting = lasting


class NotEncrypted(ExchangeFailed):
    """The other side does not speak TLS at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are looked up in lower case."""

    status: int
    # Neither is in a text made of this: tokens and signed links come in them.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    # Where it came from, which after redirects is another place than was asked.
    address: Address
    # Whether it comes from the place that was asked, and not from another host that it pointed to.
    is_own: bool = True

    @property
    def status_line(self) -> str:
        return f"{self.status} {responses.get(self.status, '')}".strip()


class Transport:
    """Connections to every host, kept open and shared by all threads."""

    def __init__(self, *, connections: int, connect_seconds: float, read_seconds: float) -> None:
        self._connections = connections
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._pools: dict[tuple[str, str, int], urllib3.HTTPConnectionPool] = {}
        self._guard = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def exchange(
        self,
        method: str,
        address: Address,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        deadline: Deadline,
        largest: int = _LARGEST_REFUSAL,
    ) -> Answer:
        """Send one request and read its answer, at most `largest` bytes of it. Follows nothing."""
        try:
            with timed(deadline):
                answer = self._exchange(method, address, headers, body, deadline, largest)
        except (HTTPError, HTTPException, OSError) as error:
            raise _translated(error, address) from error
        except ValueError as error:
            # Not chained: http.client repeats header values that it refuses, and those may be secrets.
            raise _translated(error, address) from None
        log.event("registry-request", method=method, url=str(address), status=answer.status)
        return answer

    def close(self) -> None:
        with self._guard:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _exchange(
        self,
        method: str,
        address: Address,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
        largest: int,
    ) -> Answer:
        remaining = deadline.remaining()
        response = self._pool(address).urlopen(
            method,
            address.target,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(
                connect=min(self._connect_seconds, remaining), read=min(self._read_seconds, remaining)
            ),
        )
        try:
            found = _body(response, method, largest)
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()
        return Answer(response.status, response.headers, found, address)

    def _pool(self, address: Address) -> urllib3.HTTPConnectionPool:
        pool = self._pools.get(address.origin)
        if pool is None:
            with self._guard:
                pool = self._pools.get(address.origin) or self._new_pool(address)
                self._pools[address.origin] = pool
        return pool

    def _new_pool(self, address: Address) -> urllib3.HTTPConnectionPool:
        if address.scheme == "http":
            return _PlainPool(address.host, address.port, maxsize=self._connections)
        if self._context is None:
            # One for all connections: reading the machine's certificates takes longer than many requests.
            self._context = ssl.create_default_context()
        return _EncryptedPool(
            address.host, address.port, maxsize=self._connections, ssl_context=self._context
        )


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = TimedHTTPConnection


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = TimedHTTPSConnection


def _body(response: urllib3.BaseHTTPResponse, method: str, largest: int) -> bytes:
    """A success is read whole or refused; of anything else only the beginning is of interest."""
    if method == "HEAD":
        response.drain_conn()
        return b""
    if response.status >= 300:
        return b"".join(_pieces(response, _LARGEST_REFUSAL))[:_LARGEST_REFUSAL]
    body = b"".join(_pieces(response, largest))
    if len(body) > largest:
        raise ExchangeFailed(_too_large(largest), lasting=True)
    return body


def _pieces(response: urllib3.BaseHTTPResponse, largest: int) -> Iterator[bytes]:
    """The body as it comes, so that it can be given up when it gets too long."""
    size = 0
    while piece := response.read1(_PIECE):
        yield piece
        size += len(piece)
        if size > largest:
            # What is still to come is not waited for; the connection is of no more use.
            response.close()
            return


def _too_large(limit: int) -> str:
    return f"the answer is larger than {limit / 2**20:.3g} MiB, which nothing that lockflight reads is"


def _translated(error: Exception, address: Address) -> ExchangeFailed:
    """What happened, in words; the texts of the libraries are for programmers."""
    where = address.netloc
    if isinstance(error, SSLError | ssl.SSLError):
        return _tls_failure(error, where)
    if isinstance(error, NewConnectionError) and not isinstance(error, NameResolutionError):
        why = getattr(error.__cause__, "strerror", None) or "no connection"
        return ExchangeFailed(f"{where} cannot be reached: {why.lower()}")
    for kinds, why in _WORDS:
        if isinstance(error, kinds):
            return ExchangeFailed(why.format(where=where))
    if isinstance(error, ValueError):
        return ExchangeFailed(f"{where} cannot be asked: the address is not valid", lasting=True)
    return ExchangeFailed(f"the connection to {where} was cut or is disturbed")


# What OpenSSL says, in its several versions, when it is answered in plain http.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "record layer failure", "HTTP_REQUEST")
_WORDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((NameResolutionError, socket.gaierror), "the name {where} is not known here"),
    ((ConnectTimeoutError,), "{where} cannot be reached: no connection in time"),
    ((ReadTimeoutError, PoolTimeout, TimeoutError), "{where} did not answer in time"),
)


def _tls_failure(error: Exception, where: str) -> ExchangeFailed:
    if any(word in str(error) for word in _NO_TLS):
        return NotEncrypted(
            f"{where} does not speak https",
            hint=f"if it is to be trusted without, put into lockflight.yaml: "
            f'registries: {{"{where}": {{insecure: true}}}}',
            lasting=True,
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, ssl.CertificateError):
        return ExchangeFailed(
            f"the certificate of {where} is not trusted",
            hint="name the file with your authority's certificate in SSL_CERT_FILE",
            lasting=True,
        )
    return ExchangeFailed(f"no encrypted connection to {where} could be made")
