"""What an operator needs to see of a stack that failed: which service, its last words, its probe's output."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import Container, Details, StackEngine
from lockflight.stacks.readiness import ServiceState
from lockflight.stacks.suites.output import Mask

LINES_SHOWN = 20
_LONGEST_ERROR = 300
_CALLERS = re.compile(
    r"^(?:(?:failed to create (?:shim )?task|OCI runtime create failed|runc create failed"
    r"|unable to start container process|(?:container|process)_linux\.go:\d+|starting container process caused"
    r"|error during container init): )+"
)
# More nobody reads, and of a service that floods its log the engine needs a second for each few of them.
_MOST_LOG_BYTES = 16 * 1024 * 1024


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
        parts.append(shortened(details.error))
    return ", ".join(parts)


def shortened(error: str) -> str:
    """What the engine says of a container that it could not start, without the story of who called whom."""
    found = _CALLERS.sub("", error).replace(": unknown: ", ": ").removesuffix(": unknown").strip()
    return found if len(found) <= _LONGEST_ERROR else f"{found[: _LONGEST_ERROR - 1]}…"


_WORDS = {
    "waiting": "was created, but waits for what it depends on",
    "starting": "runs, but its health check has not passed yet",
    "running": "runs, but not for long enough",
    "unhealthy": "runs, but its health check says it is unhealthy",
}


def save_all_logs(engine: StackEngine, stack: str, folder: Path, mask: Mask) -> tuple[Path, ...]:
    """The output of every container as a file, without secrets: the files become artefacts of a CI.
    What cannot be had does not keep the others from it."""
    saved = []
    with tempfile.TemporaryDirectory(prefix="lockflight-") as scratch:
        for container in engine.containers(stack):
            path = folder / f"{container.name}.log"
            with contextlib.suppress(OutsideError, OSError):
                folder.mkdir(parents=True, exist_ok=True)
                engine.save_logs(container.id, Path(scratch) / "log", _MOST_LOG_BYTES)
                _copy_masked(Path(scratch) / "log", path, mask)
                saved.append(path)
    return tuple(saved)


def _copy_masked(source: Path, target: Path, mask: Mask) -> None:
    with source.open("rb") as lines, target.open("wb") as masked:
        masked.writelines(map(mask, lines))
