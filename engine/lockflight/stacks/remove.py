"""Taking stacks down: this one, or those whose process is gone. Nothing is touched that has not our labels."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.places import stack_folder
from lockflight.ports.stack_engine import StackEngine, StackFound
from lockflight.stacks.naming import TEST, home_of
from lockflight.stacks.owner import Owner, state_of

if TYPE_CHECKING:
    from lockflight.stacks.surroundings import Surroundings

# Of as many tests, this one included.
_ARTIFACTS_KEPT = 10


def take_down(
    engine: StackEngine,
    root: Path | None,
    stack: str,
    seconds: int | None = None,
    *,
    of_a_test: bool = False,
) -> None:
    """Remove everything of a stack, its volumes too, and what lockflight wrote for it in this repository. The name of
    a test's stack is nobody else's, so what Compose made under it without our labels goes as well."""
    engine.down(stack, seconds, strangers=of_a_test)
    if root is not None:
        forget(root, stack)


def forget(root: Path, stack: str) -> None:
    """Remove what lockflight wrote for a stack."""
    shutil.rmtree(stack_folder(root, stack), ignore_errors=True)


def is_orphan(found: StackFound) -> bool:
    """Whether the process that would have taken the stack down is gone."""
    return found.purpose == TEST and state_of(found.owner) is Owner.GONE


def is_somebody_elses(found: StackFound) -> bool:
    """Whether a process runs its tests now, or may do so where nobody here can see it."""
    return found.purpose == TEST and state_of(found.owner) is not Owner.GONE


def is_of_another_home(found: StackFound, root: Path) -> bool:
    """Whether another clone of the repository put it up, or another user; of one without a label nobody knows."""
    return found.home is not None and found.home != home_of(root)


def remove_orphans(here: Surroundings) -> tuple[StackFound, ...]:
    """Those of this project that a process left behind which was killed."""
    orphans = tuple(found for found in here.engine.stacks(here.manifest.project) if is_orphan(found))
    for found in orphans:
        take_down(here.engine, here.root, found.name, seconds=1)
    return orphans


def remove_old_artifacts(here: Surroundings) -> None:
    """Of what earlier tests left, all but the newest: a person's disk is not to fill with it."""
    with contextlib.suppress(OSError):
        folders = sorted(here.artifacts_of("-").parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
        for folder in folders[: -_ARTIFACTS_KEPT + 1]:
            shutil.rmtree(folder, ignore_errors=True)
