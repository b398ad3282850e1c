"""The part of the benchmark about stacks: starting them, several at once, and pulling their images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import pulling, stack_runs
from tests.bench.report import Pair, Report, paired, ratio_aim, say, sum_aim
from tests.bench.rounds import measure
from tests.bench.stack_scene import Scene, make_stack, scene_in

_FACTOR, _SECONDS_MORE = 1.05, 0.5
_AT_ONCE = 4
_SERVICES_OF_EACH = 5


@dataclass(frozen=True, slots=True)
class StackSize:
    """How much is measured."""

    services: Sequence[int]
    rounds: int
    rounds_at_once: int
    images: int
    pull_rounds: int


WHOLE = StackSize((5, 20), rounds=7, rounds_at_once=3, images=20, pull_rounds=7)
QUICK = StackSize((5,), rounds=2, rounds_at_once=1, images=4, pull_rounds=2)


def measure_stacks(report: Report, *, quick: bool) -> None:
    """Everything about stacks, in folders and on registries of its own."""
    size = QUICK if quick else WHOLE
    with _scratch() as folder, scene_in(folder) as scene:
        for count in size.services:
            say(f"a stack of {count} services, up and down …")
            _measure_starting(report, scene, count, size.rounds)
        say(f"{_AT_ONCE} stacks at once …")
        _measure_at_once(report, scene, size.rounds_at_once)
    say(f"pulling {size.images} images …")
    with _scratch() as folder:
        _measure_pulling(report, folder, size)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lockflight-bench-") as folder:
        yield Path(folder)


def _measure_starting(report: Report, scene: Scene, count: int, rounds: int) -> None:
    measured = measure(stack_runs.starters_of(make_stack(scene, count)), rounds)
    report.tables.append(
        paired(
            f"A stack of {count} services: lockflight beside Compose",
            measured,
            stack_runs.STEPS,
            ("`lockflight stack up` and `down`", "`docker compose up --wait` and `down -v`"),
        )
    )
    both = stack_runs.STEPS[-1]
    wanted = (
        f"`stack up` + `down` of {count} services within {_FACTOR} × docker compose plus {_SECONDS_MORE} s"
    )
    report.aims.append(sum_aim(wanted, measured, both.own, both.other, _FACTOR, _SECONDS_MORE))
    report.raw[f"stack {count}"] = measured.times


def _measure_at_once(report: Report, scene: Scene, rounds: int) -> None:
    stack = make_stack(scene, _SERVICES_OF_EACH, _AT_ONCE)
    measured = measure(stack_runs.testers_of(stack), rounds)
    what = f"`stack test` of {_AT_ONCE} locks, {_SERVICES_OF_EACH} services each"
    pair = Pair(what, stack_runs.AT_ONCE, stack_runs.IN_SEQUENCE)
    ways = (stack_runs.AT_ONCE, stack_runs.IN_SEQUENCE)
    report.tables.append(paired("Several stacks at once", measured, [pair], ways))
    wanted = f"{_AT_ONCE} stacks at once, beside {_AT_ONCE} in sequence"
    report.aims.append(ratio_aim(wanted, measured, pair.own, pair.other, None))
    report.raw["stacks at once"] = measured.times


def _measure_pulling(report: Report, folder: Path, size: StackSize) -> None:
    with pulling.pullers(folder, size.images) as contenders:
        measured = measure(contenders, size.pull_rounds)
    pairs = [Pair(name, name, pulling.COMPOSE) for name in (pulling.STEP, pulling.STEP_PROCESS)]
    title = f"Pulling {size.images} images that are not on the engine"
    report.tables.append(paired(title, measured, pairs, ("lockflight", f"`{pulling.COMPOSE}`")))
    wanted = f"pulling {size.images} images, beside docker compose pull"
    report.aims.append(ratio_aim(wanted, measured, pulling.STEP_PROCESS, pulling.COMPOSE, None))
    report.raw["pulling"] = measured.times
