"""Whether the services of a stack are ready, told from what the engine shows of their containers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockflight.ports.stack_engine import Container

# A container without a health check must have run for so long before it counts: Compose looks twice as well.
SETTLING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service as a person sees it: a word, and whether that is good, bad or not yet known."""

    service: str
    word: str
    ready: bool = False
    failed: bool = False
    containers: tuple[Container, ...] = ()


@dataclass
class Watch:
    """Follows containers from look to look; remembers since when each has been running."""

    wanted: Mapping[str, int]
    _running_since: dict[str, float]

    @classmethod
    def of(cls, model: Mapping[str, Any], services: Iterable[str]) -> Watch:
        return cls({name: _replicas(model["services"][name] or {}) for name in services}, {})

    def look(self, containers: Sequence[Container], now: float) -> tuple[ServiceState, ...]:
        """The state of every service, in the order of the compose file."""
        for container in containers:
            if container.state == "running":
                self._running_since.setdefault(container.id, now)
            else:
                self._running_since.pop(container.id, None)
        return tuple(self._service(name, containers, now) for name in self.wanted)

    def _service(self, name: str, containers: Sequence[Container], now: float) -> ServiceState:
        own = tuple(one for one in containers if one.service == name and not one.one_off)
        states = [self._container(one, now) for one in own]
        # The worst replica speaks for all.
        for word, ready, failed in sorted(states, key=lambda state: (not state[2], state[1])):
            if failed or not ready:
                return ServiceState(name, word, ready, failed, own)
        if len(own) < self.wanted[name]:
            return ServiceState(name, "waiting", containers=own)
        return ServiceState(name, states[0][0] if states else "not wanted", True, False, own)

    def _container(self, container: Container, now: float) -> tuple[str, bool, bool]:
        match container.state:
            case "running":
                return self._running(container, now)
            case "exited" | "dead":
                code = container.exit_code
                return ("done", True, False) if code == 0 else (_ended(container), False, True)
            case "restarting":
                return f"restarting, exited {container.exit_code}", False, False
            case "created":
                return "waiting", False, False
        return container.state, False, False

    def _running(self, container: Container, now: float) -> tuple[str, bool, bool]:
        match container.health:
            case "healthy":
                return "healthy", True, False
            case "unhealthy":
                return "unhealthy", False, True
            case "starting":
                return "starting", False, False
        settled = now - self._running_since[container.id] >= SETTLING_SECONDS
        return "running", settled, False


def _replicas(service: Mapping[str, Any]) -> int:
    deploy = service.get("deploy") or {}
    if deploy.get("replicas") is not None:
        return int(deploy["replicas"])
    return int(service.get("scale", 1))


def _ended(container: Container) -> str:
    return container.state if container.exit_code is None else f"exited {container.exit_code}"
