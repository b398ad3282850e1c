"""What a gate is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from lockflight.config import Suite
from lockflight.environments import Environment
from lockflight.locks.model import Lock
from lockflight.models import utc_text
from lockflight.ports.clock import Clock
from lockflight.ports.forge import Approval, Forge
from lockflight.ports.registry import Registry
from lockflight.ports.target import Deployment, Target
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.suites.run import SuiteWatcher

# `unknown`: the world outside failed, so that there is no answer.
Verdict = Literal["yes", "no", "not-yet", "unknown"]


@dataclass(frozen=True, slots=True)
class Stay:
    """This lock in the environment that is followed."""

    # The success from which on it was there without a break; a promotion that changed nothing begins no new stay.
    since: datetime
    # When another lock took its place.
    until: datetime | None = None
    # Why the success counts no more, in words: withdrawn, rolled back, failed its checks later.
    taken_back: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's word that nothing is to be promoted to the environment for now."""

    reason: str
    owner: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Override:
    """A person's word that this one promotion goes on in spite of freezes and holds."""

    reason: str
    person: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says that gates need, as plain data."""

    stay: Stay | None = None
    # Why somebody marked this lock bad.
    bad: str | None = None
    hold: Hold | None = None
    approvals: tuple[Approval, ...] = ()
    # The evidence of the system tests for this lock, as it is written down.
    evidence: str | None = None
    override: Override | None = None


class Unwatched:
    """Nobody looks on while suites run."""

    def started(self, name: str, where: str) -> None:
        pass

    def output(self, data: bytes) -> None:
        pass

    def ended(self, result: SuiteResult) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Question:
    """May this lock be deployed to this environment, or is it well there? Everything that an answer needs."""

    settings: Environment
    lock: Lock
    deployment: Deployment
    target: Target
    registry: Registry
    clock: Clock
    # lockflight's own: commands inherit it; proxies and secrets stand in it.
    variables: Mapping[str, str] = field(default_factory=dict)
    known: Known = Known()
    forge: Forge | None = None
    # The suites that the manifest declares now, and the digests of what they are (`definition_digest`).
    suites: Mapping[str, Suite] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    # Where suites leave what they print and report.
    artifacts: Path | None = None
    watcher: SuiteWatcher = field(default_factory=Unwatched)

    @property
    def environment(self) -> str:
        return self.deployment.environment

    @property
    def root(self) -> Path:
        return self.deployment.root

    @property
    def images(self) -> Mapping[str, str]:
        """`registry/path@sha256:…` by compose service, for what runs in this environment."""
        return self.deployment.images

    @property
    def urls(self) -> Mapping[str, str]:
        return self.settings.urls


@dataclass(frozen=True, slots=True)
class Reply:
    """What a gate itself says; who asked it adds which gate and which lock it speaks of."""

    verdict: Verdict
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    # After `not-yet`: before then it is not worth asking again.
    retry_at: datetime | None = None


def yes(reason: str, **details: Any) -> Reply:
    return Reply("yes", reason, details)


def no(reason: str, **details: Any) -> Reply:
    return Reply("no", reason, details)


def not_yet(reason: str, retry_at: datetime | None = None, **details: Any) -> Reply:
    return Reply("not-yet", reason, details, retry_at)


def unknown(reason: str, **details: Any) -> Reply:
    return Reply("unknown", reason, details)


@dataclass(frozen=True, slots=True)
class Answer:
    """A gate's answer, as evidence: bound to the lock that it was asked about, and without secrets."""

    gate: str
    kind: str
    verdict: Verdict
    reason: str
    lock_id: str
    asked: datetime
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_at: datetime | None = None

    def counts_for(self, lock_id: str) -> bool:
        """Whether it says anything about this lock; it lapses when the lock changes."""
        return self.lock_id == lock_id

    def as_data(self) -> dict[str, Any]:
        """For a program: plain values, and nothing that is not known."""
        found = {
            "gate": self.gate,
            "kind": self.kind,
            "verdict": self.verdict,
            "reason": self.reason,
            "lock": self.lock_id,
            "asked": utc_text(self.asked),
            "seconds": round(self.seconds, 3),
            "retry_at": utc_text(self.retry_at) if self.retry_at else None,
            "details": dict(self.details),
        }
        return {key: value for key, value in found.items() if value not in (None, {})}


class Kind(Protocol):
    """One kind of gate: a module (or an object) with these two functions."""

    def ask(self, settings: Any, question: Question, /) -> Reply:
        """The answer. `OutsideError` where there is none; `InputError` where the settings make no sense."""
        ...

    def explain(self, settings: Any, /) -> str:
        """What must be so for the answer to be yes: a sentence for a plan, without a full stop."""
        ...
