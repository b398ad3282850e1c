"""JUnit XML as everybody writes it: read in one pass, with bounds, and with no trust in it.

Test cases are counted, and the counts that the file itself states are not believed: they disagree too often. But
one that says of itself that something failed is never taken for a good one.
A file with a document type is refused, for what it may define ("billion laughs") nobody needs.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal
from xml.etree.ElementTree import ParseError, XMLParser

from lockflight.logs import printable
from lockflight.stacks.suites.model import MOST_FAILED_CASES, Counts, FailedCase

LARGEST_REPORT = 64 * 1024 * 1024
_PIECE = 64 * 1024
_LONGEST_NAME = 200
_LONGEST_MESSAGE = 300
_MOST_LINES = 3
# Enough text of a failure to find its first lines in.
_LONGEST_TEXT = 4000
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Colours of a terminal and the like: XML forbids them, and reporters write them all the same.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"\s*0*([0-9]{1,9})\s*")
_SKIPPED_STATUS = frozenset({"notrun", "skipped", "disabled"})
_Verdict = Literal["passed", "failure", "error", "skipped"]


class _Unreadable(Exception):
    """Why a file is no report."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one file says, or the problem with it; what was counted before the problem stays counted."""

    counts: Counts
    failed_cases: tuple[FailedCase, ...] = ()
    problem: str = ""


def read_junit(stream: BinaryIO, largest: int = LARGEST_REPORT) -> Report:
    """Read one report; a broken one is a report with a problem, never an exception."""
    reader = _Reader()
    problem = ""
    try:
        # The parser calls the reader's methods below; it builds no tree.
        parser = XMLParser(target=reader)  # noqa: S314
        for text in _texts(stream, largest):
            parser.feed(text)
        parser.close()
    except ParseError as error:
        line, column = error.position
        problem = f"is no complete XML: {_reason(error)} at line {line}, column {column + 1}"
    except (UnicodeError, LookupError, ValueError) as error:
        problem = f"cannot be read: {error}"
    except (_Unreadable, OSError) as error:
        problem = str(error)
    return Report(reader.counts(), tuple(reader.failed), problem)


def _reason(error: ParseError) -> str:
    return str(error).split(": line ", maxsplit=1)[0]


def _texts(stream: BinaryIO, largest: int) -> Iterator[str]:
    """The file as text in pieces, whatever its encoding; what is no text in it becomes a replacement mark."""
    first = stream.read(_PIECE)
    if not first.strip():
        raise _Unreadable("is empty")
    decoder = codecs.getincrementaldecoder(_encoding(first))("replace")
    piece, read = first, 0
    while piece:
        read += len(piece)
        if read > largest:
            raise _Unreadable(f"is larger than {largest / 2**20:.0f} MiB")
        yield _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", decoder.decode(piece))
        piece = stream.read(_PIECE)
    yield _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", decoder.decode(b"", final=True))


def _encoding(first: bytes) -> str:
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            return encoding
    if first.startswith((b"<\0", b"\0<")):
        return "utf-16-le" if first[1:2] == b"\0" else "utf-16-be"
    declared = _DECLARED.match(first)
    name = declared[1].decode() if declared else "utf-8"
    # One that says UTF-16 and has been read this far is wrong: it was converted without its first line.
    if name.lower().startswith(("utf-16", "utf16", "ucs")):
        return "utf-8"
    # Refuses what is no encoding of text, such as 'hex'; of no bytes at all anything would be one.
    b"<".decode(name, "replace")
    return name


@dataclass(slots=True)
class _Bad:
    failures: int = 0
    errors: int = 0

    @property
    def all(self) -> int:
        return self.failures + self.errors

    def add(self, other: _Bad) -> None:
        self.failures += other.failures
        self.errors += other.errors


@dataclass(slots=True)
class _Suite:
    """One that is open: what it states of itself, and what was found in it."""

    name: str
    stated: _Bad
    found: _Bad = field(default_factory=_Bad)


