"""What a container's state means for its service: a word, and whether that is good, bad or not yet known. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lockflight.ports.stack_engine import Container

# A container without a health check must have run for so long before it counts, as with a stack.
SETTLING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class State:
    word: str
    ready: bool = False
    failed: bool = False


def state_of(container: Container, *, one_shot: bool) -> State:
    match container.state:
        case "running":
            return _running(container)
        case "exited" | "dead":
            return _ended(container, one_shot)
        case "restarting":
            return State(f"restarting, exited {container.exit_code}")
        case "created":
            return State("waiting")
    return State(container.state)


def _running(container: Container) -> State:
    match container.health:
        case "healthy":
            return State("healthy", ready=True)
        case "unhealthy":
            return State("unhealthy", failed=True)
        case "starting":
            return State("starting")
    return State("running", ready=True)


def _ended(container: Container, one_shot: bool) -> State:
    """A service that is to stay and ended well is as bad as any other: nobody starts it again."""
    if container.state == "exited" and container.exit_code == 0 and one_shot:
        return State("done", ready=True)
    word = container.state if container.exit_code is None else f"exited {container.exit_code}"
    return State(word, failed=True)


def worst(states: Sequence[State]) -> State:
    """One replica that is not well speaks for all."""
    return min(states, key=lambda state: (not state.failed, state.ready), default=State("missing"))


class Settling:
    """Remembers since when containers without a health check have been seen running."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since: dict[str, float] = {}

    def judge(self, container: Container, state: State) -> State:
        if state.word != "running":
            self._since.pop(container.id, None)
            return state
        since = self._since.setdefault(container.id, self._now())
        return state if self._now() - since >= SETTLING_SECONDS else replace(state, ready=False)
