"""Where the services of a running stack are reached: from this machine, and from inside its networks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockflight.ports.stack_engine import Container

_SECURE_PORTS = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class AddressedPort:
    """One port of a service: which it is in the container, and where it is reached."""

    target: int
    protocol: str
    host: str
    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of every service, in the order of the compose file; a service without any has an empty one."""

    services: Mapping[str, tuple[AddressedPort, ...]]

    def variables(self) -> dict[str, str]:
        """`LOCKFLIGHT_URL_CART`, `LOCKFLIGHT_PORT_CART_8080`, for a suite's environment.

        Services whose names make the same variable (`a-b`, `a.b`) have none: the JSON file tells them apart.
        """
        clashing = self.clashing()
        found: dict[str, str] = {}
        for service, ports in self.services.items():
            if service not in clashing and ports:
                found[f"LOCKFLIGHT_URL_{variable_part(service)}"] = ports[0].url
                found[f"LOCKFLIGHT_HOST_{variable_part(service)}"] = ports[0].host
                found.update(_port_variables(variable_part(service), ports))
        return found

    def clashing(self) -> frozenset[str]:
        """The services whose names read alike as a variable."""
        parts = Counter(map(variable_part, self.services))
        return frozenset(service for service in self.services if parts[variable_part(service)] > 1)

    def as_data(self) -> dict[str, Any]:
        return {
            service: [
                {"target": port.target, "protocol": port.protocol, "host": port.host, "port": port.port,
                 "url": port.url}
                for port in ports
            ]
            for service, ports in self.services.items()
        }  # fmt: skip


def variable_part(service: str) -> str:
    """A service's name as a part of a variable's: `cart-api.v2` becomes `CART_API_V2`."""
    return re.sub(r"[^A-Z0-9]", "_", service.upper())


def seen_from_this_machine(
    services: Iterable[str], containers: Iterable[Container], model: Mapping[str, Any]
) -> Addresses:
    """What the engine published, the first replica of each service first."""
    found: dict[str, list[AddressedPort]] = {service: [] for service in services}
    for container in containers:
        if container.service in found and not container.one_off:
            wanted = _targets(model, container.service)
            ports = sorted(container.ports, key=lambda port: _position(wanted, port.target, port.protocol))
            # An engine that also listens on IPv6 tells of every port twice.
            ports = [port for port in ports if ":" not in port.host]
            found[container.service] += [
                _addressed(port.target, port.protocol, _reachable(port.host), port.port) for port in ports
            ]
    return Addresses({service: tuple(dict.fromkeys(ports)) for service, ports in found.items()})


def planned(services: Iterable[str], model: Mapping[str, Any]) -> Addresses:
    """What will be published, before anything runs: which ports there will be, though not yet where."""
    return Addresses(
        {
            service: tuple(
                _addressed(target, protocol, "127.0.0.1", 0)
                for target, protocol in _published(model, service)
            )
            for service in services
        }
    )


def seen_from_the_network(services: Iterable[str], model: Mapping[str, Any]) -> Addresses:
    """By service name, at the ports that the compose files name: published ones first, then exposed ones."""
    return Addresses({service: tuple(_inside(service, model)) for service in services})


def _inside(service: str, model: Mapping[str, Any]) -> Iterator[AddressedPort]:
    return (_addressed(target, protocol, service, target) for target, protocol in _targets(model, service))


def _targets(model: Mapping[str, Any], service: str) -> list[tuple[int, str]]:
    section = model["services"].get(service) or {}
    exposed = [_exposed(str(text)) for text in section.get("expose") or ()]
    return list(dict.fromkeys([*_published(model, service), *(port for port in exposed if port)]))


def _published(model: Mapping[str, Any], service: str) -> list[tuple[int, str]]:
    section = model["services"].get(service) or {}
    ports = section.get("ports") or ()
    return list(dict.fromkeys((int(port["target"]), str(port.get("protocol") or "tcp")) for port in ports))


def _exposed(text: str) -> tuple[int, str] | None:
    port = re.fullmatch(r"([0-9]+)(?:/(tcp|udp))?", text)
    return (int(port[1]), port[2] or "tcp") if port else None


def _position(wanted: list[tuple[int, str]], target: int, protocol: str) -> int:
    return wanted.index((target, protocol)) if (target, protocol) in wanted else len(wanted)


def _addressed(target: int, protocol: str, host: str, port: int) -> AddressedPort:
    scheme = protocol if protocol != "tcp" else "https" if target in _SECURE_PORTS else "http"
    return AddressedPort(target, protocol, host, port, f"{scheme}://{host}:{port}")


def _reachable(host: str) -> str:
    """An address to connect to: one that means every interface is reached over loopback."""
    return "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104


def _port_variables(part: str, ports: Iterable[AddressedPort]) -> Iterator[tuple[str, str]]:
    known: set[int] = set()
    for port in sorted(ports, key=lambda port: port.protocol != "tcp"):
        if port.protocol != "tcp":
            yield f"LOCKFLIGHT_PORT_{part}_{port.target}_{port.protocol.upper()}", str(port.port)
        if port.target not in known:
            known.add(port.target)
            yield f"LOCKFLIGHT_PORT_{part}_{port.target}", str(port.port)
