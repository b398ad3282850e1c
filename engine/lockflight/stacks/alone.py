"""Stacks that need the engine to themselves: fixed ports and the machine's own network exist only once.

Two guards: a file that a running lockflight holds locked, which the system lets go when the process ends, and
the label on stacks that stay when their process has ended. A file for each name keeps two that put up the same
stack from doing so at once; a test's stack has a name that nobody else has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lockflight.errors import NotYet, OutsideError, Place
from lockflight.ports.stack_engine import StackFound
from lockflight.stacks.remove import is_orphan
from lockflight.stacks.surroundings import Surroundings

_FILE = "lockflight-alone.lock"
_LATER = (
    "try again when it has ended; 'lockflight stack down --all' in its project takes down what was left up"
)


@contextlib.contextmanager
def room_for(here: Surroundings, name: str) -> Iterator[None]:
    """Hold the place for a stack while it starts or is tested; `NotYet` where another one is in the way."""
    alone = here.stack.alone
    with _held(alone):
        for found in here.engine.stacks():
            if found.name != name and not is_orphan(found) and (alone or found.alone):
                raise NotYet(_in_the_way(found, alone), hint=_LATER)
        yield


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Two that put up the same stack at once would get in each other's way; the second finds it when it is there."""
    path = Path(tempfile.gettempdir()) / f"lockflight-stack-{name}.lock"
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _in_the_way(found: StackFound, alone: bool) -> str:
    other = f"the stack {found.name} (project {found.project}, lock {found.lock[:8]})"
    if alone:
        return f"this stack must be alone on the engine, and {other} is there"
    return f"{other} needs the engine to itself"


@contextlib.contextmanager
def _held(alone: bool) -> Iterator[None]:
    handle = _open(Path(tempfile.gettempdir()) / _FILE)
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        message = "another stack is being run on this machine, and one of the two must be alone on the engine"
        raise NotYet(message, hint="try again when it has ended") from None
    try:
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    """The file is everybody's; a link in its place is nobody's."""
    try:
        return _opened(path)
    except OSError as error:
        hint = "all stacks on this machine share this file; is something else in its place?"
        message = f"cannot be opened: {error.strerror or error}"
        raise OutsideError(message, place=Place(str(path)), hint=hint) from error


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        mask = os.umask(0)
        try:
            return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        finally:
            os.umask(mask)
