"""Through which proxy an address is asked, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say it to curl and docker too."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit


class BadProxy(ValueError):
    """The environment names something that can be no proxy. The text repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, and what it wants to see of us."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proxy_for(address: SplitResult, environment: Mapping[str, str]) -> Proxy | None:
    """None where it is asked directly, as everything on this machine is."""
    host = address.hostname or ""
    text = _variable(environment, f"{address.scheme}_proxy")
    if not text or _is_loopback(host) or _is_exempt(address, _variable(environment, "no_proxy")):
        return None
    return _parsed(text, f"{address.scheme.upper()}_PROXY")


def _variable(environment: Mapping[str, str], name: str) -> str:
    # In small letters first, as everywhere.
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_exempt(address: SplitResult, no_proxy: str) -> bool:
    entries = re.split(r"[\s,]+", no_proxy.lower())
    return any(entry and _means(entry, address) for entry in entries)


def _means(entry: str, address: SplitResult) -> bool:
    """Whether an entry of NO_PROXY means the address: a host, a domain with all below it, a network."""
    host = address.hostname or ""
    if entry == "*":
        return True
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name, _, port = entry.partition(":")
        name = re.sub(r"^\*?\.", "", name)
        return port in ("", str(address.port)) and (host == name or host.endswith(f".{name}"))
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _parsed(text: str, variable: str) -> Proxy:
    """A proxy's address, perhaps with a user and a password in it, which go into no message."""
    unusable = BadProxy(f"{variable} names no proxy such as http://proxy.example:3128")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise unusable from None
    if not host or parts.scheme != "http":
        raise unusable
    secret = unquote(parts.netloc.rpartition("@")[0])
    if not secret:
        return Proxy(host, port or 80)
    word = base64.b64encode(secret.encode()).decode()
    return Proxy(host, port or 80, {"Proxy-Authorization": f"Basic {word}"})
