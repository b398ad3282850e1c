"""What the engine that is asked knows of a stack: services and tasks of the whole swarm, containers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockflight.adapters.stack_engine import containers
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.adapters.stack_engine.images import canonical
from lockflight.adapters.target_swarm.look import NAMESPACE, Service, services_of, with_what_runs_here

_TASK = "com.docker.swarm.task.id"


class Look:
    """Looks at one stack."""

    def __init__(self, connection: Connection, stack: str) -> None:
        self._connection = connection
        self._filters = {"label": f"{NAMESPACE}={stack}"}
        self._stack = stack

    def __call__(self) -> list[Service]:
        with self._connection.asking():
            client: Any = self._connection.client
            entries = client.services(filters=self._filters)
            tasks = client.tasks(filters=self._filters) if entries else []
        found = services_of(self._stack, entries, tasks)
        here = self._here() if found else {}
        return [with_what_runs_here(one, here) for one in found]

    def one(self, name: str) -> Service | None:
        return next((service for service in self() if service.name == name), None)

    def left(self, service: str) -> int:
        """How many tasks of a service that was removed still end."""
        with self._connection.asking():
            client: Any = self._connection.client
            tasks = client.tasks(filters=self._filters)
        return sum(
            task.get("ServiceID") == service and (task.get("Status") or {}).get("State") == "running"
            for task in tasks
        )

    def _here(self) -> dict[str, dict[str, Any]]:
        with self._connection.asking():
            client = self._connection.client
            entries = client.containers(all=True, filters=self._filters)
            digests = _digests(client.images()) if entries else {}
        return {
            str((entry.get("Labels") or {}).get(_TASK)): {
                "references": digests.get(str(entry.get("ImageID")), ()),
                "health": self._health(entry),
                "is_up": entry.get("State") == "running",
            }
            for entry in entries
        }

    def _health(self, entry: Mapping[str, Any]) -> str:
        """Of one that has ended the list does not tell, and swarm calls what it ended for its health complete."""
        if str(entry.get("State")) == "running":
            return containers.health_in(str(entry.get("Status") or ""))
        try:
            with self._connection.asking():
                inspected = self._connection.client.inspect_container(str(entry["Id"]))
        except NotThere:
            return "none"
        return str(((inspected.get("State") or {}).get("Health") or {}).get("Status") or "none")


def _digests(images: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {
        str(image["Id"]): tuple(
            sorted({canonical(name) for name in image.get("RepoDigests") or () if name[:1] != "<"})
        )
        for image in images
    }
