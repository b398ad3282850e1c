"""Gathering records from files, folders, globs and standard input.

A file that is named must be in a known format. What lies in a folder, or is found by a glob, may be anything:
a CI's artefacts hold reports beside records. There, only a file that is called JSON or YAML and is neither in
a known format nor one of the well-known other things (`unrelated.py`) is refused, because it may be a record
that would be lost silently; any other file that holds no record is passed over.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lockflight import names
from lockflight.builds.formats import known_formats, read_documents
from lockflight.builds.formats.documents import documents_in
from lockflight.builds.formats.draft import Reading
from lockflight.builds.formats.unrelated import is_unrelated
from lockflight.builds.model import Found
from lockflight.errors import InputError, Place, Problem
from lockflight.files import LARGEST_TEXT, decode_text, read_text
from lockflight.yaml_source import Document

STDIN = "-"
_DATA = frozenset({".json", ".yaml", ".yml", ".ndjson", ".jsonl"})
# A file in a folder that is not called JSON or YAML is looked into only when it is small: records are.
_LARGEST_UNNAMED = 1024 * 1024
_UNKNOWN = "unknown-format"
_NARROWER = "name the records' own folder, or a narrower pattern"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    called: str
    # Whether the person named this very file, so that it must be a record.
    named: bool


def collect(sources: Sequence[str], *, stdin: BinaryIO, base: Path) -> list[Found]:
    """Every record in the sources, in their order, files of one source sorted; all problems at once."""
    found: list[Found] = []
    problems: list[Problem] = []
    seen: set[Path] = set()
    for source in dict.fromkeys(sources):
        try:
            found += _from_source(source, stdin, base, seen)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(_with_formats(problems))
    return found


def _with_formats(problems: list[Problem]) -> list[Problem]:
    """The problems, the last one about an unknown format with the formats that there are: once is enough."""
    last = max((n for n, problem in enumerate(problems) if problem.code == _UNKNOWN), default=None)
    return [
        replace(problem, message=f"{problem.message}: {known_formats()}") if n == last else problem
        for n, problem in enumerate(problems)
    ]


def _from_source(source: str, stdin: BinaryIO, base: Path, seen: set[Path]) -> list[Found]:
    if source == STDIN:
        text = decode_text(_bounded(stdin), "stdin")
        return _found(_known(text, "stdin"), "stdin")
    files = _files(source, base)
    found: list[Found] = []
    problems: list[Problem] = []
    read_before = 0
    for file in files:
        real = file.path.resolve()
        if real in seen:
            read_before += 1
            continue
        seen.add(real)
        try:
            found += _found(_read(file), file.called)
        except InputError as error:
            problems += error.problems
    if not found and not problems and not read_before:
        what = f"none of its {len(files)} files is a record" if files else "matches nothing"
        problems.append(_nothing(source, what))
    if problems:
        raise InputError(problems)
    return found


def _nothing(source: str, what: str) -> Problem:
    return Problem(what, Place(source), f"known formats: {known_formats()}", "no-record")


def _bounded(stdin: BinaryIO) -> bytes:
    body = stdin.read(LARGEST_TEXT + 1)
    if len(body) > LARGEST_TEXT:
        raise InputError(f"is too large; at most {LARGEST_TEXT / 1e6:.1f} MB are read", place=Place("stdin"))
    return body


def _files(source: str, base: Path) -> list[_File]:
    path = base / source
    if path.is_dir():
        return [_File(file, _called(file, base), False) for file in _walk(path)]
    if path.exists() or not glob.has_magic(source):
        return [_File(path, _called(path, base), True)]
    # Path.glob takes no absolute pattern and looks into hidden folders.
    found = glob.glob(source, root_dir=base, recursive=True)  # noqa: PTH207
    matches = sorted(base / name for name in found)
    return [_File(match, _called(match, base), False) for match in matches if match.is_file()]


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, sorted; what starts with a dot is passed over, as a glob does it."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            # Pipes and devices are no artefacts, and reading them could wait for ever.
            if not name.startswith(".") and path.is_file():
                yield path


def _called(path: Path, base: Path) -> str:
    """The path as a lock shows it: relative to the base where it lies inside, absolute otherwise."""
    # Not resolved: a record that is a link keeps the name that the person knows.
    given, inside = Path(os.path.abspath(path)), Path(os.path.abspath(base))  # noqa: PTH100
    shown = given.relative_to(inside) if given.is_relative_to(inside) else given
    return names.writable(_CONTROL.sub("?", shown.as_posix()))


def _read(file: _File) -> list[Reading]:
    if file.named:
        return _known(read_text(file.path, called=file.called), file.called)
    if file.path.suffix.lower() not in _DATA:
        return _if_known(file)
    text = read_text(file.path, called=file.called)
    documents = _documents(text, file.called)
    readings = read_documents(documents, text)
    if readings is not None:
        return readings
    if all(is_unrelated(document.data) for document in documents):
        return []
    raise _unknown(file.called, _NARROWER)


def _documents(text: str, called: str) -> list[Document]:
    """The documents of a file that nobody named; what cannot be read may be none of the records at all."""
    try:
        return documents_in(text, called)
    except InputError as error:
        raise InputError(
            replace(problem, hint=problem.hint or _NARROWER) for problem in error.problems
        ) from error


def _if_known(file: _File) -> list[Reading]:
    """The records in a file of any name; one that cannot be read as data at all is none of ours."""
    try:
        if file.path.stat().st_size > _LARGEST_UNNAMED:
            return []
        text = read_text(file.path, called=file.called)
        documents = documents_in(text, file.called)
    except (InputError, OSError):
        return []
    return read_documents(documents, text) or []


def _known(text: str, called: str) -> list[Reading]:
    readings = read_documents(documents_in(text, called), text)
    if readings is None:
        raise _unknown(called)
    return readings


def _unknown(called: str, hint: str | None = None) -> InputError:
    return InputError(
        "is in none of the known formats",
        place=Place(called),
        hint=hint,
        code=_UNKNOWN,
    )


def _found(readings: list[Reading], called: str) -> list[Found]:
    """Readings with their origin; those of a file with several say which they are."""
    found = []
    for position, reading in enumerate(readings, 1):
        several = reading.shared or len(readings) > 1
        suffix = f"#{_CONTROL.sub('?', reading.name or str(position))}" if several else ""
        found.append(
            Found(
                reading.record,
                f"record {called}{suffix}",
                reading.target,
                reading.references,
                reading.shared,
                reading.pushed,
            )
        )
    return found
