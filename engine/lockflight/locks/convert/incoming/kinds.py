"""The kinds of locks that can be read, recognised by content and never by file name.

To add one: a module with `read`, a line in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockflight.builds import formats
from lockflight.builds.formats import homemade, images_lock, skaffold
from lockflight.builds.formats.documents import documents_in
from lockflight.builds.formats.unrelated import is_unrelated
from lockflight.errors import InputError, Place
from lockflight.files import read_text
from lockflight.locks.convert.incoming import from_builds, from_homemade
from lockflight.locks.convert.incoming.foreign import ForeignLock, ServiceOf
from lockflight.yaml_source import Document

AUTOMATIC = "auto"
FINDINGS_MARK = "lockflight_findings"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is recognised and read; `title` is what messages call it."""

    title: str
    recognises: Callable[[Any], bool]
    read: Callable[[Document, ServiceOf], ForeignLock]


KINDS: dict[str, Kind] = {
    "home-made": Kind("a home-made lock", homemade.recognises, from_homemade.read),
    "imgpkg": Kind("an ImagesLock of imgpkg", images_lock.recognises, from_builds.read_images_lock),
    "skaffold": Kind("Skaffold's build output", skaffold.recognises, from_builds.read_skaffold),
}


def read_foreign(
    path: Path, called: str, kind: str, service_of: ServiceOf, *, found_in_folder: bool
) -> ForeignLock | None:
    """The lock in a file; None for a file of a folder that says of itself that it is something else."""
    text = read_text(path, called=called)
    documents = documents_in(text, called)
    if len(documents) != 1:
        raise InputError("holds several documents; one lock is expected", place=Place(called))
    data = documents[0].data
    name = _kind_of(data, kind)
    if name is None:
        if found_in_folder and (is_unrelated(data) or is_findings(data)):
            return None
        raise _unknown(data, called, kind)
    return KINDS[name].read(documents[0], service_of)


def is_findings(data: Any) -> bool:
    """Whether this is what an earlier import left beside its locks."""
    return isinstance(data, dict) and FINDINGS_MARK in data


def _kind_of(data: Any, wanted: str) -> str | None:
    tried = list(KINDS) if wanted == AUTOMATIC else [wanted]
    return next((name for name in tried if KINDS[name].recognises(data)), None)


def _unknown(data: Any, called: str, kind: str) -> InputError:
    return InputError(_why(data, kind), place=Place(called), hint=_hint(data), code="unknown-format")


def _why(data: Any, kind: str) -> str:
    if _is_ours(data):
        return "is a lock of lockflight already"
    if is_findings(data):
        return "is what an earlier import found, and no lock"
    wanted = KINDS[kind].title if kind in KINDS else "a lock of a known kind"
    record = _record_format(data)
    return f"is not {wanted} but a record ({record})" if record else f"is not {wanted}"


def _hint(data: Any) -> str | None:
    if _is_ours(data):
        return "'lockflight verify' proves it; there is nothing to import"
    if _record_format(data):
        return "'lockflight lock --records' makes a lock of records"
    actual = _kind_of(data, AUTOMATIC)
    if actual is not None:
        return f"it is {KINDS[actual].title}: --format {actual}, or leave --format away"
    return f"known kinds: {', '.join(known.title for known in KINDS.values())}"


def _is_ours(data: Any) -> bool:
    return isinstance(data, dict) and {"version", "id", "project", "services"} <= set(data)


def _record_format(data: Any) -> str | None:
    known = next((known for known in formats.FORMATS if known.recognises(data)), None)
    of_a_lock = {KINDS[name].recognises for name in KINDS}
    return known.name if known is not None and known.recognises not in of_a_lock else None
