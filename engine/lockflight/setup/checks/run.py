"""All checks, in the order of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lockflight.setup.checks import docker, machine, manifest, registries, repository, stack, suites
from lockflight.setup.checks.model import Check, Checked, Surroundings
from lockflight.setup.checks.parallel import answers_within

# Each under the name that it has when it does not answer.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("python", machine.python),
    ("output", machine.listener),
    ("cache", machine.room),
    ("git", repository.program),
    ("repository", repository.repository),
    ("manifest", manifest.manifest),
    ("registry", manifest.placeholder),
    ("submodules", repository.submodules),
    ("stack", stack.files),
    ("suites", suites.suites),
    ("docker", docker.docker),
    ("registries", registries.registries),
)
_SECONDS = 60.0


def examine(
    surroundings: Surroundings,
    *,
    checks: Sequence[tuple[str, Check]] = CHECKS,
    seconds: float = _SECONDS,
) -> list[Checked]:
    """Run all checks at once; what does not answer in time is named and left behind."""
    tasks = [(name, partial(check, surroundings)) for name, check in checks]
    return answers_within(seconds, tasks, surroundings.clock)
