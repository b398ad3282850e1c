"""A `docker compose up` of the fake engine: starts each service when what it waits for is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lockflight.testing.stack_containers import FakeContainer

INTERRUPTED = 130


class FakeStarting:
    """Implements the Starting port. It gets on whenever somebody looks, as far as the clock allows."""

    def __init__(
        self,
        services: Mapping[str, Any],
        create: Callable[[str], FakeContainer],
        now: Callable[[], float],
    ) -> None:
        self._services = services
        self._create = create
        self._now = now
        self._containers: dict[str, FakeContainer] = {}
        self._code: int | None = None
        self._complaint = ""

    def ended(self) -> int | None:
        self.go_on()
        return self._code

    def complaint(self) -> str:
        self.go_on()
        return self._complaint

    def stop(self) -> None:
        self.go_on()
        if self._code is None:
            self._fail("canceled", INTERRUPTED)

    def go_on(self) -> None:
        """Do all that can be done by now."""
        if self._code is not None:
            return
        for name in self._services:
            if name not in self._containers and not self._make(name):
                return
        # One start may be what another waits for.
        while self._start_one():
            pass
        all_run = all(container.started is not None for container in self._containers.values())
        if all_run and not self._complaint:
            self._code = 0

    def _make(self, name: str) -> bool:
        try:
            self._containers[name] = self._create(name)
        except LookupError:
            self._fail(f"Error response from daemon: No such image: {self._services[name].get('image')}")
            return False
        return True

    def _start_one(self) -> bool:
        for name, container in self._containers.items():
            if self._code is not None:
                return False
            if container.started is None and self._may_start(name):
                if container.behaviour.refuses:
                    self._fail(f"Error response from daemon: {container.behaviour.refuses}")
                    return False
                container.started = self._now()
                return True
        return False

    def _may_start(self, name: str) -> bool:
        wanted = self._services[name].get("depends_on") or {}
        return all(self._is_met(other, setting["condition"]) for other, setting in wanted.items())

    def _is_met(self, name: str, condition: str) -> bool:
        container, now = self._containers[name], self._now()
        state, health = container.state(now), container.health(now)
        if condition == "service_started":
            return container.started is not None
        if condition == "service_healthy":
            if state == "exited":
                self._fail(
                    f"dependency failed to start: container {container.name} exited ({container.exit_code})"
                )
            elif health == "unhealthy":
                self._fail(f"dependency failed to start: container {container.name} is unhealthy")
            return health == "healthy"
        if state == "exited" and container.exit_code:
            self._fail(f'service "{name}" didn\'t complete successfully: exit {container.exit_code}')
        return state == "exited" and container.exit_code == 0

    def _fail(self, complaint: str, code: int = 1) -> None:
        self._code, self._complaint = code, complaint