class _Reader:
    """Told by the parser what comes; keeps numbers and a few short texts, and never the whole."""

    def __init__(self) -> None:
        self.failed: list[FailedCase] = []
        self._numbers: dict[_Verdict, int] = {"passed": 0, "failure": 0, "error": 0, "skipped": 0}
        self._depth = 0
        # The suites that are open, the outermost first.
        self._suites: list[_Suite] = []
        # Failures and errors that suites state and no test case has.
        self._unseen = _Bad()
        self._case: str | None = None
        self._case_depth = 0
        self._verdict: _Verdict = "passed"
        self._message = ""
        # The text of the failure that is open, and how deep that is.
        self._text: list[str] = []
        self._text_length = 0
        self._text_depth = 0

    def counts(self) -> Counts:
        # Of a file that ends too early, the suites that are open count as well.
        while self._suites:
            self._close_suite()
        numbers = self._numbers
        failures = numbers["failure"] + self._unseen.failures
        errors = numbers["error"] + self._unseen.errors
        tests = max(sum(numbers.values()), failures + errors + numbers["skipped"])
        return Counts(tests, failures, errors, numbers["skipped"])

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        """Called before anything that a document type defines is used."""
        raise _Unreadable("has a document type (<!DOCTYPE …>), which no test report needs")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition("}")[2]
        self._depth += 1
        if self._depth == 1 and tag not in ("testsuites", "testsuite"):
            raise _Unreadable(f"is no JUnit XML: it begins with <{printable(tag[:40])}>")
        if self._case is None and tag in ("testsuites", "testsuite"):
            stated = _Bad(_number(attributes, "failures"), _number(attributes, "errors"))
            self._suites.append(_Suite(attributes.get("name", "")[:_LONGEST_NAME], stated))
        elif self._case is None and tag == "testcase":
            self._open_case(_case_name(attributes), self._depth)
            self._verdict = "skipped" if _says_skipped(attributes) else "passed"
        elif tag in ("failure", "error", "skipped"):
            self._trouble(tag, attributes)

    def data(self, text: str) -> None:
        if self._text_depth and self._text_length < _LONGEST_TEXT:
            self._text.append(text[:_LONGEST_TEXT])
            self._text_length += len(text)

    def end(self, tag: str) -> None:
        tag = tag.rpartition("}")[2]
        if self._depth == self._text_depth:
            self._message = self._message or _first_lines("".join(self._text))
            self._text_depth = 0
        if self._case is not None and self._depth == self._case_depth:
            self._close_case(self._case)
        elif self._case is None and tag in ("testsuites", "testsuite"):
            self._close_suite()
        self._depth -= 1

    def close(self) -> None:
        """The parser wants to call it at the end."""

    def _close_suite(self) -> None:
        """What a suite states counts with those inside it: outer ones sum up what inner ones say."""
        suite = self._suites.pop()
        stated, found = suite.stated, suite.found
        if stated.all > found.all:
            unseen = _Bad(max(0, stated.failures - found.failures), max(0, stated.errors - found.errors))
            self._unseen.add(unseen)
            found.add(unseen)
            if len(self.failed) < MOST_FAILED_CASES:
                says = f"states {stated.failures} failures and {stated.errors} errors, more than its test cases have"
                self.failed.append(FailedCase(_short(suite.name or "the whole suite"), says))
        if self._suites:
            self._suites[-1].found.add(found)

    def _open_case(self, name: str, depth: int) -> None:
        self._case, self._case_depth = name, depth
        self._message = ""

    def _close_case(self, name: str) -> None:
        self._numbers[self._verdict] += 1
        if self._suites:
            self._suites[-1].found.add(_Bad(int(self._verdict == "failure"), int(self._verdict == "error")))
        if self._verdict in ("failure", "error") and len(self.failed) < MOST_FAILED_CASES:
            self.failed.append(FailedCase(name, self._message))
        self._case, self._case_depth, self._verdict = None, 0, "passed"

    def _trouble(self, tag: str, attributes: dict[str, str]) -> None:
        if self._case is None and tag == "skipped":
            return
        if self._case is None:
            # A suite that failed as a whole, in its set-up for instance: it counts as one case.
            self._open_case(
                _short((self._suites[-1].name if self._suites else "") or "the whole suite"), self._depth
            )
        elif self._depth != self._case_depth + 1:
            return
        if _RANK[tag] > _RANK[self._verdict]:
            self._verdict = _VERDICTS[tag]
            self._message = _first_lines(attributes.get("message", ""))
            self._text, self._text_length, self._text_depth = [], 0, self._depth


_VERDICTS: dict[str, _Verdict] = {"failure": "failure", "error": "error", "skipped": "skipped"}
_RANK = {"passed": 0, "skipped": 1, "error": 2, "failure": 3}


def _number(attributes: dict[str, str], name: str) -> int:
    found = _NUMBER.fullmatch(attributes.get(name, ""))
    return int(found[1]) if found else 0


def _says_skipped(attributes: dict[str, str]) -> bool:
    """As googletest says it of disabled tests."""
    return attributes.get("status", "").lower() in _SKIPPED_STATUS


def _case_name(attributes: dict[str, str]) -> str:
    group, name = attributes.get("classname", ""), attributes.get("name", "")
    if not group or group == name:
        return _short(name or "a test without a name")
    return _short(f"{group}.{name}" if name else group)


def _short(name: str) -> str:
    line = printable(" ".join(name.split()))
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def _first_lines(text: str) -> str:
    lines = [line.rstrip() for line in text[:_LONGEST_TEXT].splitlines() if line.strip()]
    kept = printable("\n".join(lines[:_MOST_LINES]).strip(), keep="\n")
    return kept if len(kept) <= _LONGEST_MESSAGE else f"{kept[: _LONGEST_MESSAGE - 1]}…"
