"""Which process a test's stack belongs to, and whether that process is gone.

A process id alone says little: it is used again, and means another process in another container. So the owner
is named with the machine's boot, its namespace of process ids and the moment when it started.
"""

from __future__ import annotations

import contextlib
import os
from enum import Enum
from pathlib import Path

_PROC = Path("/proc")
# Stands for the moment when a process started that has ended, and that nobody waited for.
_ENDED = "ended"


class Owner(Enum):
    """What is known of the process behind a stack."""

    ALIVE = "alive"
    GONE = "gone"
    # It runs, or ran, on another machine or in another container: nobody here can tell.
    UNKNOWN = "unknown"


def this_process() -> str:
    """This process, as a label names it."""
    return "/".join([_here(), str(os.getpid()), _started(os.getpid()) or "?"])


def state_of(owner: str | None) -> Owner:
    """Whether the process that a label names still runs."""
    parts = (owner or "").rsplit("/", 2)
    if len(parts) != 3 or not parts[1].isdecimal() or parts[0] != _here():
        return Owner.UNKNOWN
    started = _started(int(parts[1]))
    if started is None:
        # Where there is no /proc, or one that hides the processes of others (hidepid), it may be there all the same.
        there = Owner.ALIVE if parts[2] == "?" else Owner.UNKNOWN
        return there if _exists(int(parts[1])) else Owner.GONE
    return Owner.ALIVE if started == parts[2] else Owner.GONE


def _here() -> str:
    boot, namespace = "", ""
    with contextlib.suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = str((_PROC / "self/ns/pid").stat().st_ino)
    # Other systems have neither; there a machine's name must do.
    return f"{boot}-{namespace}" if boot and namespace else os.uname().nodename


def _started(process: int) -> str | None:
    """When a process started, in ticks since the boot; None where none can be seen."""
    try:
        text = (_PROC / str(process) / "stat").read_text()
    except OSError:
        return None
    # The name of the program stands in brackets, and may hold anything.
    fields = text.rpartition(")")[2].split()
    return _ENDED if fields[0] == "Z" else fields[19]


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
