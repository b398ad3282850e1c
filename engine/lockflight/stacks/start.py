"""Starting a stack and waiting until it is ready, with our own deadline and somebody who may watch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lockflight import durations
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.stack_engine import StackEngine, Starting
from lockflight.stacks.prepare import Prepared
from lockflight.stacks.readiness import ServiceState, Watch
from lockflight.stacks.trouble import shortened

_LOOK_EVERY = 0.1
# What is the engine's or the machine's trouble, although it is said of one container.
_TAKEN = re.compile(r"port is already allocated|address already in use")
_FULL = re.compile(r"no space left on device|cannot allocate memory")


class Watcher(Protocol):
    """Somebody who looks on while the services start."""

    def look(self, states: Sequence[ServiceState], seconds: float) -> None:
        """Called many times a second; most calls bring nothing new."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """How the start ended: `wrong` are the services that failed, or were not ready in time."""

    states: tuple[ServiceState, ...]
    seconds: float
    wrong: tuple[ServiceState, ...] = ()
    # Why, in one sentence, where it is not ready.
    reason: str = ""

    @property
    def ready(self) -> bool:
        return not self.reason


def start(
    engine: StackEngine, clock: Clock, prepared: Prepared, deadline: float, watcher: Watcher
) -> Started:
    """Start everything and return when all is ready, one service has failed, or the time is over."""
    watch = Watch.of(prepared.model, prepared.services)
    begun = clock.monotonic()
    starting = engine.start(prepared.call, prepared.some)
    try:
        while True:
            # Asked before the look: what has ended by now cannot change what the look shows.
            ended = starting.ended()
            passed = clock.monotonic() - begun
            states = watch.look(engine.containers(prepared.name), clock.monotonic())
            watcher.look(states, passed)
            outcome = _judge(engine, prepared, states, ended, passed, deadline, starting)
            if outcome is not None:
                return outcome
            clock.sleep(_LOOK_EVERY)
    finally:
        starting.stop()


def _judge(
    engine: StackEngine,
    prepared: Prepared,
    states: tuple[ServiceState, ...],
    ended: int | None,
    passed: float,
    deadline: float,
    starting: Starting,
) -> Started | None:
    failed = tuple(state for state in states if state.failed)
    if failed:
        return Started(states, passed, failed, _sentence(failed))
    if ended not in (None, 0):
        return _refused(engine, prepared, states, passed, starting.complaint() or f"exit code {ended}")
    late = tuple(state for state in states if not state.ready)
    if not late and ended == 0:
        return Started(states, passed)
    if passed >= deadline:
        return Started(states, passed, late or states, _too_late(late, deadline))
    return None


def _refused(
    engine: StackEngine, prepared: Prepared, states: tuple[ServiceState, ...], passed: float, said: str
) -> Started:
    """Compose gave up: a service that the engine could not start as it is written is the stack's own fault."""
    if _TAKEN.search(said):
        raise OutsideError(f"docker compose could not start the stack: {said}", hint=_who_has_it(prepared))
    errors = {} if _FULL.search(said) else _refusals(engine, states)
    if not errors:
        raise OutsideError(f"docker compose could not start the stack: {said}")
    states = tuple(_marked(state, errors) for state in states)
    failed = tuple(state for state in states if state.failed)
    reason = "; ".join(f"{state.service} {state.word}: {errors[state.containers[0].id]}" for state in failed)
    return Started(states, passed, failed, reason)


def _refusals(engine: StackEngine, states: Sequence[ServiceState]) -> dict[str, str]:
    """What the engine says of the containers that it could not start, by their ids."""
    waiting = (
        container.id
        for state in states
        for container in state.containers
        if container.state in ("created", "exited", "dead")
    )
    errors = {container: engine.details(container).error for container in waiting}
    return {container: shortened(error) for container, error in errors.items() if error}


def _marked(state: ServiceState, errors: Mapping[str, str]) -> ServiceState:
    refused = tuple(container for container in state.containers if container.id in errors)
    if not refused:
        return state
    return replace(state, word="could not be started", ready=False, failed=True, containers=refused)


def _who_has_it(prepared: Prepared) -> str:
    hint = "'docker ps' and 'ss -ltnp' show who has the port"
    if prepared.request.fixed_ports:
        return f"{hint}; without '--fixed-ports' the services get free ones"
    if prepared.alone:
        return f"{hint}; without 'alone: true' in the manifest the services get free ones"
    return hint


def _sentence(failed: Sequence[ServiceState]) -> str:
    return ", ".join(f"{state.service} {state.word}" for state in failed)


def _too_late(late: Sequence[ServiceState], deadline: float) -> str:
    told = ", ".join(f"{state.service} is {state.word}" for state in late) or "docker compose still works"
    return f"not ready within {durations.written(deadline)}: {told}"
