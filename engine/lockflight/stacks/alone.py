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
from collections.abc import Callable, Iterator
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
def one_at_a_time(name: str, waits: Callable[[], None]) -> Iterator[None]:
    """Two that put up the same stack at once would get in each other's way; the second finds it when it is there.
    `waits` is called once where somebody else is at it."""
    path = Path(tempfile.gettempdir()) / f"lockflight-stack-{name}.lock"
    handle = _locked(path, waits)
    try:
        yield
    finally:
        # Only while it is locked: who opened it before and gets the lock now, sees that it is gone. In a folder
        # where everybody may write it can be another user's, and stays.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(handle)


def _locked(path: Path, waits: Callable[[], None]) -> int:
    """The file that is there now, locked; one that its owner has removed meanwhile guards nothing."""
    told = False
    while True:
        handle = _open(path)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    waits()
                    told = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_still(path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


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
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        # Somebody may make or remove it between the two.
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, how)
        mask = os.umask(0)
        try:
            with contextlib.suppress(FileExistsError):
                return os.open(path, how | os.O_CREAT | os.O_EXCL, 0o666)
        finally:
            os.umask(mask)
