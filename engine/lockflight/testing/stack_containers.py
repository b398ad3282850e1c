"""What containers of the fake engine do as time passes: told for each image, looked at by the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

from lockflight.ports.stack_engine import Container, Details, Health, PublishedPort, State

KILLED = 137


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a container of an image does; times are seconds since it was started."""

    # None where the image has no health check; `math.inf` where it never becomes healthy.
    healthy_after: float | None = None
    unhealthy_after: float = math.inf
    exits_after: float = math.inf
    exit_code: int = 0
    out_of_memory: bool = False
    prints: tuple[str, ...] = ()
    # What lies in it, by absolute path.
    files: Mapping[str, bytes] = field(default_factory=dict)
    # What the engine says instead of starting it.
    refuses: str = ""
    # What its health check printed last.
    probe: str = ""


@dataclass
class FakeContainer:
    """One container, from its making to its end."""

    id: str
    name: str
    image: str
    behaviour: Behaviour
    labels: Mapping[str, str]
    service: str = ""
    one_off: bool = False
    ports: tuple[PublishedPort, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int | None = None
    started: float | None = None
    killed: float = math.inf

    @property
    def ends(self) -> float:
        """When it ends, or has ended."""
        if self.started is None:
            return math.inf
        return min(self.started + self.behaviour.exits_after, self.killed)

    @property
    def exit_code(self) -> int:
        own_end = (self.started or 0.0) + self.behaviour.exits_after
        return KILLED if self.killed < own_end or self.behaviour.out_of_memory else self.behaviour.exit_code

    def state(self, now: float) -> State:
        if self.started is None:
            return "created"
        return "exited" if now >= self.ends else "running"

    def health(self, now: float) -> Health:
        after = self.behaviour.healthy_after
        if after is None or self.state(now) != "running" or self.started is None:
            return "none"
        age = now - self.started
        if age >= self.behaviour.unhealthy_after:
            return "unhealthy"
        return "healthy" if age >= after else "starting"

    def look(self, now: float) -> Container:
        state = self.state(now)
        return Container(
            self.id, self.name, self.service, state, self.health(now),
            self.exit_code if state == "exited" else None,
            self.ports if state == "running" else (), self.one_off,
        )  # fmt: skip

    def details(self, now: float) -> Details:
        ended = self.state(now) == "exited"
        health = self.health(now)
        return Details(
            exit_code=self.exit_code if ended else None,
            out_of_memory=ended and self.behaviour.out_of_memory,
            restarts=0,
            error=self.behaviour.refuses,
            probe=self.behaviour.probe if health != "none" else "",
            probe_exit_code=None if health == "none" else int(health != "healthy"),
            memory_limit=self.memory_limit,
        )

    def output(self) -> str:
        """What it has printed; `$NAME` in it is what its environment says."""
        if self.started is None:
            return ""
        return "".join(
            f"{Template(line).safe_substitute(self.environment)}\n" for line in self.behaviour.prints
        )
