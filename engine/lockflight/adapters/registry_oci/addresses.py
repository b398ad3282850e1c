"""Where a request goes: hosts, ports, and which of them may be spoken to without encryption."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from lockflight import names

# Docker Hub's registry answers under another name than its images carry.
_API_HOSTS = {names.DOCKER_HUB: "registry-1.docker.io"}
_PORTS = {"http": 80, "https": 443}
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class BadAddress(ValueError):
    """A URL that nothing can be asked from. The text names no more of it than its host."""


class Address(NamedTuple):
    """A URL in its parts; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Host, and the port where it is not the usual one."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        # Without the query: signed links carry their secret in it.
        return f"{self.scheme}://{self.netloc}{self.target.partition('?')[0]}"

    def at(self, target: str) -> Address:
        """Another path at the same place."""
        return self._replace(target=target)

    def join(self, link: str) -> Address:
        """Where a Location or Link header of an answer from here points to."""
        try:
            return parse_address(urljoin(f"{self.scheme}://{self.netloc}{self.target}", link))
        except ValueError as error:
            raise BadAddress(f"a link from {self.netloc} that is none") from error


def parse_address(url: str) -> Address:
    """Read an http or https URL; a fragment is dropped, a user name in it is refused."""
    try:
        parts = urlsplit(url)
        scheme, netloc = parts.scheme.lower(), parts.netloc
    except ValueError as error:
        raise BadAddress("no URL") from error
    match = _HOST_AND_PORT.fullmatch(netloc)
    if scheme not in _PORTS or match is None or not _is_printable(f"{parts.path}{parts.query}"):
        raise BadAddress("no http or https URL")
    query = f"?{parts.query}" if parts.query else ""
    return _address(scheme, match, f"{parts.path or '/'}{query}")


def registry_address(scheme: str, registry: str) -> Address:
    """The root of a registry's API, from the first part of an image's name."""
    match = _HOST_AND_PORT.fullmatch(_API_HOSTS.get(registry, registry))
    if match is None:
        raise BadAddress(f"{registry!r} is no host")
    return _address(scheme, match, "/v2/")


def schemes(registry: str, insecure: frozenset[str]) -> tuple[str, ...]:
    """In which order a registry is tried; the first that answers is kept for the life of the client.

    Plain http is for loopback, where it is what one expects, and for hosts that the manifest lists: those
    are tried with https first, and a certificate that is not trusted is not taken as leave to do without.
    """
    if is_loopback(registry):
        return "http", "https"
    return ("https", "http") if _is_listed(registry, insecure) else ("https",)


def may_be_plain(registry: str, insecure: frozenset[str]) -> bool:
    """Whether secrets may go to this host without encryption."""
    return is_loopback(registry) or _is_listed(registry, insecure)


def is_loopback(registry: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(registry)
    host = match.group(1).strip("[]").lower() if match else ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_listed(registry: str, insecure: frozenset[str]) -> bool:
    return registry.lower() in {host.lower() for host in insecure}


def _address(scheme: str, match: re.Match[str], target: str) -> Address:
    port = int(match.group(2)) if match.group(2) else _PORTS[scheme]
    if not 0 < port < 65536:
        raise BadAddress(f"{match.group(0)!r} has no valid port")
    return Address(scheme, match.group(1).lower(), port, target)


def _is_printable(text: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]*", text) is not None
