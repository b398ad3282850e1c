"""What a deployment reserves on a swarm beyond what runs there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lockflight.ports.target import Running
from lockflight.promotions.gates import sizes


@dataclass(frozen=True, slots=True)
class Demand:
    """Processors and bytes of memory."""

    cpus: float = 0.0
    memory: int = 0

    def __add__(self, other: Demand) -> Demand:
        return Demand(self.cpus + other.cpus, self.memory + other.memory)

    def times(self, count: int) -> Demand:
        return Demand(self.cpus * count, self.memory * count)


def demand(model: Mapping[str, Any], running: Iterable[Running], nodes: int) -> Demand:
    """What is needed at once while the model (as Compose prints it) takes the place of what runs.

    A replica that runs makes room for its successor, unless that is started first. What a replica reserves now is
    taken for what it will reserve.
    """
    replicas = {service.service: service.replicas for service in running}
    found = Demand()
    for name, service in _mapping(model.get("services")).items():
        deploy = _mapping(_mapping(service).get("deploy"))
        found += _reserved(deploy).times(_more(deploy, replicas.get(name, 0), nodes))
    return found


def _reserved(deploy: Mapping[str, Any]) -> Demand:
    """What one replica reserves."""
    reserved = _mapping(_mapping(deploy.get("resources")).get("reservations"))
    try:
        cpus = float(reserved.get("cpus") or 0)
    except (TypeError, ValueError):
        cpus = 0.0
    return Demand(cpus, sizes.compose_bytes(reserved.get("memory")))


def _more(deploy: Mapping[str, Any], now: int, nodes: int) -> int:
    """How many replicas there are for a while beyond those that run now."""
    wanted = nodes if str(deploy.get("mode", "")).startswith("global") else _count(deploy.get("replicas"), 1)
    update = _mapping(deploy.get("update_config"))
    if update.get("order") != "start-first" or not now:
        return max(0, wanted - now)
    at_once = _count(update.get("parallelism"), 1) or wanted
    return max(0, wanted - now) + min(at_once, wanted)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
