"""The `metadata` of a home-made lock: when, where and of what it was made, under the names that people use.

It informs and is part of no lock's id, so whatever is missing or malformed is left out with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lockflight import names
from lockflight.builds.formats.draft import mapping, shown
from lockflight.findings import Finding
from lockflight.locks.convert.incoming.foreign import as_line
from lockflight.locks.model import Source

SUBJECT = "metadata"
# The first name that is there counts; what stands deeper, in one of these mappings, counts after that.
_INNER = ("source", "git", "ci")
_CREATED = ("created", "created_at", "generated", "generated_at", "timestamp", "time", "date")
_PROJECT = ("project", "project_name")
_REPOSITORY = ("repository", "repository_url", "repo", "repo_url")
_REF = ("ref", "git_ref", "ref_name", "branch", "git_branch")
_COMMIT = ("commit", "commit_sha", "git_commit", "git_sha", "sha")
_PULL_REQUEST = ("pull_request", "pull_request_number", "pr", "pr_number")
_RUN = ("run", "run_url", "workflow_run", "workflow_run_url", "workflow_url", "build_url", "run_id")


@dataclass(frozen=True, slots=True)
class Metadata:
    project: str | None
    created: datetime | None
    source: Source
    findings: tuple[Finding, ...]


def read(data: Mapping[str, Any]) -> Metadata:
    reader = _Reader(data)
    source = Source(
        repository=reader.line(_REPOSITORY),
        ref=reader.line(_REF),
        commit=reader.fitting(_COMMIT, names.COMMIT),
        pull_request=reader.number(_PULL_REQUEST),
        run=reader.line(_RUN),
    )
    return Metadata(
        reader.fitting(_PROJECT, names.PROJECT), reader.moment(_CREATED), source, tuple(reader.findings)
    )


class _Reader:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.findings: list[Finding] = []

    def line(self, keys: tuple[str, ...]) -> str | None:
        for key, value in self._values(keys):
            text = as_line(str(value) if type(value) is int else value)
            if text is not None:
                return text
            self._note(key, value, "one line of text")
        return None

    def fitting(self, keys: tuple[str, ...], pattern: str) -> str | None:
        for key, value in self._values(keys):
            if isinstance(value, str) and re.fullmatch(pattern, value):
                return value
            self._note(key, value, "a full commit" if pattern == names.COMMIT else "a project name")
        return None

    def number(self, keys: tuple[str, ...]) -> int | None:
        for key, value in self._values(keys):
            text = str(value) if type(value) in (int, str) else ""
            if re.fullmatch(r"#?[1-9][0-9]{0,14}", text):
                return int(text.removeprefix("#"))
            self._note(key, value, "a number")
        return None

    def moment(self, keys: tuple[str, ...]) -> datetime | None:
        for key, value in self._values(keys):
            found = _moment(value)
            if found is not None and found.tzinfo is None:
                message = f"'{key}' says no time zone ({shown(value)}); it is taken as UTC"
                self.findings.append(Finding("metadata-no-zone", SUBJECT, message, note=True))
                found = found.replace(tzinfo=UTC)
            if found is not None and 2000 <= found.year < 3000:
                return found.astimezone(UTC)
            self._note(key, value, "a time such as 2026-11-21T08:00:00Z")
        return None

    def _values(self, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for data in (self._data, *(mapping(self._data.get(name)) for name in _INNER)):
            for key in keys:
                value = data.get(key)
                # A mapping may be one of the inner ones; it is looked into there.
                if value not in (None, "") and not isinstance(value, dict):
                    yield key, value

    def _note(self, key: str, value: Any, expected: str) -> None:
        message = f"'{key}' is left out: {shown(value)} is not {expected}"
        self.findings.append(Finding("malformed-metadata", SUBJECT, message, note=True))


def _moment(value: Any) -> datetime | None:
    """ISO 8601, or seconds since 1970."""
    try:
        if type(value) in (int, float):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
