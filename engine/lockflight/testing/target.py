"""A target in memory: it runs what compose files say, images behave as they are told, time is a FakeClock's."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from lockflight.errors import OutsideError, Problem, Refused
from lockflight.ports.stack_engine import ComposeCall
from lockflight.ports.target import (
    DEPLOYED_LOCK,
    ENVIRONMENT,
    FINGERPRINT,
    ONE_SHOT,
    Deployment,
    Holder,
    LeaseLost,
    Operation,
    Running,
    ServiceFailed,
    ServiceReport,
    TargetFacts,
    Wanted,
)
from lockflight.progress import Progress
from lockflight.testing.clock import FakeClock
from lockflight.testing.stack_containers import Behaviour, FakeContainer
from lockflight.testing.stack_files import read_project

__all__ = ["Behaviour", "FakeLease", "FakeTarget"]

_COMPLETED = "service_completed_successfully"
_APART = {"image", "build", "depends_on", "deploy", "scale", "profiles"}
_OURS = "dev.lockflight."


@dataclass
class FakeTarget:
    """Implements the Target port.

    `images` is the registry: what can be pulled, and what containers of it do (healthy after so long, ending
    with a code, refusing to start). `fails` makes every call fail, as when the engine was stopped.
    """

    clock: FakeClock
    images: dict[str, Behaviour] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)
    # Of each Compose project, by its name.
    there: dict[str, list[FakeContainer]] = field(default_factory=dict)
    fails: OutsideError | None = None
    # Everything that was carried out, in order.
    applied: list[Operation] = field(default_factory=list)
    leases: dict[str, Holder] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, reference: str, behaviour: Behaviour | None = None) -> str:
        """Put an image into the registry."""
        self.images[reference] = behaviour or Behaviour()
        return reference

    def put(self, project: str, service: str, reference: str, **labels: str) -> FakeContainer:
        """Let a container run, as if somebody had started it by hand."""
        container = FakeContainer(
            f"{next(self._ids):064x}", f"{project}-{service}", reference,
            self.images.get(reference, Behaviour()), labels, service=service, started=self.clock.monotonic(),
        )  # fmt: skip
        self.there.setdefault(project, []).append(container)
        return container

    def facts(self) -> TargetFacts:
        self._look()
        return TargetFacts("fake", "memory", "20.10.24", disk=10**11, memory=10**10, cpus=8)

    def wanted(self, deployment: Deployment) -> tuple[Wanted, ...]:
        services = self._services(deployment)
        ordered = [name for name in _in_order(services) if name in deployment.images]
        return tuple(self._wanted(deployment, services, name) for name in ordered)

    def observe(self, deployment: Deployment) -> tuple[Running, ...]:
        self._look()
        own = sorted(self._containers(deployment), key=lambda one: one.service)
        groups = itertools.groupby(own, key=lambda one: one.service)
        return tuple(self._running(deployment, name, list(group)) for name, group in groups)

    def pull(self, deployment: Deployment, references: Sequence[str], progress: Progress) -> None:  # noqa: ARG002
        self._look()
        missing = sorted(set(references) - self.images.keys())
        if missing:
            raise Refused([Problem(f"{one} is not in the registry: manifest unknown") for one in missing])
        self.here.update(references)

    def apply(self, deployment: Deployment, operation: Operation) -> None:
        self._look()
        self.applied.append(operation)
        if operation.kind == "remove":
            own = self._containers(deployment)
            self.there[_name(deployment)] = [one for one in own if one.service != operation.service]
            return
        wanted = next(one for one in self.wanted(deployment) if one.service == operation.service)
        self._up(deployment, wanted, operation.kind)
        if operation.kind == "run":
            self._finish(deployment, wanted)

    def report(self, deployment: Deployment, services: Sequence[str]) -> tuple[ServiceReport, ...]:
        found = {one.service: one for one in self.observe(deployment)}
        wanted = {one.service: one for one in self.wanted(deployment)}
        return tuple(self._report(deployment, name, found.get(name), wanted.get(name)) for name in services)

    def take_lease(
        self, environment: str, owner: str, run: str | None, seconds: int, above: int
    ) -> FakeLease | Holder:
        holder = self.holder(environment)
        if holder is not None:
            return holder
        number = max(above, self.numbers.get(environment, 0)) + 1
        now = self.clock.now()
        self.numbers[environment] = number
        self.leases[environment] = Holder(number, owner, run, now, now + timedelta(seconds=seconds))
        return FakeLease(self, environment, number, seconds)

    def holder(self, environment: str) -> Holder | None:
        self._look()
        found = self.leases.get(environment)
        return found if found is not None and found.expires > self.clock.now() else None

    def raw(self, deployment: Deployment) -> dict[str, Any]:
        services = self._services(deployment)
        return {
            "name": _name(deployment),
            "services": {
                one.service: {**services[one.service], "image": one.reference}
                for one in self.wanted(deployment)
            },
        }

    def _look(self) -> float:
        if self.fails is not None:
            raise self.fails
        return self.clock.monotonic()

    def _services(self, deployment: Deployment) -> dict[str, dict[str, Any]]:
        self._look()
        files = tuple(deployment.root / file for file in deployment.files)
        call = ComposeCall(files, deployment.directory, None, deployment.profiles, _name(deployment))
        return dict(read_project(call)["services"])

    def _containers(self, deployment: Deployment) -> list[FakeContainer]:
        return self.there.get(_name(deployment), [])

    def _of(self, deployment: Deployment, service: str) -> list[FakeContainer]:
        return [one for one in self._containers(deployment) if one.service == service]

    def _wanted(self, deployment: Deployment, services: Mapping[str, Any], name: str) -> Wanted:
        needs = (services[name].get("depends_on") or {}).keys() & deployment.images.keys()
        return Wanted(
            name, deployment.images[name], _fingerprint(services[name]), _replicas(services[name]),
            _is_one_shot(services, name), tuple(sorted(needs)),
        )  # fmt: skip

    def _running(self, deployment: Deployment, service: str, own: Sequence[FakeContainer]) -> Running:
        states = [_state(one, self.clock.monotonic()) for one in own]
        word, _, failed = min(states, key=lambda state: (not state[2], state[1]))
        wanted = deployment.images.get(service)
        other = next((one for one in own if one.image != wanted), own[0])
        return Running(
            service, (other.image,) if "@" in other.image else (), other.image,
            _common(own, DEPLOYED_LOCK), _common(own, FINGERPRINT), len(own),
            sum(ready for _, ready, _ in states), word, failed,
            all(one.labels.get(ONE_SHOT) == "true" for one in own),
            any(one.labels.get(ENVIRONMENT) != deployment.environment for one in own),
        )  # fmt: skip

    def _up(self, deployment: Deployment, wanted: Wanted, kind: str) -> None:
        """As `docker compose up` of this one service: what is as it should be stays."""
        if wanted.reference not in self.here:
            raise self._failed(wanted, f"No such image: {wanted.reference}")
        labels = _labels(deployment, wanted)
        kept = [
            one
            for one in self._of(deployment, wanted.service)
            if kind == "scale" or (one.image == wanted.reference and one.labels == labels)
        ][: wanted.replicas]
        others = [one for one in self._containers(deployment) if one.service != wanted.service]
        self.there[_name(deployment)] = [*others, *kept]
        for one in kept:
            if one.state(self.clock.monotonic()) != "running" and not _is_done(one, self.clock.monotonic()):
                one.started, one.killed = self.clock.monotonic(), float("inf")
        for _ in range(wanted.replicas - len(kept)):
            self._start(deployment, wanted, labels)

    def _start(self, deployment: Deployment, wanted: Wanted, labels: dict[str, str]) -> None:
        container = self.put(_name(deployment), wanted.service, wanted.reference)
        container.labels = labels
        if container.behaviour.refuses:
            container.started = None
            raise self._failed(wanted, f"Error response from daemon: {container.behaviour.refuses}")

    def _finish(self, deployment: Deployment, wanted: Wanted) -> None:
        for one in self._of(deployment, wanted.service):
            self.clock.sleep(max(0.0, one.ends - self.clock.monotonic()))
            if one.exit_code:
                raise self._failed(wanted, f"exited {one.exit_code}\n{one.output()}")

    def _failed(self, wanted: Wanted, said: str) -> ServiceFailed:
        return ServiceFailed(f"{wanted.service}: {said}", code="service-failed")

    def _report(
        self, deployment: Deployment, service: str, found: Running | None, wanted: Wanted | None
    ) -> ServiceReport:
        if found is None:
            return ServiceReport(service, "missing", ready=False, story="was not created")
        if found.ready >= (wanted.replicas if wanted else found.replicas) and found.ready == found.replicas:
            return ServiceReport(service, found.state, ready=True)
        own = self._of(deployment, service)
        details = [one.details(self.clock.monotonic()).probe for one in own]
        printed = [one.output() for one in own]
        story = "\n".join(part for part in [found.state, *details, *printed] if part)
        return ServiceReport(service, found.state, ready=False, failed=found.failed, story=story)


@dataclass
class FakeLease:
    """Implements the Lease port."""

    target: FakeTarget
    environment: str
    number: int
    seconds: int

    def renew(self) -> None:
        self.confirm()
        held = self.target.leases[self.environment]
        expires = self.target.clock.now() + timedelta(seconds=self.seconds)
        self.target.leases[self.environment] = replace(held, expires=expires)

    def confirm(self) -> None:
        held = self.target.leases.get(self.environment)
        self.target.holder(self.environment)
        if held is None or held.number != self.number:
            now = f"; {held.owner} has it now, as number {held.number}" if held else ""
            raise LeaseLost(f"the lease of {self.environment}, number {self.number}, was taken over{now}")

    def release(self) -> None:
        held = self.target.leases.get(self.environment)
        if held is not None and held.number == self.number:
            del self.target.leases[self.environment]


def _name(deployment: Deployment) -> str:
    return f"{deployment.project}-{deployment.environment}"


def _labels(deployment: Deployment, wanted: Wanted) -> dict[str, str]:
    return {
        ENVIRONMENT: deployment.environment,
        DEPLOYED_LOCK: deployment.lock_id,
        FINGERPRINT: wanted.fingerprint,
        **({ONE_SHOT: "true"} if wanted.one_shot else {}),
    }


def _fingerprint(service: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in service.items() if key not in _APART}
    own = {key: value for key, value in (kept.pop("labels", None) or {}).items() if not key.startswith(_OURS)}
    return hashlib.sha256(json.dumps({**kept, "labels": own}, sort_keys=True).encode()).hexdigest()


def _replicas(service: Mapping[str, Any]) -> int:
    replicas = (service.get("deploy") or {}).get("replicas")
    return int(service.get("scale", 1) if replicas is None else replicas)


def _is_one_shot(services: Mapping[str, Any], name: str) -> bool:
    said = (services[name].get("labels") or {}).get(ONE_SHOT)
    if said is not None:
        return str(said).lower() == "true"
    waits = [(one.get("depends_on") or {}).get(name) or {} for one in services.values()]
    starts_again = str(services[name].get("restart") or "no") in {"always", "unless-stopped"}
    return not starts_again and any(one.get("condition") == _COMPLETED for one in waits)


def _in_order(services: Mapping[str, Any]) -> list[str]:
    order: dict[str, None] = {}

    def put(name: str) -> None:
        if name not in order and name in services:
            for other in sorted(services[name].get("depends_on") or {}):
                put(other)
            order[name] = None

    for name in sorted(services):
        put(name)
    return list(order)


def _state(container: FakeContainer, now: float) -> tuple[str, bool, bool]:
    """A word, whether that is ready, and whether it is a failure."""
    match container.state(now):
        case "created":
            return "waiting", False, False
        case "exited":
            done = _is_done(container, now)
            return ("done", True, False) if done else (f"exited {container.exit_code}", False, True)
    health = container.health(now)
    return ("running" if health == "none" else health), health in {"none", "healthy"}, health == "unhealthy"


def _is_done(container: FakeContainer, now: float) -> bool:
    is_one_shot = container.labels.get(ONE_SHOT) == "true"
    return is_one_shot and container.state(now) == "exited" and container.exit_code == 0


def _common(own: Sequence[FakeContainer], label: str) -> str | None:
    said = {one.labels.get(label) for one in own}
    return said.pop() if len(said) == 1 else None
