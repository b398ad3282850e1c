"""What answers, whether the managers are in quorum, and how much room is left on the nodes. Pure but for asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockflight import names
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused
from lockflight.errors import OutsideError
from lockflight.ports.target import TargetFacts

_NANO = 1_000_000_000
_TAKES_ROOM = {"new", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"}


def facts(connection: Connection) -> TargetFacts:
    address = names.without_credentials(connection.address.url)
    try:
        with connection.asking():
            client: Any = connection.client
            version, nodes, tasks = client.version(), client.nodes(), client.tasks()
    except EngineRefused as error:
        raise _explained(address, error) from error
    return of(address, str(version.get("Version", "")), nodes, tasks)


def _explained(address: str, error: EngineRefused) -> OutsideError:
    if "swarm manager" not in error.said:
        return error
    return OutsideError(
        f"the engine at {address} is no manager of a swarm: {error.said}",
        hint="name a manager as the target's 'host' or 'context'; 'docker node ls' on one shows all",
    )


def of(
    address: str, version: str, nodes: Sequence[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]]
) -> TargetFacts:
    managers = [node["ManagerStatus"] for node in nodes if node.get("ManagerStatus")]
    useful = {str(node["ID"]): _has(node) for node in nodes if _is_useful(node)}
    cpus, memory = _sum(useful.values())
    taken_cpus, taken_memory = _sum(_reserves(task) for task in tasks if _takes_room(task, useful))
    return TargetFacts(
        kind="swarm",
        address=address,
        version=version,
        managers=(sum(one.get("Reachability") == "reachable" for one in managers), len(managers)),
        nodes=(len(useful), len(nodes)),
        free_cpus=max(0, cpus - taken_cpus) / _NANO,
        free_memory=max(0, memory - taken_memory),
    )


def _is_useful(node: Mapping[str, Any]) -> bool:
    """It is there, and may be given work."""
    is_ready = (node.get("Status") or {}).get("State") == "ready"
    return is_ready and (node.get("Spec") or {}).get("Availability", "active") == "active"


def _takes_room(task: Mapping[str, Any], nodes: Mapping[str, Any]) -> bool:
    return task.get("NodeID") in nodes and (task.get("Status") or {}).get("State") in _TAKES_ROOM


def _has(node: Mapping[str, Any]) -> tuple[int, int]:
    return _amounts((node.get("Description") or {}).get("Resources") or {})


def _reserves(task: Mapping[str, Any]) -> tuple[int, int]:
    return _amounts(((task.get("Spec") or {}).get("Resources") or {}).get("Reservations") or {})


def _amounts(resources: Mapping[str, Any]) -> tuple[int, int]:
    return int(resources.get("NanoCPUs") or 0), int(resources.get("MemoryBytes") or 0)


def _sum(amounts: Any) -> tuple[int, int]:
    listed = list(amounts)
    return sum(cpus for cpus, _ in listed), sum(memory for _, memory in listed)
