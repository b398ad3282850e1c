"""How services came out of a deployment, and what an operator needs to see of those that are not well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lockflight.adapters.stack_engine import containers
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.adapters.stack_engine.output import Output
from lockflight.adapters.target_compose.look import Replica
from lockflight.adapters.target_compose.project import Project
from lockflight.adapters.target_compose.states import Settling, State, worst
from lockflight.ports.stack_engine import Details
from lockflight.ports.target import ServiceReport

LINES_SHOWN = 20
_NOT_CREATED = "was not created; it waits for another service, or nobody has deployed it yet"
_LABEL_IT = '; if its work is done then, say so with the label dev.lockflight.one-shot: "true"'
_WORDS = {
    "waiting": "was created, but not started",
    "starting": "runs, but its health check has not passed yet",
    "running": "runs, but not for long enough",
    "unhealthy": "runs, but its health check says it is unhealthy",
}


class Stories:
    def __init__(self, connection: Connection, settling: Settling) -> None:
        self._connection = connection
        self._settling = settling

    def report(
        self, project: Project, found: Sequence[Replica], service: str, covered: Callable[[str], str]
    ) -> ServiceReport:
        own = [one for one in found if one.service == service]
        judged = [self._settling.judge(one.container, one.state) for one in own]
        state = worst(judged)
        expected = project.wanted[service].replicas if service in project.wanted else len(own)
        enough = sum(one.ready for one in judged) >= expected
        if state.ready and enough:
            return ServiceReport(service, state.word, ready=True)
        if not own and not expected:
            return ServiceReport(service, "not wanted", ready=True)
        report = self._not_well(service, own, judged, state)
        return replace(report, story=covered(report.story))

    def _not_well(
        self, service: str, own: Sequence[Replica], judged: Sequence[State], state: State
    ) -> ServiceReport:
        if not own:
            return ServiceReport(service, "missing", ready=False, story=_NOT_CREATED)
        word = "waiting" if state.ready else state.word
        replica = own[judged.index(state)]
        return ServiceReport(service, word, ready=False, failed=state.failed, story=self.told(replica, state))

    def told(self, replica: Replica, state: State) -> str:
        """In words, with what its probe and it itself printed last."""
        try:
            with self._connection.asking():
                inspected = self._connection.client.inspect_container(replica.container.id)
            printed = Output(self._connection).last_lines(replica.container.id, LINES_SHOWN)
        except NotThere:
            return "is not there any more"
        details = containers.details(inspected)
        parts = [
            f"{replica.container.name} {_in_words(state, details)}",
            details.probe.strip(),
            printed.rstrip("\n"),
        ]
        return "\n".join(part for part in parts if part)


def _in_words(state: State, details: Details) -> str:
    if details.out_of_memory:
        limit = f" of {details.memory_limit / 2**20:.0f} MiB" if details.memory_limit else ""
        return f"was killed: it needed more memory than its limit{limit}"
    parts = [_WORDS.get(state.word, state.word)]
    if state.word == "exited 0":
        parts[0] += _LABEL_IT
    if details.restarts:
        parts.append(f"was restarted {details.restarts} times")
    if details.probe_exit_code:
        parts.append(f"its health check exits {details.probe_exit_code}")
    if details.error:
        parts.append(details.error)
    return ", ".join(parts)
