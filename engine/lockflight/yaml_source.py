"""YAML as it was written: plain data, plus the line of every value, with bounds on what it may do to us.

The events of ruamel's parser (its C parser where there is one) are turned into data here, because a
ready-made loader either forgets the lines or expands aliases without a limit, and because keys that
stand twice must be refused and not silently win.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lockflight.errors import InputError, Place
from lockflight.files import decode_text, read_text

YamlPath = tuple[str | int, ...]

# A thousand services with twenty fields each come to 25,000; an alias bomb of ten levels to 10^10.
MOST_NODES = 400_000
_DEEPEST = 64

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
# Behind a letter or a digit it begins no comment.
_SIGN = re.compile(r"(?<=\W)#")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag of somebody's own, such as Compose's `!reset` and `!override`."""

    tag: str
    value: Any


@dataclass(slots=True)
class Document:
    """The data of one YAML or JSON text and where each part of it stands."""

    data: Any
    file: str
    lines: dict[YamlPath, int] = field(default_factory=dict)

    def place(self, path: YamlPath) -> Place:
        """The place of a path; of its nearest parent where the path itself is not in the text."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return Place(self.file, self.lines[path[:length]], dotted(path))
        return Place(self.file, None, dotted(path))


def dotted(path: YamlPath) -> str | None:
    """`services.cart.ports[0]`, as a person would write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or None


def read_document(path: Path, *, called: str | None = None) -> Document:
    return parse_document(read_text(path, called=called), called or str(path))


def decode_document(body: bytes, name: str) -> Document:
    return parse_document(decode_text(body, name), name)


def parse_document(text: str, name: str) -> Document:
    """Read exactly one document; YAML 1.2 rules for plain scalars, as Compose has them."""
    try:
        try:
            return _built(text, name, _parser(text))
        except _ColonInFlow:
            return _built(text, name, _pure_parser(text))
    except RecursionError as error:
        raise InputError("is nested too deeply", place=Place(name)) from error


class _ColonInFlow(Exception):
    """`{image: app:1}` and `[80:80]` are YAML 1.2, but the C parser knows 1.1 only, which wants quotes."""


def _built(text: str, name: str, parser: Any) -> Document:
    builder = _Builder(name)
    return Document(builder.build(_events(parser, text, name)), name, builder.lines)


def first_comment_behind_content(text: str, name: str) -> int | None:
    """The first line in which a comment stands behind something else; one that has a line to itself is none."""
    signs = {
        (number, sign.start())
        for number, line in enumerate(text.split("\n"))
        if not line.lstrip().startswith("#")
        for sign in _SIGN.finditer(line)
    }
    if not signs:
        return None
    for event in _events(_parser(text), text, name):
        if type(event).__name__ == "ScalarEvent":
            start, end = event.start_mark, event.end_mark
            first, last = (start.line, start.column), (end.line, end.column)
            signs = {sign for sign in signs if not first <= sign < last}
        if not signs:
            return None
    return min(signs)[0] + 1


def parse_json(text: str, name: str) -> Any:
    """JSON with keys that stand twice refused; faster than reading it as YAML."""
    try:
        return json.loads(text, object_pairs_hook=partial(_unique_pairs, name))
    except json.JSONDecodeError as error:
        raise InputError(f"is not valid JSON: {error.msg}", place=Place(name, error.lineno)) from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise InputError(f"is not valid JSON: {error}", place=Place(name)) from error
    except RecursionError as error:
        raise InputError("is nested too deeply", place=Place(name)) from error


def _unique_pairs(name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"the key '{twice}' stands there twice", place=Place(name))
    return found


def _events(parser: Any, text: str, name: str) -> Iterator[Any]:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        while parser.check_event():
            yield parser.get_event()
    except MarkedYAMLError as error:
        if error.problem == "found unexpected ':'" and type(parser).__name__ == "CParser":
            raise _ColonInFlow from error
        mark = error.problem_mark or error.context_mark
        raise _syntax_error(error.problem or error.context or "cannot be read", mark, text, name) from error
    except (YAMLError, ValueError, IndexError) as error:
        raise InputError(f"is not valid YAML: {error}".splitlines()[0], place=Place(name)) from error


def _parser(text: str) -> Any:
    try:
        from _ruamel_yaml import CParser  # type: ignore[import-not-found]
    except ImportError:  # no C parser for this Python: the pure one gives the same events, slower
        return _pure_parser(text)
    return CParser(text)


def _pure_parser(text: str) -> Any:
    from ruamel.yaml import YAML

    _, parser = YAML(typ="safe", pure=True).get_constructor_parser(text)
    return parser


def _syntax_error(problem: str, mark: Any, text: str, name: str) -> InputError:
    line = mark.line + 1 if mark is not None else None
    hint = None
    lines = text.splitlines()
    if line and line <= len(lines):
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]
        if "\t" in indent or "\\t" in problem or "tab" in problem:
            problem, hint = "a tab is used for indentation", "YAML wants spaces: replace the tab with spaces"
    return InputError(f"is not valid YAML: {problem}", place=Place(name, line), hint=hint)


