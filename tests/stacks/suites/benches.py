"""A bench for suites: a stack that is up on the fake engine, and somebody who remembers what was shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockflight.config import Suite
from lockflight.ports.stack_engine import LOCK, STACK, ComposeCall
from lockflight.stacks.addresses import AddressedPort, Addresses
from lockflight.stacks.suites.bench import Bench, View
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.suites.run import run_suites
from lockflight.testing.clock import FakeClock
from lockflight.testing.stack_containers import Behaviour
from lockflight.testing.stack_engine import FakeStackEngine

LOCK_ID = "ab" * 32
SHOP = "shop-ab12"
TESTER = f"localhost:5000/shop/tester@sha256:{'1' * 64}"
COMPOSE = f"""
services:
  web: {{image: "localhost:5000/shop/web@sha256:{"2" * 64}", labels: {{{STACK}: {SHOP}}}}}
  smoke: {{image: "{TESTER}", profiles: [suites], labels: {{{STACK}: {SHOP}}}}}
networks:
  default: {{labels: {{{STACK}: {SHOP}}}}}
"""


def suite(**settings: object) -> Suite:
    return Suite.model_validate(settings)


@dataclass
class Watched:
    """Remembers everything that it was told, in order, and may act on what a suite prints."""

    events: list[str] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)
    act: Callable[[bytes], None] = lambda _data: None

    def started(self, name: str, where: str) -> None:
        self.events.append(f"{name} started: {where}")

    def output(self, data: bytes) -> None:
        self.shown.append(data)
        self.act(data)

    def ended(self, result: SuiteResult) -> None:
        self.events.append(f"{result.name} {result.outcome}")


class Shop:
    """The stack that the suites run against."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.root.mkdir()
        (self.root / "stack.yaml").write_text(COMPOSE)
        self.clock = FakeClock()
        self.engine = FakeStackEngine(self.clock)
        self.engine.add(f"localhost:5000/shop/web@sha256:{'2' * 64}")
        self.watched = Watched()
        call = ComposeCall((self.root / "stack.yaml",), name=SHOP, profiles=("suites",))
        here = Addresses({"web": (AddressedPort(80, "tcp", "127.0.0.1", 41000, "http://127.0.0.1:41000"),)})
        inside = Addresses({"web": (AddressedPort(80, "tcp", "web", 80, "http://web:80"),)})
        self.bench = Bench(
            root=self.root,
            folder=folder / "kept",
            environment={"PATH": os.environ["PATH"], "SHOP_PASSWORD": "open-sesame"},
            lock_id=LOCK_ID,
            stack=SHOP,
            from_this_machine=View(here, {"LOCKFLIGHT_URL_WEB": "http://127.0.0.1:41000"}),
            from_the_network=View(inside, {"LOCKFLIGHT_URL_WEB": "http://web:80"}),
            engine=self.engine,
            call=call,
            clock=self.clock,
            images={"tester": TESTER},
            labels={STACK: SHOP, LOCK: LOCK_ID},
        )
        self.engine.start(replace(call, profiles=()))

    def tester(self, behaviour: Behaviour) -> None:
        """What a container of the tests' image does."""
        self.engine.add(TESTER, behaviour)

    def run(self, suites: Mapping[str, Suite], *, fail_fast: bool = False) -> tuple[SuiteResult, ...]:
        return run_suites(suites, self.bench, self.watched, fail_fast=fail_fast)

    def run_one(self, **settings: object) -> SuiteResult:
        (result,) = self.run({"smoke": suite(**settings)})
        return result

    def suite_containers(self) -> list[str]:
        """Those of suites that are still on the engine."""
        return [container.name for container in self.engine.containers(SHOP) if container.one_off]
