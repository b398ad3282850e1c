"""One GET: bounded in time and in size, over the environment's proxies, with failures in words."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from lockflight import __version__, durations
from lockflight.promotions.gates.bounded import bounded
from lockflight.promotions.gates.proxies import BadProxy, Proxy, proxy_for

LARGEST = 1024 * 1024
_PIECE = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_MOST_REDIRECTS = 5
# Even a time limit of nothing leaves a moment to try once.
SHORTEST = 0.1
_HEADERS = {
    "User-Agent": f"lockflight/{__version__}",
    "Accept": "application/json, */*;q=0.5",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Unanswered(Exception):
    """No whole answer came, and why. `is_ours`: the fault is on this side, so it says nothing of the address."""

    def __init__(self, why: str, *, is_ours: bool = False) -> None:
        super().__init__(why)
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class Received:
    """An answer, from wherever the redirects led; `is_whole` unless its body is longer than `LARGEST`."""

    status: int
    body: bytes
    is_whole: bool
    # Where it points to, when that was not followed.
    location: str = ""

    @property
    def status_line(self) -> str:
        return f"{self.status} {http.client.responses.get(self.status, '')}".strip()


def address_of(url: str) -> SplitResult:
    """The parts of an http or https address; `ValueError` says what is wrong, without repeating a secret in it."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError("is no http or https address")
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password, which do not belong into a manifest")
    if parts.port == 0:
        raise ValueError("has no valid port")
    return parts


def shown(address: SplitResult) -> str:
    """The address for a person. Without the query: what is secret in an address stands there."""
    return f"{address.scheme}://{address.netloc}{address.path}"


def get(url: str, seconds: float, environment: Mapping[str, str], wanted: int) -> Received:
    """The answer, redirects followed as far as they stay on the host; `wanted` is a status that ends the search."""
    exchange = _Exchange(environment, max(SHORTEST, seconds))
    try:
        return bounded(lambda: exchange.follow(url, wanted), exchange.seconds)
    except TimeoutError:
        where = shown(address_of(url))
        raise Unanswered(f"{where} did not answer within {durations.written(seconds)}") from None
    finally:
        exchange.given_up.set()


class _Exchange:
    """What is asked until the answer is there, or nobody waits for it any more."""

    def __init__(self, environment: Mapping[str, str], seconds: float) -> None:
        self.seconds = seconds
        self.given_up = threading.Event()
        self._environment = environment

    def follow(self, url: str, wanted: int) -> Received:
        address = address_of(url)
        for _ in range(_MOST_REDIRECTS + 1):
            received = self._once(address)
            if received.status == wanted or not received.location:
                return received
            target = _target(address, received)
            if target is None:
                return received
            address = target
        raise Unanswered(f"{shown(address_of(url))} redirects more than {_MOST_REDIRECTS} times")

    def _once(self, address: SplitResult) -> Received:
        try:
            proxy = proxy_for(address, self._environment)
        except BadProxy as error:
            raise Unanswered(f"{shown(address)} cannot be asked: {error}", is_ours=True) from None
        connection = _connection(address, proxy, self.seconds)
        try:
            connection.request("GET", _target_of(address, proxy), headers=_headers(address, proxy))
            with connection.getresponse() as response:
                body, is_whole = self._body(response)
                is_redirect = response.status in (301, 302, 303, 307, 308)
                location = (response.getheader("Location") or "") if is_redirect else ""
                received = Received(response.status, body, is_whole, location)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise _in_words(error, address, proxy) from error
        finally:
            connection.close()
        if received.status == http.client.PROXY_AUTHENTICATION_REQUIRED and proxy is not None:
            why = f"the proxy on the way answered {received.status_line}"
            raise Unanswered(f"{shown(address)} cannot be asked: {why}", is_ours=True)
        return received

    def _body(self, response: http.client.HTTPResponse) -> tuple[bytes, bool]:
        body = b""
        while (piece := response.read1(_PIECE)) and not self.given_up.is_set():
            body += piece
            if len(body) > LARGEST:
                return body[:LARGEST], False
        return body, True


def _connection(address: SplitResult, proxy: Proxy | None, seconds: float) -> http.client.HTTPConnection:
    host, port = address.hostname or "", address.port or _PORTS[address.scheme]
    nearest = (proxy.host, proxy.port) if proxy else (host, port)
    if address.scheme == "http":
        return http.client.HTTPConnection(*nearest, timeout=seconds)
    connection = http.client.HTTPSConnection(*nearest, timeout=seconds, context=ssl.create_default_context())
    if proxy is not None:
        connection.set_tunnel(host, port, dict(proxy.headers))
    return connection


def _target_of(address: SplitResult, proxy: Proxy | None) -> str:
    """A proxy that is spoken to without a tunnel has to be told the whole address."""
    target = f"{address.path or '/'}{f'?{address.query}' if address.query else ''}"
    return f"http://{address.netloc}{target}" if proxy and address.scheme == "http" else target


def _headers(address: SplitResult, proxy: Proxy | None) -> dict[str, str]:
    for_proxy = proxy.headers if proxy and address.scheme == "http" else {}
    return {**_HEADERS, "Host": address.netloc, **for_proxy}


def _target(here: SplitResult, received: Received) -> SplitResult | None:
    """Where a redirect leads, when that is the same host and no less encrypted."""
    try:
        there = address_of(urljoin(here.geturl(), received.location))
    except ValueError:
        return None
    is_weaker = here.scheme == "https" and there.scheme == "http"
    return there if there.hostname == here.hostname and not is_weaker else None


def _in_words(error: Exception, address: SplitResult, proxy: Proxy | None) -> Unanswered:
    where = shown(address)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unanswered(f"the certificate of {address.netloc} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Unanswered(f"{address.netloc} does not speak https")
    if isinstance(error, http.client.HTTPException):
        return Unanswered(f"the answer of {where} was cut off, or is no HTTP")
    if proxy is not None:
        return Unanswered(f"{where} cannot be asked: {_of_proxy(str(error))}", is_ours=True)
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return Unanswered(f"{where} cannot be asked: its name is not known here", is_ours=True)
    why = getattr(error, "strerror", None) or "no connection"
    return Unanswered(f"{where} cannot be reached: {why.lower()}")


def _of_proxy(error: str) -> str:
    """The way to the proxy, or from there on; neither its address nor its words are repeated."""
    refusal = re.search(r"Tunnel connection failed: ([0-9]{3})", error)
    if refusal is None:
        return "the proxy on the way cannot be reached"
    said = f"{refusal[1]} {http.client.responses.get(int(refusal[1]), '')}".strip()
    return f"the proxy on the way answered {said}"
