"""Every way in which lockflight says no, and the exit code that a pipeline sees for it.

The hierarchy is shallow on purpose: one class per exit code. What went wrong is said by the problems
inside, each with its place and, where there is one, a hint of what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_DONE = 0
EXIT_REFUSED = 1
EXIT_INPUT = 2
EXIT_OUTSIDE = 3
EXIT_NOT_YET = 4
EXIT_LEFT_MIXED = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: a file, a line in it, and the path of the field (`services.cart.image`)."""

    file: str | None = None
    line: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        file = self.file or ""
        if file and self.line:
            file = f"{file}:{self.line}"
        return ": ".join(part for part in (file, self.path or "") if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that a person knows what, where, why and what to do."""

    message: str
    place: Place = Place()
    hint: str | None = None
    code: str | None = None

    def __str__(self) -> str:
        place = str(self.place)
        return f"{place}: {self.message}" if place else self.message


class LockflightError(Exception):
    """A failure that lockflight foresaw. `exit_code` is part of the contract with pipelines."""

    exit_code = EXIT_BUG

    def __init__(
        self,
        message: str | Iterable[Problem],
        *,
        hint: str | None = None,
        place: Place | None = None,
        code: str | None = None,
    ) -> None:
        if isinstance(message, str):
            self.problems: tuple[Problem, ...] = (Problem(message, place or Place(), hint, code),)
        else:
            self.problems = tuple(message)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Refused(LockflightError):
    """A gate, a check, a cross-check or a test said no."""

    exit_code = EXIT_REFUSED


class InputError(LockflightError):
    """What the person wrote is wrong: usage, manifest, record or lock."""

    exit_code = EXIT_INPUT


class OutsideError(LockflightError):
    """The world outside failed after retries: a registry, an engine, a forge, a disk."""

    exit_code = EXIT_OUTSIDE


class NotYet(LockflightError):
    """Nothing is wrong, but it is too early: the same command may pass later."""

    exit_code = EXIT_NOT_YET


class LeftMixed(LockflightError):
    """An environment runs parts of two locks and needs a person."""

    exit_code = EXIT_LEFT_MIXED
