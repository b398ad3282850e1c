"""A call that must come to an end in time, whatever the network does."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")


def bounded(function: Callable[[], Outcome], seconds: float) -> Outcome:
    """What the function answers or raises; `TimeoutError` when neither comes in time.

    Time limits of sockets do not cover looking up names, and begin anew with every byte that comes. The thread of a
    call that hangs is left behind; the process does not wait for it when it ends.
    """
    box: queue.SimpleQueue[tuple[Outcome | None, BaseException | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            box.put((function(), None))
        except BaseException as error:  # raised again where somebody waits for it
            box.put((None, error))

    threading.Thread(target=call, name="lockflight-gate", daemon=True).start()
    try:
        outcome, error = box.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return outcome  # type: ignore[return-value]  # no error, so it is the outcome
