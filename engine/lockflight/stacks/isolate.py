"""Taking away what two stacks on one engine would fight over: names, fixed ports, networks, volumes.

Pure: from the project as Compose reads it to a part of the override, and the names of what cannot be isolated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockflight.findings import Finding
from lockflight.stacks.override import Override, Reset

LOOPBACK = "127.0.0.1"
_ALONE = "let the stack have the engine to itself: 'alone: true' under 'stack' in the manifest"
_OTHERS = "container:"
_JOINING = ("network_mode", "pid", "ipc")
# The machine's own networks: the engine makes them, and nobody can have them under another name.
_NO_NETWORK, _OF_THE_MACHINE = "none", "host"
_OF_THE_STACK = "service:"
_BRIDGE = "com.docker.network.bridge.name"
# What of the machine a service may see: nothing in it collides, but it is one for all stacks.
_SEEN = {"pid": "processes", "uts": "host name"}


@dataclass(frozen=True, slots=True)
class Wish:
    """How far a stack is to be isolated."""

    stack: str
    # The stack has the engine to itself, and keeps ports, addresses and container names.
    alone: bool = False
    # Host ports as the files say, for a person who wants them.
    fixed_ports: bool = False


@dataclass(frozen=True, slots=True)
class Isolation:
    """Parts of the override, by kind and name, and what was noticed."""

    services: Mapping[str, Mapping[str, Any]]
    networks: Mapping[str, Mapping[str, Any]]
    volumes: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...]


def isolate(model: Mapping[str, Any], wish: Wish) -> Isolation:
    """`model` is what `docker compose config` prints for a project of the stack's name."""
    services = model.get("services") or {}
    findings = [*_shared(model), *(() if wish.alone else (*_not_isolatable(model), *_seen(model)))]
    return Isolation(
        services={
            name: dict(_service(service or {}, wish, _containers(model)))
            for name, service in services.items()
        },
        networks=dict(_own(model, "networks", wish)),
        volumes=dict(_own(model, "volumes", wish)),
        findings=tuple(findings),
    )


def _containers(model: Mapping[str, Any]) -> dict[str, str]:
    """The stack's services by how they are joined by the name of their container."""
    services = model.get("services") or {}
    return {
        f"{_OTHERS}{service['container_name']}": name
        for name, service in services.items()
        if (service or {}).get("container_name")
    }


