"""The documents in a text: YAML, JSON, or several JSON values one after the other (as in NDJSON)."""

from __future__ import annotations

import json
from typing import Any

from lockflight.errors import InputError, Place
from lockflight.yaml_source import Document, parse_document


class _Twice(ValueError):
    """A key that stands twice in one mapping."""


def documents_in(text: str, file: str) -> list[Document]:
    """Every document of the text. JSON is read by the JSON parser: it is faster, and allows tabs."""
    if text.lstrip()[:1] not in ("{", "["):
        return [parse_document(text, file)]
    try:
        return _json_values(text, file)
    except _Twice as error:
        # Read as YAML, the same text is refused with the line.
        parse_document(text, file)
        raise InputError(str(error), place=Place(file)) from error
    except RecursionError as error:
        raise InputError("is nested too deeply", place=Place(file)) from error
    except ValueError as error:
        return [_flow_yaml(text, file, error)]


def with_lines(documents: list[Document], text: str) -> list[Document]:
    """The same documents with the line of every value, where the text can be read as YAML."""
    if len(documents) != 1 or documents[0].lines:
        return documents
    try:
        return [parse_document(text, documents[0].file)]
    except InputError:
        return documents


def _json_values(text: str, file: str) -> list[Document]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    found: list[tuple[Any, int]] = []
    position = _skip(text, 0)
    while position < len(text):
        value, end = decoder.raw_decode(text, position)
        found.append((value, position))
        position = _skip(text, end)
    if len(found) == 1:
        return [Document(found[0][0], file)]
    return [Document(value, file, {(): text.count("\n", 0, start) + 1}) for value, start in found]


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(f"the key '{next(key for key in keys if keys.count(key) > 1)}' stands there twice")
    return found


def _flow_yaml(text: str, file: str, error: ValueError) -> Document:
    """YAML in braces may be meant; if it is neither, the JSON parser's complaint is the clearer one."""
    try:
        return parse_document(text, file)
    except InputError:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long"
        raise InputError(f"is not valid JSON: {reason}", place=Place(file, line)) from error
