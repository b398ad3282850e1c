"""One HTTP exchange over pooled connections: bounded, on time, and failing only with `ExchangeFailed`."""

from __future__ import annotations

import re
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
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as PoolTimeout

from lockflight import __version__
from lockflight.adapters.registry_oci.addresses import Address, BadAddress
from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.adapters.registry_oci.proxies import Proxies, Proxy
from lockflight.adapters.registry_oci.timed import TimedHTTPConnection, TimedHTTPSConnection, timed
from lockflight.logs import log

USER_AGENT = f"lockflight/{__version__}"
# What is read of an answer that is no success; it is only looked at for its error code.
LARGEST_REFUSAL = 64 * 1024
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
class Request:
    """One request to any address; of a success at most `largest` bytes are read."""

    method: str
    address: Address
    # Neither is in a text made of this: credentials are sent in them.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    largest: int = LARGEST_REFUSAL


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

    def __init__(
        self,
        *,
        connections: int,
        connect_seconds: float,
        read_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._proxies = Proxies(environment or {})
        self._connections = connections
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._pools: dict[tuple[str, str, int], urllib3.HTTPConnectionPool] = {}
        self._guard = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def exchange(self, request: Request, deadline: Deadline) -> Answer:
        """Send one request and read its answer. Follows nothing."""
        try:
            with timed(deadline):
                answer = self._exchange(request, deadline)
        except (HTTPError, HTTPException, OSError) as error:
            raise _translated(error, request.address) from error
        except ValueError as error:
            # Not chained: http.client repeats header values that it refuses, and those may be secrets.
            raise _translated(error, request.address) from None
        log.event("registry-request", method=request.method, url=str(request.address), status=answer.status)
        return answer

    def close(self) -> None:
        with self._guard:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _exchange(self, request: Request, deadline: Deadline) -> Answer:
        remaining = deadline.remaining()
        address = request.address
        pool = self._pool(address)
        # A proxy that is spoken to without a tunnel has to be told the whole address.
        is_forwarded = pool.proxy is not None and address.scheme == "http"
        response = pool.urlopen(
            request.method,
            f"http://{address.netloc}{address.target}" if is_forwarded else address.target,
            body=request.body,
            headers=request.headers,
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
            found = _body(response, request.method, request.largest)
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
        proxy = self._proxy(address)
        if proxy is not None:
            return self._pool_through(proxy, address)
        if address.scheme == "http":
            return _PlainPool(address.host, address.port, maxsize=self._connections)
        return _EncryptedPool(
            address.host, address.port, maxsize=self._connections, ssl_context=self._trusting()
        )

    def _proxy(self, address: Address) -> Proxy | None:
        try:
            return self._proxies.for_address(address)
        except BadAddress:
            # Not chained and not repeated: the variable may hold a password.
            raise ExchangeFailed(
                f"{address.netloc} cannot be asked: {address.scheme.upper()}_PROXY names no proxy",
                hint="an address such as http://proxy.example:3128 is expected",
                lasting=True,
            ) from None

    def _pool_through(self, proxy: Proxy, address: Address) -> urllib3.HTTPConnectionPool:
        """Connections through a proxy: a tunnel for https, the proxy's own request for http."""
        manager = urllib3.ProxyManager(
            proxy.url,
            proxy_headers=proxy.headers,
            proxy_ssl_context=self._trusting(),
            maxsize=self._connections,
            ssl_context=self._trusting(),
        )
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}
        return manager.connection_from_host(address.host, address.port, address.scheme)

    def _trusting(self) -> ssl.SSLContext:
        """One for all connections: reading the machine's certificates takes longer than many requests."""
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


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
        return b"".join(_pieces(response, LARGEST_REFUSAL))[:LARGEST_REFUSAL]
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
    if isinstance(error, ProxyError):
        return _proxy_failure(error, where)
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


def _proxy_failure(error: ProxyError, where: str) -> ExchangeFailed:
    """The way to the proxy, or from there on; neither its address nor its words are repeated."""
    refusal = re.search(r"Tunnel connection failed: ([0-9]{3})", str(error.original_error))
    hint = "are HTTPS_PROXY and HTTP_PROXY right? NO_PROXY names the hosts to be asked without a proxy"
    if refusal is None:
        return ExchangeFailed(f"the proxy on the way to {where} cannot be reached", hint=hint)
    status = int(refusal.group(1))
    if status == 407:
        hint = "put the user and the password into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT"
    said = f"{status} {responses.get(status, '')}".strip()
    # Only what the proxy could not do just now is worth asking for again.
    return ExchangeFailed(f"the proxy on the way to {where} answered {said}", hint=hint, lasting=status < 500)


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
