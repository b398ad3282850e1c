"""What stacks are called on an engine, and the labels by which they are found again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.ports import stack_engine as labels
from lockflight.stacks.owner import this_process

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

UP = "up"
TEST = "test"
# A test's stack that was kept for looking at: nobody's process, like one that was put up.
KEPT = "kept"


def name_to_keep(lock: Lock) -> str:
    """The stack of a lock that stays until it is taken down; the same lock always has the same."""
    return name_of(lock.project, lock.id)


def name_of(project: str, lock_id: str) -> str:
    return f"{project}-{lock_id[:8]}"


def name_for_a_test(lock: Lock) -> str:
    """A name of its own, so that two tests of the same lock do not meet."""
    return f"{name_to_keep(lock)}-{os.urandom(3).hex()}"


def home_of(root: Path) -> str:
    """Tells apart what several users, and several clones of one repository, have on one engine; not a path,
    which is nobody else's business."""
    return hashlib.sha256(f"{os.getuid()} {root.resolve()}".encode(errors="surrogateescape")).hexdigest()[:12]


def labels_of(
    stack: str, lock: Lock, purpose: str, *, alone: bool, home: str | None = None
) -> dict[str, str]:
    """What stands on every container, network and volume of the stack."""
    found = {
        labels.STACK: stack,
        labels.PROJECT: lock.project,
        labels.LOCK: lock.id,
        labels.PURPOSE: purpose,
    }
    if purpose == TEST:
        found[labels.OWNER] = this_process()
    if home is not None:
        found[labels.HOME] = home
    if alone:
        found[labels.ALONE] = "true"
    return found
