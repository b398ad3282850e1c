"""How services came out of a deployment, and what an operator needs to see of those that are not well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from lockflight.adapters.stack_engine import containers
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.adapters.stack_engine.output import Output, payloads, readable
from lockflight.adapters.target_compose.project import Project
from lockflight.adapters.target_compose.states import SETTLING_SECONDS, State
from lockflight.adapters.target_swarm.look import Service, observed_state, reported_state
from lockflight.adapters.target_swarm.tasks import Slot, Task, word_of
from lockflight.errors import OutsideError
from lockflight.ports.target import ServiceReport

LINES_SHOWN = 20
# Another node that is just gone must not keep us waiting for what it printed.
_LOG_SECONDS = 5.0
_NOT_CREATED = "was not created; it waits for another service, or nobody has deployed it yet"
_LABEL_IT = 'it ended; if its work is done then, say so with the label dev.lockflight.one-shot: "true"'


class Stories:
    def __init__(self, connection: Connection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now
        # Since when tasks have been seen running.
        self._since: dict[str, float] = {}

    def report(self, project: Project, found: Sequence[Service], name: str) -> ServiceReport:
        service = next((one for one in found if one.name == name), None)
        wanted = project.wanted.get(name)
        if service is None:
            return ServiceReport(name, "missing", ready=False, story=_NOT_CREATED)
        if wanted is None:
            state = observed_state(service, None)
        else:
            state = reported_state(service, wanted.reference, wanted.fingerprint)
        if state.ready and self._is_complete(service) and self._have_settled(service, state):
            return ServiceReport(name, state.word, ready=True)
        word = "waiting" if state.ready and not self._is_complete(service) else state.word
        return ServiceReport(name, word, ready=False, failed=state.failed, story=self.told(service, state))

    def _is_complete(self, service: Service) -> bool:
        return sum(one.ready for one in service.states()) >= service.replicas

    def _have_settled(self, service: Service, state: State) -> bool:
        """Without a health check a task counts only when it has run for a while."""
        now = self._now()
        since = [self._since.setdefault(slot.newest.id, now) for slot in service.slots]
        return state.word != "running" or all(now - one >= SETTLING_SECONDS for one in since)

    def told(self, service: Service, state: State) -> str:
        """In swarm's own words, with what its probe and it itself printed last."""
        task = _telling(service)
        words = [f"{service.name} is {state.word}"]
        # What swarm says of an update that went well says nothing of what went wrong.
        if service.update and service.update != "completed":
            words.append(f"swarm says: {service.update_says} ({service.update})")
        if task is not None:
            words += self._of(service, task)
        return "\n".join(word for word in words if word)

    def _of(self, service: Service, task: Task) -> list[str]:
        why = task.error or ("" if task.state == "running" else task.message)
        words = [f"{service.name}.{task.slot}: {task.state}, {why}" if why else ""]
        if task.is_dead:
            words.append(f"{service.name}.{task.slot}: {word_of(task)}")
        if task.state == "complete" and word_of(task) == "exited 0" and not service.one_shot:
            words.append(_LABEL_IT)
        return [*words, self._probe(task), self._printed(task)] if task.container else words

    def _probe(self, task: Task) -> str:
        """Only the engine that runs a container knows what its probe said."""
        try:
            with self._connection.asking():
                inspected = self._connection.client.inspect_container(task.container)
        except NotThere:
            return ""
        return containers.details(inspected).probe

    def _printed(self, task: Task) -> str:
        try:
            return Output(self._connection).last_lines(task.container, LINES_SHOWN).rstrip("\n")
        except NotThere:
            return self._printed_elsewhere(task)

    def _printed_elsewhere(self, task: Task) -> str:
        """Over the manager, from the node that runs it, if it still answers."""
        settings = {"stdout": 1, "stderr": 1, "tail": LINES_SHOWN}
        try:
            pieces = self._connection.stream(f"/tasks/{task.id}/logs", settings, _LOG_SECONDS)
            with closing(pieces), closing(payloads(pieces)) as texts:
                return readable(b"".join(texts).decode(errors="replace")).rstrip("\n")
        except OutsideError:
            return ""


def _telling(service: Service) -> Task | None:
    """The attempt that tells why it is not well: one that failed, one that waits, or one that swarm gave up."""
    if service.is_stopped or service.is_rolled_back:
        return service.trouble
    worst: Slot | None = next((slot for slot in service.slots if slot.newest.state != "running"), None)
    if worst is None:
        return service.slots[0].newest if service.slots else service.trouble
    return worst.failed or worst.newest
