"""What an environment runs on: compose on one engine, a swarm, or a user's own commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from lockflight.errors import Refused
from lockflight.progress import Progress

# Labels on everything that lockflight deploys; what has none was deployed by hand.
ENVIRONMENT = "dev.lockflight.environment"
DEPLOYED_LOCK = "dev.lockflight.lock"
FINGERPRINT = "dev.lockflight.fingerprint"
# "true" on a service that ends by itself when its work is done; a user may say so in the compose file, too.
ONE_SHOT = "dev.lockflight.one-shot"

Kind = Literal["create", "update", "scale", "remove", "run"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that a target needs to know of one lock in one environment; nothing secret is in it.

    `secrets` are names: their values come from the environment of the process at the moment of use.
    """

    environment: str
    project: str
    lock_id: str
    # `registry/path@sha256:…` by compose service, for what runs in this environment.
    images: Mapping[str, str]
    files: tuple[Path, ...]
    directory: Path | None = None
    env_files: tuple[Path, ...] | None = None
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    # The lock itself, for commands; the files' root, for their relative paths.
    lock_text: str = ""
    root: Path = Path()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A service as it is to be."""

    service: str
    reference: str
    # Of everything that it is deployed with but the image: a change of it is a reason to deploy. Values of
    # secrets do not count, since the fingerprint stands where many may read it.
    fingerprint: str
    replicas: int = 1
    # Ends by itself when its work is done, as a migration does.
    one_shot: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A service as the target shows it."""

    service: str
    # Every digest reference under which the target knows the image that really runs; the worst replica's.
    references: tuple[str, ...]
    # What a person reads: `registry/path:tag`, where somebody deployed by tag.
    shown: str
    # The lock with which it was made what it is; one that did not change in later locks keeps it.
    lock_id: str | None = None
    # None also where its replicas differ, or where what it was joined to is gone.
    fingerprint: str | None = None
    replicas: int = 1
    ready: int = 1
    # healthy, running, starting, unhealthy, restarting, exited 1, done, paused, updating, rolled back …
    state: str = "running"
    failed: bool = False
    one_shot: bool = False
    # Ran under this name before lockflight came.
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the environment, with its cause. Carried out as it is; nothing is decided then."""

    kind: Kind
    service: str
    causes: tuple[str, ...]
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.service}: {'; '.join(self.causes)}"


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """How a service came out of a deployment."""

    service: str
    state: str
    ready: bool
    failed: bool = False
    # Its last lines, its probe's output, the target's own words: where it is not well.
    story: str = ""


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What answers there. `address` holds no secret."""

    kind: str
    address: str
    version: str
    # Free bytes and processors, as far as the target tells; None where it does not.
    disk: int | None = None
    memory: int | None = None
    cpus: int | None = None
    # Of a swarm: managers that can be reached and all managers, nodes that are ready and all nodes.
    managers: tuple[int, int] | None = None
    nodes: tuple[int, int] | None = None
    # Of a swarm: what its ready nodes have and what is reserved on them already.
    free_cpus: float | None = None
    free_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the lease of an environment."""

    number: int
    owner: str
    run: str | None
    since: datetime
    expires: datetime


class ServiceFailed(Refused):
    """The target did what it was asked to, and the service would not: it cannot start, or its work failed."""


class LeaseLost(Exception):
    """Somebody else holds the lease now: nothing more may be changed."""


class Lease(Protocol):
    """One promotion's right to change the environment."""

    @property
    def number(self) -> int:
        """The fencing number: higher than that of every lease before."""
        ...

    def renew(self) -> None:
        """The heartbeat; `LeaseLost` when the lease ran out and somebody else took it."""
        ...

    def confirm(self) -> None:
        """Read again, before every operation, that it still is ours; `LeaseLost` when it is not."""
        ...

    def release(self) -> None:
        """Let it go; harmless when it is lost."""
        ...


class Target(Protocol):
    """Every call raises `OutsideError` when the target cannot be reached, and `InputError` for files that it
    cannot use, in the target's own words."""

    def facts(self) -> TargetFacts: ...

    def wanted(self, deployment: Deployment) -> tuple[Wanted, ...]:
        """What the deployment comes to, in dependency order; nothing is changed."""
        ...

    def observe(self, deployment: Deployment) -> tuple[Running, ...]:
        """What runs there now, also what is not in the deployment, sorted by service."""
        ...

    def pull(self, deployment: Deployment, references: Sequence[str], progress: Progress) -> None:
        """Have every image there before anything changes; all that cannot be had are named together."""
        ...

    def apply(self, deployment: Deployment, operation: Operation) -> None:
        """Carry out one operation; done again it changes nothing more. Does not wait for health, but `run`
        waits until the service's work has ended. `ServiceFailed` when the service itself would not."""
        ...

    def report(self, deployment: Deployment, services: Sequence[str]) -> tuple[ServiceReport, ...]:
        """How these services are just now."""
        ...

    def take_lease(
        self, environment: str, owner: str, run: str | None, seconds: int, above: int
    ) -> Lease | Holder:
        """The lease, numbered above `above` and every lease before; or who has it."""
        ...

    def holder(self, environment: str) -> Holder | None:
        """Who has the lease; None when nobody has, or it ran out."""
        ...

    def raw(self, deployment: Deployment) -> dict[str, Any]:
        """The deployment as the target is given it, for `plan --json`; without values of secrets."""
        ...