class _Builder:
    """Turns events into data. Aliases build the same events again, against one budget of nodes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[YamlPath, int] = {}
        self._anchors: dict[str, list[Any]] = {}
        self._open: list[list[Any]] = []
        self._nodes = 0

    def build(self, events: Iterator[Any]) -> Any:
        data: Any = None
        documents = 0
        stream = self._recorded(events)
        for event in stream:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self._fail("holds several documents; one is expected", event)
            elif kind not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                data = self._value(event, stream, ())
        return data

    def _recorded(self, events: Iterator[Any]) -> Iterator[Any]:
        """The events, remembered for every anchor that is open while they pass."""
        depth: list[int] = []
        for event in events:
            kind = type(event).__name__
            anchor = getattr(event, "anchor", None)
            if anchor and kind != "AliasEvent":
                self._anchors[anchor] = []
                self._open.append(self._anchors[anchor])
                depth.append(0)
            for position, recording in enumerate(self._open):
                recording.append(event)
                depth[position] += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            while self._open and depth[-1] == 0:
                self._open.pop()
                depth.pop()
            yield event

    def _value(self, event: Any, stream: Iterator[Any], path: YamlPath) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES or len(path) > _DEEPEST:
            self._fail(
                "grows beyond all bounds (an alias bomb?): write values out instead of nesting aliases", event
            )
        kind = type(event).__name__
        if event.start_mark is not None and path not in self.lines:
            self.lines[path] = event.start_mark.line + 1
        if kind == "AliasEvent":
            return self._alias(event, path)
        if kind == "ScalarEvent":
            return self._scalar(event)
        data = self._mapping(stream, path) if kind == "MappingStartEvent" else self._list(stream, path)
        tag = _own_tag(event)
        return Tagged(tag, data) if tag else data

    def _alias(self, event: Any, path: YamlPath) -> Any:
        if event.anchor not in self._anchors:
            self._fail(f"the alias *{event.anchor} has no anchor before it", event)
        recording = self._anchors[event.anchor]
        if any(recording is still_open for still_open in self._open):
            self._fail(f"the alias *{event.anchor} stands inside its own anchor", event)
        replay = iter(recording)
        return self._value(next(replay), replay, path)

    def _list(self, stream: Iterator[Any], path: YamlPath) -> list[Any]:
        found: list[Any] = []
        for event in stream:
            if type(event).__name__ == "SequenceEndEvent":
                break
            found.append(self._value(event, stream, (*path, len(found))))
        return found

    def _mapping(self, stream: Iterator[Any], path: YamlPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        for event in stream:
            if type(event).__name__ == "MappingEndEvent":
                break
            is_merge = type(event).__name__ == "ScalarEvent" and event.value == "<<" and not event.style
            key = self._key(event, stream, path)
            here = (*path, key)
            if key in found or (is_merge and merged):
                self._fail(f"the key '{key}' stands there twice", event, here)
            self.lines[here] = event.start_mark.line + 1
            value_event = next(stream)
            if is_merge:
                merged = self._merge_sources(self._value(value_event, stream, here), event)
            else:
                found[key] = self._value(value_event, stream, here)
        for source in merged:
            for key, value in source.items():
                found.setdefault(key, value)
        return found

    def _key(self, event: Any, stream: Iterator[Any], path: YamlPath) -> str:
        if type(event).__name__ == "AliasEvent":
            value = self._alias(event, path)
        elif type(event).__name__ == "ScalarEvent":
            # The text of a key is what a person sees, whatever type YAML would give it (`on:`, `1:`).
            return str(event.value)
        else:
            value = self._value(event, stream, (*path, "?"))
        if not isinstance(value, str):
            self._fail("a key must be a word", event, path)
        return str(value)

    def _merge_sources(self, value: Any, event: Any) -> list[dict[str, Any]]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._fail("a merge key (<<) takes a mapping or a list of mappings", event)
        return sources

    def _scalar(self, event: Any) -> Any:
        tag = _own_tag(event)
        if tag:
            return Tagged(tag, _plain(event.value) if not event.style else event.value)
        explicit = _tag_text(event)
        if explicit is None or explicit == "!":
            return event.value if event.style or explicit == "!" else _plain(event.value)
        kind = explicit.rsplit(":", 1)[-1]
        if kind == "str":
            return event.value
        value = _plain(event.value)
        expected = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.get(kind)
        if expected is None or not isinstance(value, expected):  # type: ignore[arg-type]
            self._fail(f"the value {event.value!r} is no {kind}", event)
        return value

    def _fail(self, message: str, event: Any, path: YamlPath = ()) -> Any:
        line = event.start_mark.line + 1 if event.start_mark is not None else None
        raise InputError(message, place=Place(self.name, line, dotted(path)))


def _tag_text(event: Any) -> str | None:
    tag = event.ctag if hasattr(event, "ctag") else event.tag
    return None if tag is None else str(tag)


def _own_tag(event: Any) -> str | None:
    tag = _tag_text(event)
    if tag is None or tag == "!" or tag.startswith(("tag:yaml.org,2002:", "!!")):
        return None
    return tag


def _plain(text: str) -> Any:
    """What an unquoted scalar means in YAML 1.2, which is what Compose reads."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 400 else text
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
