"""The ledger: what happened to every environment, the locks that ran there, and the evidence for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from lockflight import names
from lockflight.errors import InputError, NotYet
from lockflight.ports.ledger_event import Event

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


class NumberTaken(NotYet):
    """Another event has this one's name: somebody else holds the number, so this promotion must stop."""

    def __init__(self, wanted: Event, there: Event) -> None:
        owner = there.run.owner if there.run else there.person
        by = f" by {owner}" if owner else ""
        super().__init__(
            f"{wanted.environment}: the ledger already has another '{wanted.name}'{by}",
            hint=f"somebody else holds number {wanted.number}; look at 'lockflight history {wanted.environment}', "
            "then run the command again",
            code="number-taken",
        )


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds, and whether it may be run."""

    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Archive:
    """A lock and the content of its configuration files, by the paths that the lock names."""

    lock_id: str
    lock_text: str
    files: Mapping[str, File] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_lock_id(self.lock_id)
        for path in self.files:
            checked_path(path)
            within = next(
                (str(above) for above in PurePosixPath(path).parents if str(above) in self.files), None
            )
            if within is not None:
                raise InputError(f"the configuration has both '{within}' and '{path}'; one is no folder")


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Evidence that was gathered before any promotion, as the JSON text that speaks for itself."""

    lock_id: str
    gate: str
    text: str

    def __post_init__(self) -> None:
        checked_lock_id(self.lock_id)
        if re.fullmatch(names.SERVICE, self.gate) is None:
            raise InputError(f"'{self.gate}' is no name of a gate: letters, digits, '_', '.', '-'")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step writes. A batch may be written again after a cut: what is there already stays as it is."""

    events: tuple[Event, ...] = ()
    archives: tuple[Archive, ...] = ()
    evidence: tuple[GateEvidence, ...] = ()


class Ledger(Protocol):
    """Append-only, except for evidence, of which the newest counts.

    What is read is what was written by anybody until shortly before. Files that are no events, or that were
    changed by hand so that they are none any more, are an `InputError`; a store that cannot be reached or written
    is an `OutsideError`. That an archived file is what the lock says is proved by `lockflight.ledger.archive`.
    """

    def environments(self) -> tuple[str, ...]:
        """The environments that have events, sorted."""
        ...

    def events(self, environment: str) -> tuple[Event, ...]:
        """All events of an environment, in order; none where it is unknown."""
        ...

    def archived(self) -> tuple[str, ...]:
        """The ids of the locks that are archived, sorted."""
        ...

    def archived_lock_text(self, lock_id: str) -> str | None:
        """The text of an archived lock."""
        ...

    def archived_files(self, lock_id: str, paths: Sequence[str]) -> Mapping[str, File]:
        """Those of these configuration files that are archived with the lock."""
        ...

    def archived_file(self, lock_id: str, path: str) -> File | None:
        """One configuration file that is archived with the lock."""
        return self.archived_files(lock_id, (path,)).get(path)

    def evidence(self, lock_id: str) -> Mapping[str, str]:
        """The evidence for a lock: its text, by gate."""
        ...

    def write_all(self, batch: Batch) -> bool:
        """Write what is not there yet; False where all of it was.

        An archive is written before the events that follow it. An event that is there in other words is
        `NumberTaken`, and then nothing of the batch is written. A lock that is archived is not archived again.
        """
        ...

    def write(self, event: Event) -> bool:
        """Write one event; False where it was there."""
        return self.write_all(Batch(events=(event,)))

    def archive(self, archive: Archive) -> bool:
        """Archive one lock; False where it was archived."""
        return self.write_all(Batch(archives=(archive,)))

    def write_evidence(self, evidence: GateEvidence) -> bool:
        """Write the evidence of one gate in place of what was there; False where it says the same."""
        return self.write_all(Batch(evidence=(evidence,)))


def checked_environment(environment: str) -> str:
    """The name of an environment, which becomes that of a folder."""
    if re.fullmatch(names.SERVICE, environment) is None:
        raise InputError(f"'{environment}' is no name of an environment: letters, digits, '_', '.', '-'")
    return environment


def checked_lock_id(lock_id: str) -> str:
    """A whole lock id, which becomes the name of a folder."""
    if re.fullmatch(names.LOCK_ID, lock_id) is None:
        raise InputError(f"'{lock_id}' is no lock id: 64 hexadecimal digits in lower case")
    return lock_id


def checked_path(path: str) -> str:
    """A path that stays below the folder that it is put in, and is no part of a repository of git."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or _UNSAFE.search(path):
        raise InputError(f"the path {path!r} of a configuration file is not one that can be archived")
    return path


def new_events(events: Iterable[Event], there: Iterable[Event]) -> list[Event]:
    """Those that are not there by their names; one that is there in other words is `NumberTaken`."""
    known = {(event.environment, event.name): event for event in there}
    new = []
    for event in events:
        other = known.get((event.environment, event.name))
        if other is None:
            known[event.environment, event.name] = event
            new.append(event)
        elif not event.says_the_same(other):
            raise NumberTaken(event, other)
    return new
