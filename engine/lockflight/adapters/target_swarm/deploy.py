"""Carrying out operations on one service at a time, with `docker stack deploy` of a file that holds only it.

Why a stack file of one service, and neither the whole stack nor the API's own calls:

- `docker stack deploy` updates every service of its file, and an update of a job runs it again, changed or not: a
  file with all services would repeat every migration. What is not in the file stays as it is (`--prune=false`).
- It knows how compose files become services, networks and volumes of a swarm, with the user's `update_config`
  (rolling, start-first, rollback). Doing that again over the API would be a second, worse `docker stack`.
- An update with nothing new starts no task, but makes swarm forget what it would roll back to. So a service that
  is defined as wanted already is not updated once more, unless swarm has paused it.
- Jobs are removed and made anew: swarm refuses to turn a service into a job, and a job's failed tasks would count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.adapters.stack_engine.images import canonical
from lockflight.adapters.target_compose.project import Project
from lockflight.adapters.target_compose.secret_values import Secrets
from lockflight.adapters.target_swarm.look import Service, observed_state
from lockflight.adapters.target_swarm.objects import Objects
from lockflight.adapters.target_swarm.seeing import Look
from lockflight.adapters.target_swarm.stack_client import StackClient
from lockflight.adapters.target_swarm.stack_file import stack_file
from lockflight.adapters.target_swarm.story import Stories
from lockflight.errors import OutsideError, Place, Problem
from lockflight.ports.clock import Clock
from lockflight.ports.target import FINGERPRINT, Kind, ServiceFailed, Wanted

# A node may take long to pull, and an old task to end.
_MOST_SECONDS = 30 * 60.0
# For how long no node may have room before that is a failure.
_NO_NODE_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_TRIES = 10
# Swarm writes what it does into the service as well, and refuses whoever read it before.
_OUT_OF_SEQUENCE = "out of sequence"
_BEGUN = {"running", "complete", "failed"}
# A task is called starting before its container is, and until its health check has passed. On another node nobody
# can tell which; a container that cannot be started says so within this time.
_STARTING_SECONDS = 2.0
_NO_NODE = "no suitable node"


class Deploy:
    """`model` is the project with the values of secrets, read when it is needed."""

    def __init__(
        self,
        project: Project,
        secrets: Secrets,
        model: Callable[[], Mapping[str, Any]],
        client: StackClient,
        connection: Connection,
        stories: Stories,
        look: Look,
        objects: Objects,
        clock: Clock,
    ) -> None:
        self._project = project
        self._secrets = secrets
        self._model = model
        self._client = client
        self._connection = connection
        self._stories = stories
        self._look = look
        self._objects = objects
        self._clock = clock

    def carry_out(self, kind: Kind, service: str) -> None:
        if kind == "remove":
            self._remove(service)
        elif kind == "run" or self._project.wanted[service].one_shot:
            self._run(service)
        else:
            self._bring(service)

    def _bring(self, name: str) -> None:
        wanted, found = self._project.wanted[name], self._look.one(name)
        if found is not None and found.is_job:
            self._remove(name)
            found = None
        if found is None or found.is_stopped or not _is_defined(found, wanted):
            self._deploy(name)
        self._until_begun(name, wanted)

    def _deploy(self, name: str) -> None:
        self._secrets.demand()
        model = self._model()
        file = stack_file(self._project, name, model, self._objects.of(name, model))
        said = ""
        for _ in range(_TRIES):
            said = self._client.deploy(self._project.name, file)
            if _OUT_OF_SEQUENCE not in said:
                break
            self._clock.sleep(_LOOK_SECONDS)
        if said:
            raise self._why(name, said)

    def _until_begun(self, name: str, wanted: Wanted) -> None:
        """Until a node has started the first task of what is wanted, or could not: what comes then, `report`
        tells."""
        waiting = _Waiting(self._clock)
        while wanted.replicas:
            found = self._look.one(name)
            if found is None:
                raise self._failed(name, "somebody removed it")
            is_other = not found.is_made_as(wanted.reference, wanted.fingerprint)
            if found.is_stopped or (found.is_rolled_back and is_other):
                raise self._failed(name, self._stories.told(found, observed_state(found, wanted.reference)))
            if self._has_begun(found, wanted, waiting):
                return
            self._wait(name, waiting, found)

    def _has_begun(self, found: Service, wanted: Wanted, waiting: _Waiting) -> bool:
        own = [
            task
            for slot in found.slots
            for task in slot.tasks
            if _is_made_as(task.image, task.labels, wanted)
        ]
        stuck = next((task for task in own if task.could_not_start), None)
        if stuck is not None:
            said = self._stories.told(found, observed_state(found, wanted.reference))
            raise self._failed(found.name, stuck.error if stuck.error in said else f"{stuck.error}\n{said}")
        is_starting = any(task.state == "starting" for task in own)
        seconds = waiting.seconds_of("starting", is_so=is_starting)
        return seconds > _STARTING_SECONDS or any(task.is_up or task.state in _BEGUN for task in own)

    def _run(self, name: str) -> None:
        """A run that was cut off is gone on with, and one that ended well is not made twice."""
        wanted, found = self._project.wanted[name], self._look.one(name)
        if found is None or not self._may_go_on(found, wanted):
            self._remove(name)
            self._deploy(name)
        waiting = _Waiting(self._clock)
        while True:
            found = self._look.one(name)
            if found is None:
                raise self._failed(name, "somebody removed it")
            states = found.states()
            if any(state.failed for state in states):
                raise self._failed(name, self._stories.told(found, observed_state(found, wanted.reference)))
            if states and sum(state.ready for state in states) >= found.replicas:
                return
            self._wait(name, waiting, found, forever=True)

    def _may_go_on(self, found: Service, wanted: Wanted) -> bool:
        is_same = _is_defined(found, wanted) and found.is_job
        return is_same and not any(state.failed for state in found.states())

    def _wait(self, name: str, waiting: _Waiting, found: Service, *, forever: bool = False) -> None:
        """However long a job's work takes: nobody else can say when a migration is too slow."""
        errors = [slot.newest.error for slot in found.slots if slot.newest.state == "pending"]
        no_node = next((error for error in errors if _NO_NODE in error), "")
        if waiting.seconds_of("no node", is_so=bool(no_node)) > _NO_NODE_SECONDS:
            raise self._failed(name, f"swarm finds no node for it: {no_node}")
        if not forever and waiting.seconds() > _MOST_SECONDS:
            raise OutsideError(f"the swarm did not begin with {name} within {_MOST_SECONDS:g} s")
        self._clock.sleep(_LOOK_SECONDS)

    def _remove(self, name: str) -> None:
        """Its tasks; volumes, networks, configs and secrets stay, since others may need them."""
        found = self._look.one(name)
        if found is None:
            return
        try:
            with self._connection.asking():
                client: Any = self._connection.client
                client.remove_service(found.id)
        except NotThere:
            return
        waiting = _Waiting(self._clock)
        while self._look.left(found.id) and waiting.seconds() < _MOST_SECONDS:
            self._clock.sleep(_LOOK_SECONDS)

    def _why(self, name: str, said: str) -> Exception:
        """The service's own fault, unless the engine is gone, which asking it once more tells."""
        with self._connection.asking():
            self._connection.client.ping()
        return self._failed(name, said)

    def _failed(self, name: str, said: str) -> ServiceFailed:
        return ServiceFailed([Problem(self._secrets.covered(said), Place(path=name), code="service-failed")])


class _Waiting:
    """For how long we have waited, and for how long something has been so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun = clock.monotonic()
        self._since: dict[str, float] = {}

    def seconds(self) -> float:
        return self._clock.monotonic() - self._begun

    def seconds_of(self, what: str, *, is_so: bool) -> float:
        if not is_so:
            self._since.pop(what, None)
            return 0.0
        now = self._clock.monotonic()
        return now - self._since.setdefault(what, now)


def _is_defined(found: Service, wanted: Wanted) -> bool:
    is_same = found.is_made_as(wanted.reference, wanted.fingerprint)
    return is_same and found.replicas == wanted.replicas


def _is_made_as(image: str, labels: Mapping[str, str], wanted: Wanted) -> bool:
    return canonical(image) == wanted.reference and labels.get(FINGERPRINT) == wanted.fingerprint
