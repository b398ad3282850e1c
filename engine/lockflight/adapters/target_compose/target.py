"""The Target port on docker compose and one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from lockflight.adapters.stack_engine import commands, connection
from lockflight.adapters.stack_engine.compose import Compose
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.images import Images
from lockflight.adapters.target_compose import facts, leases, look
from lockflight.adapters.target_compose.call import call_of
from lockflight.adapters.target_compose.deploy import Deploy
from lockflight.adapters.target_compose.lease_place import LeasePlace
from lockflight.adapters.target_compose.project import Project, pinned_model, project_of
from lockflight.adapters.target_compose.pulling import pull_missing
from lockflight.adapters.target_compose.secret_values import Secrets
from lockflight.adapters.target_compose.states import Settling
from lockflight.adapters.target_compose.story import Stories
from lockflight.adapters.target_compose.surroundings import docker_environment
from lockflight.environments import ComposeSettings
from lockflight.ports.clock import Clock
from lockflight.ports.target import (
    Deployment,
    Holder,
    Lease,
    Operation,
    Running,
    ServiceReport,
    TargetFacts,
    Wanted,
)
from lockflight.progress import Progress


class ComposeTarget:
    """One engine; ports, names, networks and volumes stay as the user's files say. `environment` is that of this
    process, from which secrets come; `project` is the manifest's, which tells apart the leases of two projects
    on one engine. May be used by several threads at once."""

    def __init__(
        self, settings: ComposeSettings, environment: Mapping[str, str], clock: Clock, *, project: str = ""
    ) -> None:
        self._settings = settings
        self._environment = docker_environment(settings, environment)
        self._clock = clock
        self._manifest_project = project
        self._connection = Connection(self._environment)
        self._compose = Compose(self._environment, _load_libraries)
        self._images = Images(self._connection, self._environment)
        self._settling = Settling(clock.monotonic)
        self._read: Project | None = None

    def facts(self) -> TargetFacts:
        return facts.facts(self._connection, self._compose)

    def wanted(self, deployment: Deployment) -> tuple[Wanted, ...]:
        # A plan is made of the files as they are now; what carries it out goes by what the plan has seen.
        self._read = None
        return tuple(self._project(deployment).wanted.values())

    def observe(self, deployment: Deployment) -> tuple[Running, ...]:
        return look.running(self._look(self._name(deployment)), deployment.environment, deployment.images)

    def pull(self, deployment: Deployment, references: Sequence[str], progress: Progress) -> None:
        # It comes before the first change, and so is the last moment to notice what the changes will need.
        self._secrets(deployment).demand()
        project = self._project(deployment)
        platforms = {
            one.reference: project.service(name).get("platform") for name, one in project.wanted.items()
        }
        pull_missing(self._images, {one: platforms.get(one) for one in references}, progress)

    def apply(self, deployment: Deployment, operation: Operation) -> None:
        project = self._project(deployment)
        Deploy(
            project, self._secrets(deployment), self._compose, self._connection, self._stories,
            lambda: self._look(project.name), self._clock,
        ).carry_out(operation.kind, operation.service)  # fmt: skip

    def report(self, deployment: Deployment, services: Sequence[str]) -> tuple[ServiceReport, ...]:
        project, secrets = self._project(deployment), self._secrets(deployment)
        found = self._look(project.name)
        return tuple(self._stories.report(project, found, service, secrets.covered) for service in services)

    def take_lease(
        self, environment: str, owner: str, run: str | None, seconds: int, above: int
    ) -> Lease | Holder:
        return leases.take(self._lease_place(environment), owner, run, seconds, above, self._clock)

    def holder(self, environment: str) -> Holder | None:
        return leases.holder_of(self._lease_place(environment))

    def raw(self, deployment: Deployment) -> dict[str, Any]:
        return pinned_model(self._project(deployment))

    @cached_property
    def _stories(self) -> Stories:
        return Stories(self._connection, self._settling)

    def _name(self, deployment: Deployment) -> str:
        return self._settings.project or f"{deployment.project}-{deployment.environment}"

    def _lease_place(self, environment: str) -> LeasePlace:
        """Two environments that would share a Compose project share its lease as well."""
        own = "-".join(filter(None, (self._manifest_project, environment)))
        return LeasePlace(self._connection, f"lockflight-lease-{self._settings.project or own}", self._clock)

    def _secrets(self, deployment: Deployment) -> Secrets:
        return Secrets(deployment.secrets, self._environment)

    def _project(self, deployment: Deployment) -> Project:
        """Read once for a deployment: Compose needs longer for it than for all else that a plan asks."""
        known = self._read
        if known is None or known.deployment != deployment:
            known = self._read = self._read_anew(deployment)
        return known

    def _read_anew(self, deployment: Deployment) -> Project:
        name, stand_ins = self._name(deployment), self._secrets(deployment).stand_ins()
        call = call_of(deployment, name)
        values = {**self._environment, **deployment.variables, **stand_ins}
        model = self._compose.read(replace(call, variables={**call.variables, **stand_ins}), ())
        return project_of(name, deployment, model, values)

    def _look(self, project: str) -> list[look.Replica]:
        with self._connection.asking():
            client = self._connection.client
            entries = client.containers(all=True, filters={"label": f"{look.PROJECT}={project}"})
            images = client.images() if entries else []
        return look.replicas(entries, images, self._connection.address.host)


def _load_libraries() -> None:
    """All that the engine and later commands need, while the first Compose is at work."""
    connection.load_library()
    commands.load_library()
