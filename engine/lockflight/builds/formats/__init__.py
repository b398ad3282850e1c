"""Every format in which CIs say what they built, recognised by content and never by file name.

To add one: a module with `recognises` and `read`, a line in FORMATS, a sample under tests/builds/samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lockflight.builds.formats import (
    bake,
    build_push,
    buildx,
    homemade,
    images_lock,
    lockflight_record,
    metadata_action,
    skaffold,
)
from lockflight.builds.formats.documents import documents_in, with_lines
from lockflight.builds.formats.draft import Draft, Reading, value_at
from lockflight.errors import InputError, Problem
from lockflight.yaml_source import Document, YamlPath

__all__ = ["FORMATS", "Format", "Reading", "known_formats", "read_documents", "readings_in"]


@dataclass(frozen=True, slots=True)
class Format:
    """How one format is recognised and read; `name` is what messages and the docs call it."""

    name: str
    recognises: Callable[[Any], bool]
    read: Callable[[Document, YamlPath], list[Draft]]


# In the order in which they are tried; a document belongs to the first that recognises it.
FORMATS: tuple[Format, ...] = (
    Format("lockflight record", lockflight_record.recognises, lockflight_record.read),
    Format("docker buildx build --metadata-file", buildx.recognises, buildx.read),
    Format("docker buildx bake --metadata-file", bake.recognises, bake.read),
    Format("docker/build-push-action or bake-action outputs", build_push.recognises, build_push.read),
    Format("docker/metadata-action json", metadata_action.recognises, metadata_action.read),
    Format("skaffold build --file-output", skaffold.recognises, skaffold.read),
    Format("imgpkg ImagesLock", images_lock.recognises, images_lock.read),
    Format("home-made lock", homemade.recognises, homemade.read),
)


def known_formats() -> str:
    """The names of all formats, for a message."""
    return ", ".join(known.name for known in FORMATS)


def readings_in(text: str, file: str) -> list[Reading] | None:
    """The builds that a text tells of; None when it is in no known format. Problems are raised together."""
    return read_documents(documents_in(text, file), text)


def read_documents(documents: list[Document], text: str) -> list[Reading] | None:
    """The builds in documents that were read from `text`; None when they are in no known format."""
    if not any(_any_recognised(document) for document in documents):
        return None
    try:
        return _read_all(documents)
    except InputError:
        # JSON is read without lines, which is much faster; they are looked up only to complain.
        _read_all(with_lines(documents, text))
        raise


def _any_recognised(document: Document) -> bool:
    return any(_format_of(document, at) is not None for at in _entries(document))


def _entries(document: Document) -> list[YamlPath]:
    """A list holds one entry after the other, each perhaps in another format."""
    return [(n,) for n in range(len(document.data))] if isinstance(document.data, list) else [()]


def _format_of(document: Document, at: YamlPath) -> Format | None:
    data = value_at(document, at)
    return next((known for known in FORMATS if known.recognises(data)), None)


def _read_all(documents: list[Document]) -> list[Reading]:
    readings: list[Reading] = []
    problems: list[Problem] = []
    for document in documents:
        for at in _entries(document):
            drafts = _drafts(document, at)
            finished = [draft.finish() for draft in drafts]
            readings += [reading for reading in finished if reading is not None]
            problems += [problem for draft in drafts for problem in draft.problems] or _unpushed(drafts)
    if problems:
        raise InputError(problems)
    return readings


def _drafts(document: Document, at: YamlPath) -> list[Draft]:
    known = _format_of(document, at)
    if known is not None:
        return known.read(document, at)
    draft = Draft(document, at)
    draft.problem("is in none of the known formats", at, f"known are: {known_formats()}")
    return [draft]


def _unpushed(drafts: list[Draft]) -> list[Problem]:
    """A file that speaks of nothing but images which no registry has is of no use to a lock."""
    if not drafts or any(draft.pushed for draft in drafts):
        return []
    message = "holds no digest that can be deployed: it was built without push, so no registry has it"
    hint = "build with --push (push: true), and take the metadata of that build"
    return [Problem(message, draft.document.place(draft.at), hint) for draft in drafts]
