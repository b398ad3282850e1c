"""Who starts a stack and takes it down again, each as a contender of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.locking import LOCKFLIGHT
from tests.bench.processes import run_together
from tests.bench.report import Pair
from tests.bench.rounds import Contender, Times
from tests.bench.stack_scene import Stack

UP, DOWN, BOTH = "up", "down", "up and down"
AT_ONCE, IN_SEQUENCE = "at once", "one after the other"


@dataclass(frozen=True, slots=True)
class Way:
    """Two commands, with the name that their rows begin with."""

    name: str
    up: Sequence[str]
    down: Sequence[str]

    def row(self, what: str) -> str:
        return f"{self.name}, {what}"


OURS = "lockflight stack"
COMPOSE = "docker compose"
# What is compared: the same steps of both.
STEPS = tuple(Pair(what, f"{OURS}, {what}", f"{COMPOSE}, {what}") for what in (UP, DOWN, BOTH))


def starters_of(stack: Stack) -> list[Contender]:
    """Lockflight and Compose itself, with the same files, pins and isolation, and each with a name of its own."""
    return [Contender(way.name, _up_and_down(stack, way)) for way in (_ours(stack), _compose(stack))]


def _ours(stack: Stack) -> Way:
    lock, name = stack.locks[0], f"{stack.project.project}-ours-{stack.count}"
    return Way(
        OURS,
        [LOCKFLIGHT, "stack", "up", lock, "--name", name],
        [LOCKFLIGHT, "stack", "down", "--name", name],
    )


def _compose(stack: Stack) -> Way:
    """The override that lockflight makes for a stack of this name, on top of the user's file."""
    name = f"{stack.project.project}-compose-{stack.count}"
    run_together(
        [[LOCKFLIGHT, "stack", "config", "--isolated", stack.locks[0], "--name", name]], folder=stack.folder
    )
    override = f".lockflight/stacks/{name}/override.yaml"
    words = ["docker", "compose", "-f", "stack.yaml", "-f", override, "--project-name", name]
    return Way(COMPOSE, [*words, "up", "--wait"], [*words, "down", "--volumes"])


def _up_and_down(stack: Stack, way: Way) -> Callable[[], Times]:
    def turn() -> Times:
        up = run_together([way.up], folder=stack.folder)
        down = run_together([way.down], folder=stack.folder)
        return {way.row(UP): up, way.row(DOWN): down, way.row(BOTH): up + down}

    return turn


def testers_of(stack: Stack) -> list[Contender]:
    """The tests of every lock: all at once, and each when the one before it has ended."""
    tests = [[LOCKFLIGHT, "stack", "test", lock] for lock in stack.locks]

    def at_once() -> Times:
        return {AT_ONCE: run_together(tests, folder=stack.folder)}

    def in_sequence() -> Times:
        return {IN_SEQUENCE: sum(run_together([test], folder=stack.folder) for test in tests)}

    return [Contender(AT_ONCE, at_once), Contender(IN_SEQUENCE, in_sequence)]
