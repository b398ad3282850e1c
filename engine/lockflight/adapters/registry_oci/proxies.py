"""Through which proxy a host is asked, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say it to curl and docker too."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from urllib3.util import make_headers

from lockflight.adapters.registry_oci.addresses import Address, BadAddress, is_loopback, parse_address


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and what it wants to see of us."""

    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return f"{self.address.scheme}://{self.address.host}:{self.address.port}"


class Proxies:
    """The proxies that an environment names."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def for_address(self, address: Address) -> Proxy | None:
        """The proxy for an address; None where it is asked directly, as everything on this machine is.

        `BadAddress` when the environment names something that can be no proxy.
        """
        text = self._variable(f"{address.scheme}_proxy")
        if not text or is_loopback(address.host) or self._is_exempt(address):
            return None
        return _parse(text)

    def _is_exempt(self, address: Address) -> bool:
        entries = re.split(r"[\s,]+", self._variable("no_proxy"))
        return any(entry and _names(entry.lower(), address) for entry in entries)

    def _variable(self, name: str) -> str:
        # In small letters first, as everywhere.
        return (self._environment.get(name) or self._environment.get(name.upper()) or "").strip()


def _parse(text: str) -> Proxy:
    """A proxy's address, perhaps with a user and a password in it, which go into no message."""
    url = text if "://" in text else f"http://{text}"
    try:
        user_and_password, at, host = urlsplit(url).netloc.rpartition("@")
        address = parse_address(f"{url.partition('://')[0]}://{host}")
    except ValueError:
        raise BadAddress("no http or https address") from None
    secret = unquote(user_and_password)
    return Proxy(address, make_headers(proxy_basic_auth=secret) if at else {})


def _names(entry: str, address: Address) -> bool:
    """Whether an entry of NO_PROXY means the address: a host, a domain with all below it, a network."""
    if entry == "*":
        return True
    host = address.host.strip("[]")
    network = _network(entry)
    if network is not None:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    name, _, port = entry.partition(":")
    name = re.sub(r"^\*?\.", "", name)
    return port in ("", str(address.port)) and (host == name or host.endswith(f".{name}"))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None
