"""An environment in memory: the fake target, ledger, registry and clock, and a repository with a lock."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight.config import read_manifest
from lockflight.ledger.candidates import last_good
from lockflight.locks.configuration import configuration
from lockflight.locks.file import seal
from lockflight.locks.model import Lock
from lockflight.locks.stack_files import read_stack
from lockflight.ports.target import Holder, Operation, ServiceReport
from lockflight.progress import Silent
from lockflight.promotions.gates.ask import Asked
from lockflight.promotions.gates.model import Answer
from lockflight.promotions.order import Order, Promoted, World
from lockflight.promotions.plan import Plan
from lockflight.promotions.promotion import promote, standing_of
from lockflight.testing.clock import FakeClock
from lockflight.testing.git import FakeGit
from lockflight.testing.ledger import FakeLedger
from lockflight.testing.registry import FakeRegistry
from lockflight.testing.stack_containers import Behaviour
from lockflight.testing.target import FakeTarget
from tests.locks import builders

HEALTHY = Behaviour(healthy_after=2)
COMPOSE = """
services:
  cart: {image: "ghcr.io/acme/cart:dev"}
  orders: {image: "ghcr.io/acme/orders:dev", depends_on: {cart: {condition: service_healthy}}}
"""
ENVIRONMENTS = """
  staging: {target: {compose: {}}}
"""


@dataclass
class Watched:
    """Remembers what it was told."""

    told: list[str] = field(default_factory=list)

    def asking(self, gate: Asked) -> None:
        self.told.append(f"asking {gate.name}")

    def answered(self, answer: Answer) -> None:
        self.told.append(f"{answer.gate} {answer.verdict}")

    def waiting(self, holder: Holder) -> None:
        self.told.append(f"waiting for {holder.owner}")

    def leased(self, number: int) -> None:
        self.told.append(f"lease {number}")

    def planned(self, _plan: Plan) -> None:
        self.told.append("planned")

    def pulling(self, count: int) -> None:
        self.told.append(f"pulling {count}")

    def applying(self, operation: Operation) -> None:
        self.told.append(f"{operation.kind} {operation.service}")

    def look(self, _reports: Sequence[ServiceReport], _seconds: float) -> None:
        pass

    def checking(self) -> None:
        self.told.append("checking")

    def rolling_back(self, lock_id: str, _reason: str) -> None:
        self.told.append(f"rolling back to {lock_id[:4]}")


@dataclass
class Stage:
    """Where a test plays."""

    root: Path
    clock: FakeClock
    target: FakeTarget
    ledger: FakeLedger
    watched: Watched = field(default_factory=Watched)

    @property
    def world(self) -> World:
        return World(
            read_manifest(self.root / "lockflight.yaml"), self.root, {"PATH": "/usr/bin:/bin"}, self.clock, self.target,
            self.ledger, FakeRegistry(), Silent(), self.watched,
        )  # fmt: skip

    def lock(self, version: str = "1", *, cart: Behaviour = HEALTHY, orders: Behaviour = HEALTHY) -> Lock:
        """A lock of the files as they are, with images of this version, which the registry has."""
        manifest = read_manifest(self.root / "lockflight.yaml")
        files, _ = configuration(manifest, self.root, read_stack(manifest, self.root, {}), FakeGit())
        services = {
            name: builders.service(name, digest=builders.digest(f"{name}-{version}"))
            for name in ("cart", "orders")
        }
        lock = seal(builders.content(services=services, config=files, images={}))
        for name, behaviour in (("cart", cart), ("orders", orders)):
            self.target.add(f"ghcr.io/acme/{name}@{builders.digest(f'{name}-{version}')}", behaviour)
        return lock

    def promote(self, lock: Lock, environment: str = "staging", **changes: Any) -> Promoted:
        return promote(self.world, Order(environment, lock, "ada@here", **changes))

    def roll_back(self, lock: Lock, environment: str = "staging", **changes: Any) -> Promoted:
        candidate = last_good(standing_of(self.world, environment))
        return promote(
            self.world, Order(environment, lock, "ada@here", rollback=candidate, person="ada", **changes)
        )

    def kinds(self, environment: str = "staging") -> list[str]:
        return [f"{event.number} {event.kind}" for event in self.ledger.events(environment)]

    def runs(self, environment: str = "staging") -> dict[str, str]:
        """The image of every service."""
        return {one.service: one.image for one in self.target.there.get(f"shop-{environment}", [])}

    def touched(self) -> list[str]:
        return [f"{operation.kind} {operation.service}" for operation in self.target.applied]


def stage(root: Path, environments: str = ENVIRONMENTS, compose: str = COMPOSE) -> Stage:
    (root / "stack.yaml").write_text(textwrap.dedent(compose))
    write_manifest(root, environments)
    clock = FakeClock()
    return Stage(root, clock, FakeTarget(clock), FakeLedger())


def write_manifest(root: Path, environments: str) -> None:
    (root / "lockflight.yaml").write_text(
        "version: 1\nproject: shop\nimage: ghcr.io/acme/{service}\n"
        "services: {cart: {path: cart}, orders: {path: orders}}\n"
        'stack: {files: [stack.yaml], suites: {smoke: {command: ["true"]}}}\nenvironments:\n'
        + textwrap.indent(textwrap.dedent(environments).strip("\n"), "  ")
        + "\n"
    )
