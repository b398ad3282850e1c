"""Starting a stack and waiting until it is ready, with our own deadline and somebody who may watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lockflight import durations
from lockflight.errors import OutsideError
from lockflight.ports.clock import Clock
from lockflight.ports.stack_engine import StackEngine, Starting
from lockflight.stacks.prepare import Prepared
from lockflight.stacks.readiness import ServiceState, Watch

_LOOK_EVERY = 0.1


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
            outcome = _judge(states, ended, passed, deadline, starting)
            if outcome is not None:
                return outcome
            clock.sleep(_LOOK_EVERY)
    finally:
        starting.stop()


def _judge(
    states: tuple[ServiceState, ...], ended: int | None, passed: float, deadline: float, starting: Starting
) -> Started | None:
    failed = tuple(state for state in states if state.failed)
    if failed:
        return Started(states, passed, failed, _sentence(failed))
    if ended not in (None, 0):
        raise OutsideError(
            f"docker compose could not start the stack: {starting.complaint() or f'exit code {ended}'}"
        )
    late = tuple(state for state in states if not state.ready)
    if not late and ended == 0:
        return Started(states, passed)
    if passed >= deadline:
        return Started(states, passed, late or states, _too_late(late, deadline))
    return None


def _sentence(failed: Sequence[ServiceState]) -> str:
    return ", ".join(f"{state.service} {state.word}" for state in failed)


def _too_late(late: Sequence[ServiceState], deadline: float) -> str:
    told = ", ".join(f"{state.service} is {state.word}" for state in late) or "docker compose still works"
    return f"not ready within {durations.written(deadline)}: {told}"
