"""What a person or a pipeline orders, what it is carried out with, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from lockflight.config import Manifest
from lockflight.environments import Environment
from lockflight.ledger.candidates import Candidate
from lockflight.locks.model import Lock
from lockflight.ports.clock import Clock
from lockflight.ports.forge import Forge
from lockflight.ports.ledger import Ledger
from lockflight.ports.registry import Registry
from lockflight.ports.target import Holder, Operation, ServiceReport, Target
from lockflight.progress import Progress
from lockflight.promotions.gates.ask import Listener
from lockflight.promotions.gates.model import Answer, Override
from lockflight.promotions.plan import Plan

Outcome = Literal["succeeded", "already", "refused", "rolled-back", "failed"]


@dataclass(frozen=True, slots=True)
class Order:
    """One lock for one environment."""

    environment: str
    lock: Lock
    owner: str
    run_url: str | None = None
    # A person asked to go back to this lock.
    rollback: Candidate | None = None
    # A lock that was withdrawn or marked bad, on purpose.
    again: bool = False
    override: Override | None = None
    # How long to wait for somebody else's lease.
    wait: float = 0.0
    person: str | None = None


@dataclass(frozen=True)
class World:
    """Everything outside that a promotion needs."""

    manifest: Manifest
    # Where the configuration lies: the repository, or what was taken out of the archive.
    root: Path
    variables: Mapping[str, str]
    clock: Clock
    target: Target
    ledger: Ledger
    registry: Registry
    progress: Progress
    watcher: Watcher
    forge: Forge | None = None
    # The digests of what the suites are now, for the evidence gate.
    definitions: Mapping[str, str] | None = None

    def settings(self, environment: str) -> Environment:
        return self.manifest.environments[environment]


class Watcher(Listener, Protocol):
    """Somebody who is told of everything that a promotion does."""

    def waiting(self, holder: Holder) -> None: ...

    def leased(self, number: int) -> None: ...

    def planned(self, plan: Plan) -> None: ...

    def pulling(self, count: int) -> None: ...

    def applying(self, operation: Operation) -> None: ...

    def look(self, reports: Sequence[ServiceReport], seconds: float) -> None: ...

    def checking(self) -> None: ...

    def rolling_back(self, lock_id: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Promoted:
    """How it ended."""

    outcome: Outcome
    plan: Plan
    answers: tuple[Answer, ...] = ()
    checks: tuple[Answer, ...] = ()
    reports: tuple[ServiceReport, ...] = ()
    reason: str = ""
    number: int | None = None
    # The lock that runs again after a failure.
    back_to: str | None = None
    seconds: float = 0.0
