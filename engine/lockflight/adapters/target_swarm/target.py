"""The Target port on a Docker swarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockflight.adapters.stack_engine import connection
from lockflight.adapters.stack_engine.compose import Compose
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.target_compose.call import call_of
from lockflight.adapters.target_compose.project import Project, pinned_model, project_of
from lockflight.adapters.target_compose.secret_values import Secrets
from lockflight.adapters.target_compose.surroundings import docker_environment
from lockflight.adapters.target_swarm import facts, leases, look
from lockflight.adapters.target_swarm.deploy import Deploy
from lockflight.adapters.target_swarm.lease_place import LeasePlace
from lockflight.adapters.target_swarm.objects import Objects
from lockflight.adapters.target_swarm.pulling import Pulling
from lockflight.adapters.target_swarm.seeing import Look
from lockflight.adapters.target_swarm.stack_client import StackClient
from lockflight.adapters.target_swarm.stack_file import stack_file, unnamed_objects
from lockflight.adapters.target_swarm.story import Stories
from lockflight.environments import SwarmSettings
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


class SwarmTarget:
    """One stack for an environment. `environment` is that of this process, from which secrets come; `project` is
    the manifest's, which tells apart the leases of two projects on one swarm. May be used by several threads."""

    def __init__(
        self, settings: SwarmSettings, environment: Mapping[str, str], clock: Clock, *, project: str = ""
    ) -> None:
        self._settings = settings
        self._environment = docker_environment(settings, environment)
        self._clock = clock
        self._manifest_project = project
        self._connection = Connection(self._environment)
        self._compose = Compose(self._environment, connection.load_library)
        self._client = StackClient(self._environment)
        self._pulling = Pulling(self._connection, self._environment)
        self._stories = Stories(self._connection, clock.monotonic)
        self._read: Project | None = None

    def facts(self) -> TargetFacts:
        return facts.facts(self._connection)

    def wanted(self, deployment: Deployment) -> tuple[Wanted, ...]:
        # A plan is made of the files as they are now; what carries it out goes by what the plan has seen.
        self._read = None
        project = self._project(deployment)
        self._check(project)
        return tuple(project.wanted.values())

    def observe(self, deployment: Deployment) -> tuple[Running, ...]:
        found = Look(self._connection, self._name(deployment))()
        images = deployment.images
        return tuple(look.running(one, deployment.environment, images.get(one.name)) for one in found)

    def pull(self, deployment: Deployment, references: Sequence[str], progress: Progress) -> None:
        # It comes before the first change, and so is the last moment to notice what the changes will need.
        self._secrets(deployment).demand()
        self._pulling.pull(references, progress)

    def apply(self, deployment: Deployment, operation: Operation) -> None:
        project = self._project(deployment)
        values = {**self._environment, **deployment.variables}
        Deploy(
            project, self._secrets(deployment), lambda: self._model(project), self._client, self._connection,
            self._stories, Look(self._connection, project.name),
            Objects(self._connection, project.name, values), self._clock,
        ).carry_out(operation.kind, operation.service)  # fmt: skip

    def report(self, deployment: Deployment, services: Sequence[str]) -> tuple[ServiceReport, ...]:
        project, covered = self._project(deployment), self._secrets(deployment).covered
        found = Look(self._connection, project.name)()
        reports = [self._stories.report(project, found, service) for service in services]
        return tuple(replace(one, story=covered(one.story)) for one in reports)

    def take_lease(
        self, environment: str, owner: str, run: str | None, seconds: int, above: int
    ) -> Lease | Holder:
        return leases.take(self._lease_place(environment), owner, run, seconds, above, self._clock)

    def holder(self, environment: str) -> Holder | None:
        return leases.holder_of(self._lease_place(environment))

    def raw(self, deployment: Deployment) -> dict[str, Any]:
        return pinned_model(self._project(deployment))

    def _name(self, deployment: Deployment) -> str:
        return self._settings.stack or f"{deployment.project}-{deployment.environment}"

    def _lease_place(self, environment: str) -> LeasePlace:
        """Two environments that would share a stack share its lease as well."""
        own = "-".join(filter(None, (self._manifest_project, environment)))
        return LeasePlace(self._connection, f"lockflight-lease-{self._settings.stack or own}", self._clock)

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

    def _model(self, project: Project) -> Mapping[str, Any]:
        """With the values of secrets: in memory only, and only while one service is deployed."""
        if not project.deployment.secrets:
            return project.model
        return self._compose.read(call_of(project.deployment, project.name), ())

    def _check(self, project: Project) -> None:
        """Before anything is touched: the files may say what only Compose can do."""
        parts = [
            stack_file(project, name, project.model, unnamed_objects(project, name))
            for name in project.wanted
        ]
        if parts:
            whole = {kind: {key: one for part in parts for key, one in part.get(kind, {}).items()}
                     for kind in ("services", "networks", "volumes", "configs", "secrets")}  # fmt: skip
            self._client.check({kind: section for kind, section in whole.items() if section})
