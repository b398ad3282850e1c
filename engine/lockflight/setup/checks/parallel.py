"""Asking many things at once, each for so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from lockflight.errors import LockflightError
from lockflight.ports.clock import Clock
from lockflight.setup.checks.model import Checked, missing

Task = tuple[str, Callable[[], Iterable[Checked]]]


@dataclass
class _Running:
    """A task in a thread of its own, which the process does not wait for when it ends."""

    name: str
    work: Callable[[], Iterable[Checked]]
    answers: list[Checked] = field(default_factory=list)
    bug: Exception | None = None

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=f"doctor-{self.name}", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            for answer in self.work():
                self.answers.append(answer)
        except LockflightError as error:
            self.answers += [missing(self.name, str(problem), problem.hint) for problem in error.problems]
        except Exception as error:  # handed to the thread that waits, which reports it as the bug that it is
            self.bug = error


def answers_within(seconds: float, tasks: Sequence[Task], clock: Clock) -> list[Checked]:
    """The answers of all tasks, in their order; one that hangs is named and left behind."""
    running = [_Running(name, work) for name, work in tasks]
    threads = [one.start() for one in running]
    deadline = clock.monotonic() + seconds
    answers: list[Checked] = []
    for one, thread in zip(running, threads, strict=True):
        thread.join(max(0.0, deadline - clock.monotonic()))
        if one.bug is not None:
            raise one.bug
        answers += list(one.answers)
        if thread.is_alive():
            answers.append(missing(one.name, f"no answer within {seconds:g} s"))
    return answers
