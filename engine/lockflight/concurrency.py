"""Doing the same to many things at once, and stopping at once when a person wants to stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lockflight.errors import OutsideError
from lockflight.progress import Progress, working

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
PARALLEL = 16

_at_interruption: list[Callable[[], object]] = []


def at_interruption(function: Callable[[], object]) -> None:
    """Have the function called when the command is cut off, before the process ends without a word."""
    if function not in _at_interruption:
        _at_interruption.append(function)


def tidy_up() -> None:
    """Call what was asked for, the last first; none keeps the others, or the end, from coming."""
    for function in reversed(_at_interruption):
        with contextlib.suppress(Exception):
            function()


def each(
    function: Callable[[Item], Outcome],
    items: Iterable[Item],
    progress: Progress,
    title: str,
    *,
    parallel: int = PARALLEL,
) -> tuple[list[Outcome], list[OutsideError]]:
    """The function's answers in the order of the items, and the failures of the outside world beside them.

    One registry that is down must not hide what was found about the others. After Ctrl-C nothing is begun.
    """
    listed = list(items)

    def attempt(item: Item) -> Outcome | OutsideError:
        try:
            return function(item)
        except OutsideError as error:
            return error
        finally:
            progress.advance()

    if not listed:
        return [], []
    pool = ThreadPoolExecutor(max_workers=min(parallel, len(listed)), thread_name_prefix="lockflight")
    with working(progress, title, len(listed)):
        try:
            outcomes = list(pool.map(attempt, listed))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    answers = [outcome for outcome in outcomes if not isinstance(outcome, OutsideError)]
    return answers, [outcome for outcome in outcomes if isinstance(outcome, OutsideError)]
