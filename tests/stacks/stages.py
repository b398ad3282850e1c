"""A stack in memory: the fake engine, the fake clock, and a repository with a manifest and a lock."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockflight.config import read_manifest
from lockflight.locks.configuration import configuration
from lockflight.locks.file import seal
from lockflight.locks.model import Lock
from lockflight.locks.stack_files import read_stack
from lockflight.ports.stack_engine import StackFound
from lockflight.progress import Silent
from lockflight.stacks.naming import TEST, name_for_a_test
from lockflight.stacks.outcome import TestOutcome, TestRun
from lockflight.stacks.prepare import Prepared, Request
from lockflight.stacks.readiness import ServiceState
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.surroundings import Surroundings
from lockflight.stacks.testrun import run_test
from lockflight.testing.clock import FakeClock
from lockflight.testing.git import FakeGit
from lockflight.testing.stack_engine import Behaviour, FakeStackEngine
from tests.locks import builders

HEALTHY = Behaviour(healthy_after=2)
COMPOSE = """
services:
  cart:
    image: ghcr.io/acme/cart:dev
    build: ./cart
    ports: [{target: 8080, published: "8080", protocol: tcp}]
  orders:
    image: ghcr.io/acme/orders:dev
"""
SUITES = """
suites:
  smoke: {command: ["true"]}
"""


@dataclass
class Watched:
    """Remembers what it was told; implements what `testrun` calls an observer."""

    told: list[str] = field(default_factory=list)
    states: list[dict[str, str]] = field(default_factory=list)

    def removed(self, orphans: tuple[StackFound, ...]) -> None:
        self.told += [f"removed {orphan.name}" for orphan in orphans]

    def prepared(self, prepared: Prepared) -> None:
        self.told.append("prepared")
        self.notes = [finding.message for finding in prepared.notes]

    def pulled(self, count: int, _seconds: float) -> None:
        self.told.append(f"pulled {count}")

    def look(self, states: Sequence[ServiceState], _seconds: float) -> None:
        words = {state.service: state.word for state in states}
        if not self.states or self.states[-1] != words:
            self.states.append(words)

    def started(self, name: str, _where: str) -> None:
        self.told.append(f"started {name}")

    def output(self, data: bytes) -> None:
        pass

    def ended(self, result: SuiteResult) -> None:
        self.told.append(f"{result.name} {result.outcome}")

    def took_down(self, _stack: str) -> None:
        self.told.append("took down")

    def kept(self, _stack: str) -> None:
        self.told.append("kept")

    def left(self, _stack: str, why: str) -> None:
        self.told.append(f"left: {why}")


@dataclass
class Stage:
    """Where a test plays: everything that `stacks` is given, and a lock that fits the files."""

    here: Surroundings
    engine: FakeStackEngine
    clock: FakeClock
    lock: Lock
    observer: Watched = field(default_factory=Watched)

    def behaves(self, service: str, behaviour: Behaviour, *, pulled: bool = True) -> None:
        self.engine.add(reference(self.lock, service), behaviour, pulled=pulled)

    def request(self, purpose: str = TEST, **changes: Any) -> Request:
        return Request(self.lock, name_for_a_test(self.lock), purpose, **changes)

    def test(self, *, only: tuple[str, ...] = (), deadline: float = 60, **changes: Any) -> TestOutcome:
        request = self.request(**changes)
        run = TestRun(request, deadline, self.here.artifacts_of(request.name), only)
        return run_test(self.here, run, self.observer, Silent())

    def left(self) -> list[str]:
        """Everything that is on the engine."""
        engine = self.engine
        return [*(one.name for one in engine.there.values()), *engine.networks_there, *engine.volumes_there]


def reference(lock: Lock, service: str) -> str:
    return f"{lock.services[service].image}@{lock.services[service].digest}"


def stage(
    root: Path, compose: str = COMPOSE, stack: str = SUITES, environment: Mapping[str, str] | None = None
) -> Stage:
    """Two services, cart and orders, that are healthy after two seconds."""
    (root / "stack.yaml").write_text(textwrap.dedent(compose))
    (root / "lockflight.yaml").write_text(
        "version: 1\nproject: shop\nimage: ghcr.io/acme/{service}\n"
        "services: {cart: {path: cart}, orders: {path: orders}}\nstack:\n  files: [stack.yaml]\n"
        + textwrap.indent(textwrap.dedent(stack), "  ")
    )
    clock, git = FakeClock(), FakeGit()
    engine = FakeStackEngine(clock)
    manifest = read_manifest(root / "lockflight.yaml")
    files, _ = configuration(manifest, root, read_stack(manifest, root, {}), git)
    lock = seal(builders.content(config=files, images={}))
    here = Surroundings(root, manifest, environment or {"PATH": "/usr/bin:/bin"}, git, engine, clock)
    made = Stage(here, engine, clock, lock)
    for service in ("cart", "orders"):
        made.behaves(service, HEALTHY)
    return made
