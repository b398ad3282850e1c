"""The archive: locks and the content of their configuration, proved by the lock's own digests whenever it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

from lockflight.errors import InputError, OutsideError, Place, Problem, Refused
from lockflight.findings import Finding, in_order
from lockflight.locks.file import lock_of, render
from lockflight.locks.model import Lock
from lockflight.ports.ledger import Archive, File, Ledger, checked_path
from lockflight.yaml_source import parse_document

_HINT = "somebody changed the archive by hand, or it was damaged; take it again from the ledger's git history"


def archive_of(lock: Lock, root: Path) -> Archive:
    """A lock with its configuration as it lies on the disk; `Refused` where that is not what was locked."""
    files = {path: _on_disk(root, path) for path in sorted(lock.config)}
    changed = [path for path, file in files.items() if file is None or _digest(file) != lock.config[path]]
    if changed:
        hint = "deploy from the commit that the lock was made for, or make a new lock"
        message = "is not what the lock has: the configuration changed since"
        raise Refused(Problem(message, Place(path), hint, "config-changed") for path in changed)
    return Archive(lock.id, render(lock), {path: file for path, file in files.items() if file is not None})


def archived_lock(ledger: Ledger, lock_id: str) -> Lock:
    """An archived lock, its id proved by its content."""
    name = f"locks/archive/{lock_id}/lock.yaml"
    text = ledger.archived_lock_text(lock_id)
    if text is None:
        raise InputError(
            f"the lock {lock_id[:12]} is not archived",
            hint="'lockflight history' shows the locks that ran; each was archived before it did",
        )
    lock = lock_of(parse_document(text, name))
    if lock.id != lock_id:
        raise InputError(f"holds another lock: {lock.id[:12]}…", place=Place(name), hint=_HINT)
    return lock


def archived_configuration(
    ledger: Ledger, lock: Lock, paths: Collection[str] | None = None
) -> dict[str, File]:
    """The archived configuration of a lock, or some of its files, every one with the digest that the lock says."""
    wanted = sorted(lock.config if paths is None else paths)
    unknown = next((path for path in wanted if path not in lock.config), None)
    if unknown is not None:
        raise InputError(f"'{unknown}' is no configuration of the lock {lock.id[:12]}")
    found = ledger.archived_files(lock.id, wanted)
    problems = [problem for path in wanted if (problem := _fault(lock, path, found.get(path))) is not None]
    if problems:
        raise InputError(problems)
    return {path: found[path] for path in wanted}


def unsound(ledger: Ledger) -> list[Finding]:
    """Everything in which the ledger is not whole: archives that were changed, and locks that ran without one."""
    archived = ledger.archived()
    findings = [finding for lock_id in archived for finding in _faults(ledger, lock_id)]
    for environment in ledger.environments():
        started = [event for event in ledger.events(environment) if event.kind == "started"]
        for lock_id in sorted({event.lock for event in started if event.lock} - set(archived)):
            message = f"ran in {environment} and is not archived"
            findings.append(Finding("not-archived", f"lock {lock_id[:12]}", message))
    return in_order(findings)


def _faults(ledger: Ledger, lock_id: str) -> list[Finding]:
    try:
        archived_configuration(ledger, archived_lock(ledger, lock_id))
    except InputError as error:
        problems = error.problems
        return [Finding("archive-changed", f"lock {lock_id[:12]}", str(problem)) for problem in problems]
    return []


def _fault(lock: Lock, path: str, file: File | None) -> Problem | None:
    place = Place(f"locks/archive/{lock.id}/config/{path}")
    if file is None:
        return Problem("is missing from the archive", place, _HINT, "archive-changed")
    if _digest(file) != lock.config[path]:
        return Problem("is not what the lock says: its digest is another", place, _HINT, "archive-changed")
    return None


def _digest(file: File) -> str:
    return f"sha256:{hashlib.sha256(file.content).hexdigest()}"


def _on_disk(root: Path, path: str) -> File | None:
    """What lies there, through its links as it was locked; None where there is nothing."""
    place = root / checked_path(path)
    try:
        if not place.resolve().is_relative_to(root.resolve()):
            raise InputError("leaves the repository through a symbolic link", place=Place(path))
        return File(place.read_bytes(), os.access(place, os.X_OK))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except RuntimeError as error:  # what pathlib says of such links
        raise InputError("is a link that leads round in a circle", place=Place(path)) from error
    except OSError as error:
        raise OutsideError(f"cannot be read: {error.strerror or error}", place=Place(path)) from error
