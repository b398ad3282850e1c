"""Getting every image of a stack before anything starts: all in parallel, and all that is missing at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from lockflight.concurrency import each
from lockflight.errors import LockflightError, OutsideError, Problem, Refused
from lockflight.logs import log
from lockflight.ports.stack_engine import ImageMissing, StackEngine
from lockflight.progress import Progress

_PARALLEL = 8
_MISSING = "was it removed from the registry, or may this user not see it? 'lockflight verify' looks closer"


def pull_missing(
    engine: StackEngine, wanted: Mapping[str, str | None], progress: Progress
) -> tuple[str, ...]:
    """Pull what the engine does not have; `wanted` is references with their platforms. Answers what was pulled."""
    here = engine.present(tuple(wanted))
    # Under one digest an engine has the image of one platform; whether it is the wanted one, only a pull tells.
    missing = [reference for reference in wanted if reference not in here or wanted[reference] is not None]
    size = _Size(progress)

    def pull(reference: str) -> str:
        try:
            engine.pull(reference, wanted[reference], lambda done, total: size.told(reference, done, total))
        except OutsideError as error:
            if reference not in here:
                raise
            # A laptop without its registry runs what it has.
            log.event("not pulled again", image=reference, why=str(error))
        return reference

    pulled, failures = each(pull, missing, progress, "pulling images", parallel=_PARALLEL)
    if failures:
        raise _together(failures)
    return tuple(pulled)


def _together(failures: Iterable[OutsideError]) -> LockflightError:
    """One error of all: a registry that lacks an image says no, everything else is the world's failure."""
    listed = list(failures)
    problems = [_explained(problem, failure) for failure in listed for problem in failure.problems]
    distinct = tuple(dict.fromkeys(sorted(problems, key=str)))
    if all(isinstance(failure, ImageMissing) for failure in listed):
        return Refused(distinct)
    return OutsideError(distinct)


def _explained(problem: Problem, failure: OutsideError) -> Problem:
    if isinstance(failure, ImageMissing) and problem.hint is None:
        return Problem(problem.message, problem.place, _MISSING, problem.code or "image-missing")
    return problem


class _Size:
    """Adds up how much of all images is here."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._guard = threading.Lock()
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def told(self, reference: str, done: int, total: int) -> None:
        with self._guard:
            self._done[reference] = done
            self._total[reference] = max(total, done)
            shown = f"{sum(self._done.values()) / 1e6:.0f} of {sum(self._total.values()) / 1e6:.0f} MB"
        self._progress.detail(shown)
