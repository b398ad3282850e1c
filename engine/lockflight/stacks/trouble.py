"""What an operator needs to see of a stack that failed: which service, its last words, its probe's output."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import Container, Details, StackEngine
from lockflight.stacks.readiness import ServiceState

LINES_SHOWN = 20
_MOST_LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trouble:
    """One container that is not as it should be."""

    service: str
    container: str
    what: str
    probe: str = ""
    log: str = ""


def look_closer(engine: StackEngine, wrong: Sequence[ServiceState]) -> tuple[Trouble, ...]:
    """The story of every service that failed or was late."""
    return tuple(_of_service(engine, state) for state in wrong)


def _of_service(engine: StackEngine, state: ServiceState) -> Trouble:
    container = _worst(state.containers)
    if container is None:
        what = "was not created; it waits for another service, or Compose could not make it"
        return Trouble(state.service, "", what)
    details = engine.details(container.id)
    return Trouble(
        state.service, container.name, _story(state, details), details.probe.strip(),
        engine.logs(container.id, LINES_SHOWN).rstrip("\n"),
    )  # fmt: skip


def _worst(containers: Sequence[Container]) -> Container | None:
    def badness(container: Container) -> tuple[bool, bool]:
        return (container.exit_code not in (None, 0), container.health != "healthy")

    return max(containers, key=badness, default=None)


def _story(state: ServiceState, details: Details) -> str:
    if details.out_of_memory:
        limit = f" of {details.memory_limit / 2**20:.0f} MiB" if details.memory_limit else ""
        return f"was killed: it needed more memory than its limit{limit}"
    parts = [_WORDS.get(state.word, state.word)]
    if details.restarts:
        parts.append(f"was restarted {details.restarts} times")
    if details.probe_exit_code:
        parts.append(f"its health check exits {details.probe_exit_code}")
    if details.error:
        parts.append(details.error)
    return ", ".join(parts)


_WORDS = {
    "waiting": "was created, but waits for what it depends on",
    "starting": "runs, but its health check has not passed yet",
    "running": "runs, but not for long enough",
    "unhealthy": "runs, but its health check says it is unhealthy",
}


def save_all_logs(engine: StackEngine, stack: str, folder: Path) -> tuple[Path, ...]:
    """The whole output of every container as a file; what cannot be had does not keep the others from it."""
    saved = []
    folder.mkdir(parents=True, exist_ok=True)
    for container in engine.containers(stack):
        path = folder / f"{container.name}.log"
        with contextlib.suppress(OutsideError):
            engine.save_logs(container.id, path, _MOST_LOG_BYTES)
            saved.append(path)
    return tuple(saved)
