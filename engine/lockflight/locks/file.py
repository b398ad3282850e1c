"""The lock as a file: one canonical text for one lock, and reading that refuses whatever is not a lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockflight.errors import InputError, Place
from lockflight.files import read_text, write_atomically
from lockflight.locks.identity import lock_id
from lockflight.locks.model import Lock, LockContent
from lockflight.models import validate
from lockflight.yaml_source import Document, first_comment_behind_content, parse_document
from lockflight.yaml_text import mapping_lines

FIRST_LINE = "# yaml-language-server: $schema="
SCHEMA_NAME = "lock.schema.json"
VERSION = 1
_FIELDS = ("version", "id", "project", "created", "source", "generator", "services", "images", "config")


def seal(content: LockContent) -> Lock:
    """Give a lock's content the id that follows from it."""
    data = plain(content)
    return Lock.model_validate({**content.model_dump(), "id": lock_id(data)})


def plain(content: LockContent) -> dict[str, Any]:
    """A lock as plain data, without the fields that say nothing, in the order of the file."""
    data = _without_empty(content.model_dump(mode="python"))
    data.setdefault("services", {})
    return {field: _sorted_names(field, data[field]) for field in _FIELDS if field in data}


def _without_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in data.items():
        kept = _without_empty(value) if isinstance(value, dict) else value
        if kept is not None and kept != {}:
            found[key] = kept
    return found


def _sorted_names(field: str, value: Any) -> Any:
    if field not in ("services", "images", "config"):
        return value
    return {name: _sorted_platforms(entry) for name, entry in sorted(value.items())}


def _sorted_platforms(entry: Any) -> Any:
    if isinstance(entry, dict) and "platforms" in entry:
        return {**entry, "platforms": dict(sorted(entry["platforms"].items()))}
    return entry


def render(lock: Lock, *, schema: str | None = None) -> str:
    """The canonical text of a lock: the same lock always gives the same bytes."""
    first = f"{FIRST_LINE}{schema}\n" if schema else ""
    return first + "\n".join(mapping_lines(plain(lock))) + "\n"


def schema_path(lock: Path, root: Path) -> str | None:
    """How the first line of a lock at this place refers to the repository's schema, where it has one."""
    schema = root / "schemas" / SCHEMA_NAME
    try:
        depth = len(lock.resolve().relative_to(root.resolve()).parts) - 1
    except (ValueError, OSError, RuntimeError):  # elsewhere, or through links that lead round in a circle
        return None
    if not schema.is_file():
        return None
    return "../" * depth + f"schemas/{SCHEMA_NAME}" if depth else f"./schemas/{SCHEMA_NAME}"


def write_lock(lock: Lock, path: Path, *, schema: str | None = None) -> bool:
    """Write the lock, whole or not at all; False when the file already says the same."""
    return write_atomically(path, render(lock, schema=schema))


def read_lock(path: Path, called: str | None = None) -> Lock:
    """Read a lock and prove its id; whatever is wrong is one `InputError` with every problem."""
    name = called or str(path)
    text = read_text(path, called=called)
    lock = lock_of(parse_document(text, name))
    _refuse_hidden_words(text, name)
    return lock


def _refuse_hidden_words(text: str, name: str) -> None:
    """A comment behind a value may be what was a field: a line end that became a '#' hides the next line."""
    line = first_comment_behind_content(text, name)
    if line is not None:
        raise InputError(
            "has a comment behind a value, which lockflight does not write",
            place=Place(name, line),
            hint="is it a field that lost its line? take the original again; a comment may have a line to itself",
        )


def lock_of(document: Document) -> Lock:
    """The lock in a document that was read from anywhere."""
    _refuse_other_versions(document)
    lock = validate(Lock, document)
    expected = lock_id(plain(lock))
    if lock.id != expected:
        raise InputError(
            f"the id does not match the content: it says {lock.id[:12]}…, the content gives {expected[:12]}…",
            place=document.place(("id",)),
            hint="the file was edited after it was made; take the original again, or make a new lock",
            code="wrong-id",
        )
    return lock


def _refuse_other_versions(document: Document) -> None:
    data = document.data
    if not isinstance(data, dict):
        return
    version = data.get("version")
    if type(version) is int and version != VERSION:
        raise InputError(
            f"is a lock of version {version}; this lockflight reads version {VERSION}",
            place=document.place(("version",)),
            hint="use the lockflight that made it, or a newer one",
        )
    if "version" not in data and "services" in data:
        raise InputError(
            "is no lock of lockflight: it says no version",
            place=Place(document.file, 1),
            hint="if a generator of your own made it, 'lockflight import' turns it into a lock",
        )


def says_the_same(one: Lock, other: Lock) -> bool:
    """Whether two locks differ in nothing but when, where and by what they were made."""
    return _said(one) == _said(other)


def _said(lock: Lock) -> dict[str, Any]:
    return {**lock.model_dump(exclude={"created", "source", "generator"}), "parent": lock.source.parent}
