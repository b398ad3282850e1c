"""What runs of a stack: its services, with the tasks that really run, whatever their definition says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lockflight.adapters.stack_engine.images import canonical
from lockflight.adapters.target_compose.states import State, worst
from lockflight.adapters.target_swarm.tasks import TRIES, Slot, Task, slots_of, state_of, task_of
from lockflight.ports.target import DEPLOYED_LOCK, ENVIRONMENT, FINGERPRINT, ONE_SHOT, Running

NAMESPACE = "com.docker.stack.namespace"
# What swarm itself decided about an update, and what an operator reads of it.
_STOPPED = {"paused": "paused", "rollback_paused": "paused"}
_ROLLED_BACK = {"rollback_started", "rollback_completed"}
_UNDER_WAY = {"updating", "rollback_started"}
_REMEMBERED = 5
_NEVER = 10**9


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack; `image` and `made_of` are what it is defined with, slots are what runs."""

    id: str
    name: str
    version: int
    image: str
    labels: Mapping[str, str]
    # The labels of its containers, as far as its definition says.
    made_of: Mapping[str, str]
    slots: tuple[Slot, ...]
    replicas: int
    update: str = ""
    update_says: str = ""
    is_job: bool = False
    # How many failures in a row of one replica are its service's failure.
    tries: int = TRIES
    # The newest of its tasks that could not run, also of a definition that swarm has rolled back.
    trouble: Task | None = None

    @property
    def one_shot(self) -> bool:
        return self.is_job or self.labels.get(ONE_SHOT) == "true"

    @property
    def is_stopped(self) -> bool:
        return self.update in _STOPPED

    @property
    def is_rolled_back(self) -> bool:
        return self.update in _ROLLED_BACK or self.update == "rollback_paused"

    @property
    def is_under_way(self) -> bool:
        return self.update in _UNDER_WAY

    def is_made_as(self, reference: str, fingerprint: str) -> bool:
        """Whether this is how it is defined."""
        return canonical(self.image) == reference and self.made_of.get(FINGERPRINT) == fingerprint

    def states(self) -> list[State]:
        return [state_of(slot, one_shot=self.one_shot, tries=self.tries) for slot in self.slots]


def services_of(
    stack: str, entries: Iterable[Mapping[str, Any]], tasks: Sequence[Mapping[str, Any]]
) -> list[Service]:
    found = [_service(stack, entry, tasks) for entry in entries]
    return sorted(found, key=lambda one: one.name)


