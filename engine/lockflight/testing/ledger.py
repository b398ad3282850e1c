"""A ledger in memory, which can be told to be out of reach."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockflight.errors import OutsideError
from lockflight.ports.ledger import (
    Archive,
    Batch,
    File,
    Ledger,
    checked_environment,
    checked_lock_id,
    checked_path,
    new_events,
)
from lockflight.ports.ledger_event import Event, in_order


@dataclass
class FakeLedger(Ledger):
    """Implements the Ledger port. `refusals` of the next writes fail, as a push does that is refused."""

    written: list[Event] = field(default_factory=list)
    archives: dict[str, Archive] = field(default_factory=dict)
    gathered: dict[str, dict[str, str]] = field(default_factory=dict)
    refusals: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def environments(self) -> tuple[str, ...]:
        return tuple(sorted({event.environment for event in self.written}))

    def events(self, environment: str) -> tuple[Event, ...]:
        checked_environment(environment)
        return in_order(event for event in self.written if event.environment == environment)

    def archived(self) -> tuple[str, ...]:
        return tuple(sorted(self.archives))

    def archived_lock_text(self, lock_id: str) -> str | None:
        archive = self.archives.get(checked_lock_id(lock_id))
        return archive.lock_text if archive else None

    def archived_files(self, lock_id: str, paths: Sequence[str]) -> Mapping[str, File]:
        archive = self.archives.get(checked_lock_id(lock_id))
        wanted = [checked_path(path) for path in paths]
        return {path: archive.files[path] for path in wanted if archive and path in archive.files}

    def evidence(self, lock_id: str) -> Mapping[str, str]:
        return dict(sorted(self.gathered.get(checked_lock_id(lock_id), {}).items()))

    def write_all(self, batch: Batch) -> bool:
        with self._guard:
            if self.refusals:
                self.refusals -= 1
                raise OutsideError("the ledger cannot be written: refused", hint="a test asked for it")
            return self._write(batch)

    def _write(self, batch: Batch) -> bool:
        events = new_events(batch.events, self.written)
        archives = [archive for archive in batch.archives if archive.lock_id not in self.archives]
        evidence = [
            new for new in batch.evidence if self.gathered.get(new.lock_id, {}).get(new.gate) != new.text
        ]
        self.written += events
        self.archives.update({archive.lock_id: archive for archive in archives})
        for new in evidence:
            self.gathered.setdefault(new.lock_id, {})[new.gate] = new.text
        return bool(events or archives or evidence)
