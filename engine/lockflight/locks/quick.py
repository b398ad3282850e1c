"""Proving the id of a lock that stands in its canonical text, without loading any library.

The canonical text is a regular language, so one expression per entry both reads and checks it. This path
only ever says "well-formed, and this is its id"; on any doubt it says nothing, and the full reader, whose
messages a person sees, decides. A test holds the two against each other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from lockflight import names
from lockflight.yaml_text import PLAIN


def _value(pattern: str, end: str = r"\n") -> str:
    """Text of that pattern as the canonical writer puts it: plain where it may be, else in quotes."""
    return rf'(?:"{pattern}"|(?={pattern}{end}){PLAIN})'


# What needs escapes in quotes is left to the full reader.
_LINE = _value(r'[^"\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,1000}')
_LINE_KEY = _value(r'[^"\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,1000}', ":")
_NAME = _value(names.SERVICE, ":")
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_TIME = rf'"[1-9][0-9]{{3}}-{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"'

_HEAD = re.compile(
    rf"(?:# yaml-language-server: \$schema=[!-~]+\n)?"
    rf"version: 1\nid: (?P<id>{_value(names.LOCK_ID)})\nproject: (?P<project>{_value(names.PROJECT)})\n"
    rf"created: {_TIME}\n(?:source:\n(?:  repository: {_LINE}\n)?(?:  ref: {_LINE}\n)?"
    rf"(?:  commit: {_value(names.COMMIT)}\n)?(?:  pull_request: [1-9][0-9]{{0,15}}\n)?"
    rf"(?:  run: {_LINE}\n)?(?:  parent: {_value(names.LOCK_ID)}\n)?(?<!source:\n))?"
    rf"generator: {_LINE}\nservices:\n"
)
_SERVICE = re.compile(
    rf"  (?P<name>{_NAME}):\n    commit: (?P<commit>{_value(names.COMMIT)})\n"
    rf"(?:    repository: {_LINE}\n)?(?:    path: {_LINE}\n)?"
    rf"(?:    image: (?P<image>{_value(names.IMAGE)})\n(?:    tag: {_value(names.TAG)}\n)?"
    rf"    digest: (?P<digest>{names.DIGEST})\n(?:    media_type: {_LINE}\n)?)?"
    rf"(?:    platforms:\n(?P<platforms>(?:      {names.PLATFORM}: {names.DIGEST}\n)+))?"
    rf"(?:    version: {_LINE}\n)?(?:    built: {_TIME}\n)?"
    rf"(?:    api:\n      path: {_LINE}\n      digest: (?P<api>{names.DIGEST})\n)?(?:    origin: {_LINE}\n)?"
)
_IMAGE = re.compile(
    rf"  (?P<name>{_NAME}):\n    image: (?P<image>{_value(names.IMAGE)})\n(?:    tag: {_value(names.TAG)}\n)?"
    rf"    digest: (?P<digest>{names.DIGEST})\n"
)
_CONFIG = re.compile(rf"  (?P<name>{_LINE_KEY}): (?P<digest>{names.DIGEST})\n")
_PLATFORM = re.compile(rf"({names.PLATFORM}): ({names.DIGEST})")


class _NotCanonical(Exception):
    pass


def proven_id(text: str) -> str | None:
    """The id of a canonical lock that is well-formed and carries the right id; None when in any doubt."""
    try:
        claimed, content = _read(text)
    except _NotCanonical:
        return None
    # For ASCII this is byte for byte the RFC 8785 form: sorted keys, no white space, the same escapes.
    form = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return claimed if hashlib.sha256(form.encode()).hexdigest() == claimed else None


def proven_name(text: str) -> tuple[str, str] | None:
    """The project and the id of such a lock; None when in any doubt."""
    lock_id = proven_id(text)
    head = _HEAD.match(text)
    return (_unquoted(head["project"]), lock_id) if lock_id is not None and head is not None else None


def service_count(text: str) -> int:
    """How many services a lock of proven form has."""
    return len(re.findall(r"^    commit: ", text, re.MULTILINE))


def _read(text: str) -> tuple[str, dict[str, Any]]:
    head = _HEAD.match(text)
    if head is None or not text.isascii():
        raise _NotCanonical
    services, position = _entries(_SERVICE, text, head.end())
    images, position = _section("images:\n", _IMAGE, text, position)
    config, position = _section("config:\n", _CONFIG, text, position)
    if position != len(text) or not services:
        raise _NotCanonical
    return _unquoted(head["id"]), {
        "version": 1,
        "project": _unquoted(head["project"]),
        "services": {name: _service(match) for name, match in services.items()},
        "images": {name: _given(match, ("image", "digest")) for name, match in images.items()},
        "config": {name: match["digest"] for name, match in config.items()},
    }


def _section(
    title: str, entry: re.Pattern[str], text: str, position: int
) -> tuple[dict[str, re.Match[str]], int]:
    if not text.startswith(title, position):
        return {}, position
    found, end = _entries(entry, text, position + len(title))
    if not found:
        raise _NotCanonical
    return found, end


def _entries(entry: re.Pattern[str], text: str, position: int) -> tuple[dict[str, re.Match[str]], int]:
    found: dict[str, re.Match[str]] = {}
    for match in _matches(entry, text, position):
        name = _unquoted(match["name"])
        if name in found:
            raise _NotCanonical
        found[name] = match
        position = match.end()
    return found, position


def _matches(entry: re.Pattern[str], text: str, position: int) -> Iterator[re.Match[str]]:
    while match := entry.match(text, position):
        yield match
        position = match.end()


def _service(match: re.Match[str]) -> dict[str, Any]:
    covered: dict[str, Any] = dict(_given(match, ("commit", "image", "digest")))
    if match["platforms"]:
        pairs = _PLATFORM.findall(match["platforms"])
        covered["platforms"] = dict(pairs)
        if len(covered["platforms"]) != len(pairs):
            raise _NotCanonical
    if match["api"]:
        covered["api"] = {"digest": match["api"]}
    return covered


def _given(match: re.Match[str], fields: tuple[str, ...]) -> dict[str, str]:
    return {field: _unquoted(match[field]) for field in fields if match[field]}


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text
