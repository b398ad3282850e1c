"""Containers as the engine lists and describes them, in the port's words. Pure: data in, data out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lockflight import logs
from lockflight.adapters.stack_engine.address import LOOPBACK
from lockflight.ports.stack_engine import Container, Details, Health, PublishedPort

SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"

# "Up 3 seconds (health: starting)", "Up 2 hours (unhealthy)"; a paused one says "Up 2 hours (Paused)".
_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")
# "Exited (137) 2 seconds ago", "Restarting (1) Less than a second ago"
_CODE = re.compile(r"^(?:Exited|Restarting) \((-?\d+)\)")
_ANYWHERE = {"0.0.0.0", "", "::"}  # noqa: S104 - compared with, not bound to
_KILLED = 137
# States in which the engine shows an exit code of no meaning.
_NOT_ENDED = {"created", "running", "paused", "removing"}


def container(entry: Mapping[str, Any], host: str) -> Container:
    """A container of a list; `host` is where ports that are open on all addresses are reached."""
    labels = entry.get("Labels") or {}
    status = str(entry.get("Status") or "")
    return Container(
        id=str(entry["Id"]),
        name=name_of(entry),
        service=str(labels.get(SERVICE, "")),
        state=str(entry.get("State") or "").lower(),
        health=health_in(status),
        exit_code=exit_code_in(status),
        ports=ports(entry.get("Ports") or [], host),
        one_off=is_one_off(labels),
    )


def is_one_off(labels: Mapping[str, str]) -> bool:
    """Whether it is no part of the stack: a run of a service, or a container that Compose knows nothing of."""
    return labels.get(ONE_OFF) == "True" or SERVICE not in labels


def name_of(entry: Mapping[str, Any]) -> str:
    """Its own name; those with a second slash are what other containers call it by links."""
    names = [str(name).removeprefix("/") for name in entry.get("Names") or []]
    return next((name for name in names if "/" not in name), str(entry["Id"])[:12])


def health_in(status: str) -> Health:
    found = _HEALTH.search(status)
    words: dict[str, Health] = {"starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"}
    return words[found[1]] if found else "none"


def exit_code_in(status: str) -> int | None:
    found = _CODE.match(status)
    return int(found[1]) if found else None


def ports(entries: Sequence[Mapping[str, Any]], host: str) -> tuple[PublishedPort, ...]:
    """Published ports; one that is open for both kinds of addresses is told once."""
    found: dict[tuple[int, str, int], PublishedPort] = {}
    for entry in sorted(entries, key=lambda entry: ":" in str(entry.get("IP") or "")):
        if not entry.get("PublicPort"):
            continue
        address = str(entry.get("IP") or "")
        target, protocol, port = int(entry["PrivatePort"]), str(entry["Type"]), int(entry["PublicPort"])
        reached = _reached(address, host)
        found.setdefault((target, protocol, port), PublishedPort(target, protocol, reached, port))
    return tuple(sorted(found.values(), key=lambda port: (port.target, port.protocol, port.port)))


def _reached(address: str, host: str) -> str:
    if address == "::" and host == LOOPBACK:
        return "::1"
    return host if address in _ANYWHERE else address


def details(inspected: Mapping[str, Any]) -> Details:
    state = inspected.get("State") or {}
    probes = (state.get("Health") or {}).get("Log") or []
    latest = probes[-1] if probes else {}
    memory = (inspected.get("HostConfig") or {}).get("Memory") or None
    return Details(
        exit_code=None if state.get("Status") in _NOT_ENDED else state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=int(inspected.get("RestartCount") or 0),
        error=logs.printable(str(state.get("Error") or "")),
        probe=logs.printable(str(latest.get("Output") or ""), "\n\t").strip(),
        probe_exit_code=latest.get("ExitCode"),
        memory_limit=memory,
    )


def may_be_out_of_memory(found: Details) -> bool:
    """Whether it looks as if memory was why it was killed, and the engine has not said so yet."""
    return found.exit_code == _KILLED and found.memory_limit is not None and not found.out_of_memory
