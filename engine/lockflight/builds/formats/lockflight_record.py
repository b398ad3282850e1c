"""The record that `lockflight record` writes (schema: schemas/record.schema.json)."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from lockflight import names
from lockflight.builds.formats.draft import Draft, mapping, value_at
from lockflight.builds.model import RecordFile
from lockflight.errors import Problem
from lockflight.models import problems_of
from lockflight.yaml_source import Document, YamlPath

MARK = "lockflight_record"
VERSION = 1


def recognises(data: Any) -> bool:
    """A mapping that says it is one: `lockflight_record: 1`."""
    return MARK in mapping(data)


def read(document: Document, at: YamlPath) -> list[Draft]:
    """The record; every field is checked strictly, because this format is ours."""
    data = value_at(document, at)
    draft = Draft(document, at, name=data.get("service") if isinstance(data.get("service"), str) else None)
    version = data[MARK]
    if type(version) is int and version != VERSION:
        draft.problem(
            f"is a record of version {version}; this lockflight reads version {VERSION}",
            (*at, MARK),
            "use the lockflight that made it, or a newer one",
        )
        return [draft]
    draft.problems += _problems(document, at)
    if not draft.problems:
        _fill(draft, data)
    return [draft]


def _fill(draft: Draft, data: dict[str, Any]) -> None:
    for field, value in data.items():
        if field != MARK:
            draft.put(field, value, (*draft.at, field))
    if data.get("image"):
        reference = names.parse_reference(data["image"])
        draft.references.append(reference.with_tag(data["tag"]) if data.get("tag") else reference)


def _problems(document: Document, at: YamlPath) -> list[Problem]:
    """What is wrong with the record, at the lines of the whole document."""
    data = value_at(document, at)
    here = {path[len(at) :]: line for path, line in document.lines.items() if path[: len(at)] == at}
    part = Document(data, document.file, here or document.lines)
    try:
        RecordFile.model_validate(data)
    except ValidationError as error:
        return problems_of(error, RecordFile, part)
    return []