def _service(stack: str, entry: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> Service:
    spec = entry["Spec"]
    template, mode, update = spec["TaskTemplate"], spec.get("Mode") or {}, entry.get("UpdateStatus") or {}
    container = template.get("ContainerSpec") or {}
    is_global = "Global" in mode or "GlobalJob" in mode
    own = [
        task_of(task, is_global=is_global)
        for task in tasks
        if task.get("ServiceID") == entry["ID"] and _is_current(task, entry)
    ]
    slots = _kept(slots_of(own), mode)
    return Service(
        id=str(entry["ID"]),
        name=str(spec["Name"]).removeprefix(f"{stack}_"),
        version=int(entry["Version"]["Index"]),
        image=str(container.get("Image") or ""),
        labels=spec.get("Labels") or {},
        made_of=container.get("Labels") or {},
        slots=tuple(slots),
        # On every node it is as many as there are nodes; a file has no number for that but one.
        replicas=1 if is_global else _replicas(mode),
        update=str(update.get("State") or ""),
        update_says=str(update.get("Message") or ""),
        is_job="ReplicatedJob" in mode or "GlobalJob" in mode,
        tries=_tries(
            template.get("RestartPolicy") or {}, is_job="ReplicatedJob" in mode or "GlobalJob" in mode
        ),
        trouble=_trouble(own),
    )


def _is_current(task: Mapping[str, Any], service: Mapping[str, Any]) -> bool:
    """Of a job, only what belongs to its latest run counts."""
    run = ((service.get("JobStatus") or {}).get("JobIteration") or {}).get("Index", 0)
    return bool((task.get("JobIteration") or {}).get("Index", 0) == run)


def _kept(slots: Sequence[Slot], mode: Mapping[str, Any]) -> list[Slot]:
    """Those that run or are to run first: of slots that were scaled away only their history is left."""
    alive_first = sorted(slots, key=lambda slot: (slot.newest.desired == "shutdown", slot.newest.slot))
    if "Replicated" not in mode:
        return alive_first
    alive = [slot for slot in slots if slot.newest.desired != "shutdown"]
    return alive_first[: max(_replicas(mode), len(alive))]


def _replicas(mode: Mapping[str, Any]) -> int:
    if "ReplicatedJob" in mode:
        return int((mode["ReplicatedJob"] or {}).get("TotalCompletions", 1))
    return int((mode.get("Replicated") or {}).get("Replicas", 1))


def _tries(policy: Mapping[str, Any], *, is_job: bool) -> int:
    if policy.get("Condition") == "none":
        return 1
    # Swarm remembers no more of them than that; zero stands for no limit.
    most = min(int(policy.get("MaxAttempts") or 0) + 1, _REMEMBERED)
    if is_job:
        return most if most > 1 else _NEVER
    return min(TRIES, most) if most > 1 else TRIES


def _trouble(tasks: Sequence[Task]) -> Task | None:
    failed = [task for task in tasks if task.state in {"failed", "rejected", "orphaned"}]
    return max(failed, key=lambda task: task.created, default=None)


def with_what_runs_here(service: Service, here: Mapping[str, Mapping[str, Any]]) -> Service:
    """With what this engine knows of its own containers, by task: their health, and digests of their images."""
    slots = tuple(
        Slot(tuple(_seen(task, here.get(task.id)) for task in slot.tasks)) for slot in service.slots
    )
    return replace(service, slots=slots)


def _seen(task: Task, here: Mapping[str, Any] | None) -> Task:
    own = canonical(task.image)
    named = (own,) if "@" in own else ()
    if here is None:
        return replace(task, references=named)
    references = tuple(sorted({*named, *here.get("references", ())}))
    return replace(
        task, references=references, health=str(here.get("health", "none")), is_up=bool(here.get("is_up"))
    )


def running(service: Service, environment: str, wanted: str | None) -> Running:
    other = _telling(service, wanted)
    state = observed_state(service, wanted)
    ready = sum(one.ready for one in service.states())
    return Running(
        service=service.name,
        references=other.references,
        shown=other.image,
        lock_id=service.labels.get(DEPLOYED_LOCK),
        fingerprint=_fingerprint(service),
        replicas=service.replicas,
        # On every node: all of them, or it is not.
        ready=min(ready, service.replicas) if state.ready or ready < len(service.slots) else 0,
        state=state.word,
        failed=state.failed,
        one_shot=service.one_shot,
        by_hand=service.labels.get(ENVIRONMENT) != environment,
    )


def _telling(service: Service, wanted: str | None) -> Task:
    """The replica that does not run what it should tells what there is to do; without any, the definition."""
    own = canonical(service.image)
    defined = Task(
        "", "", "", "", "", service.image, service.made_of, references=(own,) if "@" in own else ()
    )
    tasks = [slot.newest for slot in service.slots]
    # A definition that names only a tag tells less than what runs.
    told = [*tasks, defined] if "@" in own or not tasks else tasks
    others = (task for task in told if wanted is not None and canonical(wanted) not in task.references)
    return next(others, told[0])


def _fingerprint(service: Service) -> str | None:
    said = {slot.newest.labels.get(FINGERPRINT) for slot in service.slots}
    said.add(service.made_of.get(FINGERPRINT))
    return said.pop() if len(said) == 1 else None


def observed_state(service: Service, wanted: str | None) -> State:
    is_wanted = wanted is None or canonical(service.image) == canonical(wanted)
    return _judged(service, is_wanted=is_wanted)


def reported_state(service: Service, reference: str, fingerprint: str) -> State:
    """As `observed_state`, where also the settings are known that it is to have."""
    state = _judged(service, is_wanted=service.is_made_as(reference, fingerprint))
    is_other = any(
        canonical(slot.newest.image) != reference or slot.newest.labels.get(FINGERPRINT) != fingerprint
        for slot in service.slots
    )
    return State("updating") if state.ready and is_other else state


def _judged(service: Service, *, is_wanted: bool) -> State:
    if service.is_rolled_back and not is_wanted:
        return State("rolled back", failed=True)
    if service.is_stopped:
        return State("paused", failed=True)
    if service.replicas == 0 and not service.slots:
        return State("running", ready=True)
    state = worst(service.states()) if service.slots else State("waiting")
    if state.ready and service.is_under_way:
        return State("updating")
    return state
