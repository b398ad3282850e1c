"""How a ledger lies in files, for the adapters that keep it in some: where each thing is, and how it is read.

locks/ledger/<environment>/00000007-started.json
locks/archive/<id>/lock.yaml      its configuration below locks/archive/<id>/config/
locks/evidence/<id>/<gate>.json
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lockflight import names
from lockflight.errors import InputError, Place
from lockflight.files import decode_text
from lockflight.models import validate
from lockflight.ports.ledger import (
    Batch,
    File,
    Ledger,
    checked_environment,
    checked_lock_id,
    checked_path,
    new_events,
)
from lockflight.ports.ledger_event import VERSION, Event, in_order
from lockflight.yaml_source import Document, parse_json

EVENTS, ARCHIVE, EVIDENCE = "locks/ledger", "locks/archive", "locks/evidence"
_LOCK = "lock.yaml"
_EVENT_PATH = re.compile(rf"{EVENTS}/(?P<environment>{names.SERVICE})/[^/.][^/]*\.json")
_LOCK_PATH = re.compile(rf"{ARCHIVE}/(?P<lock>{names.LOCK_ID})/{re.escape(_LOCK)}")
_EVIDENCE_PATH = re.compile(rf"{EVIDENCE}/{names.LOCK_ID}/(?P<gate>{names.SERVICE})\.json")


class Files(Protocol):
    """One look at all files of a ledger."""

    def paths(self, folder: str) -> list[str]:
        """Every file below a folder, at any depth, by its path from the root."""
        ...

    def read(self, paths: Sequence[str]) -> dict[str, File]:
        """Those of the files that are there."""
        ...


class FilesLedger(Ledger):
    """All that is read, from whatever holds the files."""

    @abstractmethod
    def _look(self) -> Files: ...

    def environments(self) -> tuple[str, ...]:
        found = (_EVENT_PATH.fullmatch(path) for path in self._look().paths(EVENTS))
        return tuple(sorted({match["environment"] for match in found if match}))

    def events(self, environment: str) -> tuple[Event, ...]:
        files = self._look()
        paths = files.paths(f"{EVENTS}/{checked_environment(environment)}")
        found = files.read([path for path in paths if _EVENT_PATH.fullmatch(path)])
        return in_order(read_event(path, file.content) for path, file in sorted(found.items()))

    def archived(self) -> tuple[str, ...]:
        found = (_LOCK_PATH.fullmatch(path) for path in self._look().paths(ARCHIVE))
        return tuple(sorted(match["lock"] for match in found if match))

    def archived_lock_text(self, lock_id: str) -> str | None:
        path = lock_path(checked_lock_id(lock_id))
        file = self._look().read([path]).get(path)
        return None if file is None else decode_text(file.content, path)

    def archived_files(self, lock_id: str, paths: Sequence[str]) -> Mapping[str, File]:
        wanted = {config_path(checked_lock_id(lock_id), checked_path(path)): path for path in paths}
        return {wanted[place]: file for place, file in self._look().read(list(wanted)).items()}

    def evidence(self, lock_id: str) -> Mapping[str, str]:
        files = self._look()
        paths = files.paths(f"{EVIDENCE}/{checked_lock_id(lock_id)}")
        gates = {path: match["gate"] for path in paths if (match := _EVIDENCE_PATH.fullmatch(path))}
        found = files.read(list(gates))
        return {gates[path]: decode_text(file.content, path) for path, file in sorted(found.items())}


def read_event(path: str, content: bytes) -> Event:
    """The event in a file, which must be the one that the file is named for."""
    document = Document(parse_json(decode_text(content, path), path), path)
    _refuse_other_versions(document)
    event = validate(Event, document)
    if event_path(event) != path:
        raise InputError(
            f"holds the event '{event.name}' of {event.environment}, which another file is named for",
            place=Place(path),
            hint="events are never renamed or copied; take the original again",
        )
    return event


def _refuse_other_versions(document: Document) -> None:
    """An event of a later version has fields that must not be reported as unknown one by one."""
    version = document.data.get("version") if isinstance(document.data, dict) else None
    if type(version) is int and version != VERSION:
        raise InputError(
            f"is an event of version {version}; this lockflight reads version {VERSION}",
            place=Place(document.file, None, "version"),
            hint="use the lockflight that wrote it, or a newer one",
        )


def changes(files: Files, batch: Batch) -> dict[str, File]:
    """What must be written, and in which order, so that everything of the batch is there."""
    known = files.read(list({event_path(event): None for event in batch.events}))
    events = new_events(batch.events, [read_event(path, file.content) for path, file in known.items()])
    wanted: dict[str, File] = {}
    for archive in batch.archives:
        if not files.read([lock_path(archive.lock_id)]):
            for path, file in archive.files.items():
                wanted[config_path(archive.lock_id, path)] = file
            # Last: an archive without it is one that was cut off, and is written again.
            wanted[lock_path(archive.lock_id)] = File(archive.lock_text.encode())
    for evidence in batch.evidence:
        wanted[f"{EVIDENCE}/{evidence.lock_id}/{evidence.gate}.json"] = File(evidence.text.encode())
    wanted.update({event_path(event): File(event_text(event).encode()) for event in events})
    there = files.read(list(wanted))
    return {
        path: file
        for path, file in wanted.items()
        if path not in there or there[path].content != file.content
    }


def event_path(event: Event) -> str:
    return f"{EVENTS}/{event.environment}/{event.name}.json"


def lock_path(lock_id: str) -> str:
    return f"{ARCHIVE}/{lock_id}/{_LOCK}"


def config_path(lock_id: str, path: str) -> str:
    return f"{ARCHIVE}/{lock_id}/config/{path}"


def is_written_once(path: str) -> bool:
    """Events and archived locks; what else there is may be put in place of itself."""
    return path.startswith(f"{EVENTS}/") or _LOCK_PATH.fullmatch(path) is not None


def event_text(event: Event) -> str:
    """The one text of an event: its fields in the model's order, what they hold in that of its names."""
    said = {
        "version": event.version,
        **event.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
    }
    ordered = {field: _sorted(said[field]) for field in type(event).model_fields if field in said}
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value