def _service(
    service: Mapping[str, Any], wish: Wish, containers: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    if wish.alone:
        return
    name = service.get("container_name")
    if name:
        yield "container_name", Reset()
        aliases = _aliases(service, str(name))
        if aliases:
            yield "networks", aliases
    for key in _JOINING:
        if service.get(key) in containers:
            yield key, f"{_OF_THE_STACK}{containers[service[key]]}"
    shared = [_from_own(entry, containers) or entry for entry in _texts(service.get("volumes_from"))]
    if shared != list(_texts(service.get("volumes_from"))):
        yield "volumes_from", Override(tuple(shared))
    yield from _links(service, containers)
    if service.get("ports") and not wish.fixed_ports:
        yield "ports", Override(tuple(_loopback(service["ports"])))


def _links(service: Mapping[str, Any], containers: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """To containers of the stack itself: their own names stay aliases, and another name is a link."""
    entries = list(_texts(service.get("external_links")))
    if not entries or any(_linked(entry, containers) is None for entry in entries):
        return
    yield "external_links", Reset()
    named = [(_linked(entry, containers), _alias(entry)) for entry in entries if _alias(entry)]
    if named:
        yield "links", [f"{own}:{alias}" for own, alias in named]


def _from_own(entry: str, containers: Mapping[str, str]) -> str | None:
    """`container:NAME:ro` as `SERVICE:ro`, where the container is one of the stack's own."""
    if not entry.startswith(_OTHERS):
        return None
    name, colon, mode = entry.removeprefix(_OTHERS).partition(":")
    own = containers.get(f"{_OTHERS}{name}")
    return f"{own}{colon}{mode}" if own else None


def _linked(entry: str, containers: Mapping[str, str]) -> str | None:
    return containers.get(f"{_OTHERS}{entry.partition(':')[0]}")


def _alias(entry: str) -> str:
    name, _, alias = entry.partition(":")
    return "" if alias == name else alias


def _waits_for(model: Mapping[str, Any], service: str) -> frozenset[str]:
    """All that must be there before a service is, where links to its stack's own containers count as well."""
    services, containers = model.get("services") or {}, _containers(model)
    found: set[str] = set()
    waiting = [service]
    while waiting:
        one = services.get(waiting.pop()) or {}
        links = (_linked(entry, containers) for entry in _texts(one.get("external_links")) if _alias(entry))
        more = {*(one.get("depends_on") or ()), *filter(None, links)} - found
        found |= more
        waiting += more
    return frozenset(found)


def _aliases(service: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A container's name is also what others in its networks call it, and stays that."""
    if service.get("network_mode"):
        return {}
    networks = service.get("networks") or {"default": None}
    return {network: {"aliases": [name]} for network in networks}


def _loopback(ports: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The engine finds a free one: nobody else can take it in between."""
    targets: dict[tuple[int, str], Mapping[str, Any]] = {}
    for port in ports:
        targets.setdefault((int(port["target"]), str(port.get("protocol") or "tcp")), port)
    for (target, protocol), port in targets.items():
        yield {"target": target, "host_ip": LOOPBACK, "protocol": protocol, **_described(port)}


def _described(port: Mapping[str, Any]) -> dict[str, str]:
    """What is said of a port besides where it is; Compose prints each dollar sign twice, and its own default."""
    said = {
        key: str(port[key]).replace("$$", "$") for key in ("name", "app_protocol", "mode") if port.get(key)
    }
    return {key: value for key, value in said.items() if (key, value) != ("mode", "ingress")}


def _own(model: Mapping[str, Any], kind: str, wish: Wish) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every network and volume is the stack's own, also where the files give it a name or call it external."""
    for key, section in (model.get(kind) or {}).items():
        own = f"{wish.stack}_{key}"
        given = section or {}
        if (
            kind == "networks"
            and given.get("external")
            and given.get("name") in (_NO_NETWORK, _OF_THE_MACHINE)
        ):
            continue
        changes: dict[str, Any] = {}
        if given.get("external"):
            changes["external"] = Reset()
        if given.get("name") != own:
            changes["name"] = own
        yield key, changes


def _shared(model: Mapping[str, Any]) -> Iterator[Finding]:
    for key, volume in (model.get("volumes") or {}).items():
        if (volume or {}).get("external"):
            message = "is somebody else's ('external'); the stack gets an empty one of its own instead"
            yield Finding("external-volume", f"volumes.{key}", message, note=True)
    for key, network in (model.get("networks") or {}).items():
        if (network or {}).get("external") and (network or {}).get("name") not in (
            _NO_NETWORK,
            _OF_THE_MACHINE,
        ):
            message = "is somebody else's ('external'); the stack gets one of its own, in which only it is"
            yield Finding("external-network", f"networks.{key}", message, note=True)


def _not_isolatable(model: Mapping[str, Any]) -> Iterator[Finding]:
    for name, service in (model.get("services") or {}).items():
        messages = [*_of_service(service or {}, _containers(model)), *_circle(name, service or {}, model)]
        for message in messages:
            yield Finding("not-isolatable", f"services.{name}", message, hint=_ALONE)
    for key, network in (model.get("networks") or {}).items():
        subnets = [entry.get("subnet") for entry in ((network or {}).get("ipam") or {}).get("config") or ()]
        if any(subnets):
            message = (
                f"has a fixed subnet ({', '.join(filter(None, subnets))}), which only one stack can have"
            )
            yield Finding("not-isolatable", f"networks.{key}", message, hint=_ALONE)
        bridge = ((network or {}).get("driver_opts") or {}).get(_BRIDGE)
        if bridge:
            message = (
                f"has a fixed name on the machine ('{_BRIDGE}: {bridge}'), which only one stack can have"
            )
            yield Finding("not-isolatable", f"networks.{key}", message, hint=_ALONE)
        if (network or {}).get("external") and (network or {}).get("name") == _OF_THE_MACHINE:
            message = "is the machine's own network, which all stacks would share"
            yield Finding("not-isolatable", f"networks.{key}", message, hint=_ALONE)


def _seen(model: Mapping[str, Any]) -> Iterator[Finding]:
    for name, service in (model.get("services") or {}).items():
        for key, what in _SEEN.items():
            if (service or {}).get(key) == _OF_THE_MACHINE:
                message = f"sees the machine's own {what} ('{key}: host'), as other stacks may"
                yield Finding("shared-with-machine", f"services.{name}", message, note=True)


def _circle(name: str, service: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    """A link waits for what it names, which external ones do not."""
    containers = _containers(model)
    for entry in _texts(service.get("external_links")):
        own = _linked(entry, containers)
        if own and _alias(entry) and (own == name or name in _waits_for(model, own)):
            yield f"links to '{own}', which waits for it, by another name ('external_links: {entry}')"


def _of_service(service: Mapping[str, Any], containers: Mapping[str, str]) -> Iterator[str]:
    yield from _of_the_machine(service)
    yield from _of_others(service, containers)
    for network, settings in (service.get("networks") or {}).items():
        for key in ("ipv4_address", "ipv6_address"):
            if (settings or {}).get(key):
                yield f"has a fixed address in '{network}' ({settings[key]}), which only one stack can have"


def _of_the_machine(service: Mapping[str, Any]) -> Iterator[str]:
    mode = str(service.get("network_mode") or _NO_NETWORK)
    if mode == _OF_THE_MACHINE:
        yield "uses the machine's own network ('network_mode: host'), which all stacks would share"
    elif mode != _NO_NETWORK and not mode.startswith((_OF_THE_STACK, _OTHERS)):
        yield f"is in a network that is not the stack's ('network_mode: {mode}'), where stacks would meet"
    if service.get("ipc") == _OF_THE_MACHINE:
        yield "uses the machine's own shared memory ('ipc: host'), which all stacks would share"


def _of_others(service: Mapping[str, Any], containers: Mapping[str, str]) -> Iterator[str]:
    for key in _JOINING:
        if str(service.get(key) or "").startswith(_OTHERS) and service[key] not in containers:
            yield f"joins a container that is no part of the stack ('{key}: {service[key]}')"
    for entry in _texts(service.get("volumes_from")):
        if entry.startswith(_OTHERS) and _from_own(entry, containers) is None:
            yield f"uses volumes of a container that is no part of the stack ('volumes_from: {entry}')"
    for entry in _texts(service.get("external_links")):
        if _linked(entry, containers) is None:
            yield f"links to a container that is no part of the stack ('external_links: {entry}')"


def _texts(value: Any) -> Iterable[str]:
    return map(str, value or ())
