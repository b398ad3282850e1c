"""What a task's state means for its service: a word, and whether that is good, bad or not yet known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from lockflight.adapters.target_compose.states import State

# Nobody will start these again; swarm makes a new task instead, where it makes one.
_DEAD = {"complete", "failed", "rejected", "orphaned", "shutdown", "remove"}
# Something went wrong with a container that did start: its own fault, and not that of the image or the node.
_STARTED = "task: non-zero exit"
_UNHEALTHY = "unhealthy container"
# How often a replica may end and be started again before that is a failure: one that waits for another service
# by ending, which is usual on a swarm, has a second chance.
TRIES = 2


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt to run one replica of a service."""

    id: str
    slot: str
    state: str
    desired: str
    created: str
    image: str
    labels: Mapping[str, str]
    node: str = ""
    container: str = ""
    error: str = ""
    message: str = ""
    exit_code: int | None = None
    # healthy, unhealthy, starting, as far as the engine that is asked runs it itself.
    health: str = "none"
    # Its container runs, as far as the engine that is asked runs it itself.
    is_up: bool = False
    # Every digest reference of its image.
    references: tuple[str, ...] = ()

    @property
    def is_dead(self) -> bool:
        return self.state in _DEAD

    @property
    def has_failed(self) -> bool:
        return self.is_dead and self.desired != "remove"

    @property
    def could_not_start(self) -> bool:
        """The node has no such image, or the container was made and would not start."""
        is_failed = self.state == "failed" and _STARTED not in self.error and _UNHEALTHY not in self.error
        return self.state == "rejected" or (is_failed and bool(self.error))


@dataclass(frozen=True, slots=True)
class Slot:
    """The attempts to run one replica, the newest first."""

    tasks: tuple[Task, ...] = field(default=())

    @property
    def newest(self) -> Task:
        return self.tasks[0]

    @property
    def is_gone(self) -> bool:
        """Scaled away, and only its history is left."""
        return self.newest.desired == "remove"

    @property
    def failed(self) -> Task | None:
        """The attempt that tells why it does not run; None while nothing went wrong."""
        return next((task for task in self._attempts() if task.has_failed), None)

    @property
    def failures(self) -> int:
        """How many attempts in a row went wrong, of those that are made as the newest is."""
        attempts = self._attempts()
        under_way = [] if attempts[0].is_dead else attempts[:1]
        return len(list(takewhile(lambda task: task.has_failed, attempts[len(under_way) :])))

    def _attempts(self) -> list[Task]:
        newest = self.newest
        same = (newest.image, newest.labels)
        return [task for task in self.tasks if (task.image, task.labels) == same]


def slots_of(tasks: Sequence[Task]) -> list[Slot]:
    by_slot: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda one: one.created, reverse=True):
        by_slot.setdefault(task.slot, []).append(task)
    return [slot for slot in (Slot(tuple(own)) for own in by_slot.values()) if not slot.is_gone]


def state_of(slot: Slot, *, one_shot: bool, tries: int = TRIES) -> State:
    newest, failed = slot.newest, slot.failed
    if newest.state == "complete" and one_shot:
        return State("done", ready=True)
    if newest.state == "running":
        # Its work is what counts, and that is not done yet.
        return State("running") if one_shot else _running(newest)
    if failed is None:
        return State("starting" if newest.state == "starting" else "waiting")
    is_final = slot.failures >= tries or failed.could_not_start
    return State(word_of(failed) if is_final else f"restarting, {word_of(failed)}", failed=is_final)


def _running(task: Task) -> State:
    """Swarm calls a task running once its health check has passed, and ends it when that fails later."""
    if task.health == "unhealthy":
        return State("unhealthy", failed=True)
    return State("healthy" if task.health == "healthy" else "running", ready=True)


def word_of(task: Task) -> str:
    if task.health == "unhealthy" or _UNHEALTHY in task.error:
        return "unhealthy"
    if task.state in {"rejected", "orphaned"} or task.could_not_start or task.exit_code is None:
        return task.state
    return f"exited {task.exit_code}"


def task_of(entry: Mapping[str, Any], *, is_global: bool) -> Task:
    """A task of the engine's list."""
    status, spec = entry.get("Status") or {}, (entry.get("Spec") or {}).get("ContainerSpec") or {}
    container = status.get("ContainerStatus") or {}
    return Task(
        id=str(entry["ID"]),
        slot=str(entry.get("NodeID") if is_global else entry.get("Slot", 0)),
        state=str(status.get("State") or ""),
        desired=str(entry.get("DesiredState") or ""),
        created=str(entry.get("CreatedAt") or ""),
        image=str(spec.get("Image") or ""),
        labels=dict(spec.get("Labels") or {}),
        node=str(entry.get("NodeID") or ""),
        container=str(container.get("ContainerID") or ""),
        error=str(status.get("Err") or ""),
        message=str(status.get("Message") or ""),
        exit_code=container.get("ExitCode") if container.get("ContainerID") else None,
    )
