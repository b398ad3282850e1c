"""Showing an import: a row for each file, totals by finding, and the findings themselves where asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lockflight.cli.context import Context
from lockflight.cli.failures import as_data, print_problem, say
from lockflight.cli.tables import plural, table
from lockflight.errors import Place
from lockflight.findings import refusals
from lockflight.locks.convert.incoming.kept import finding_data, messages
from lockflight.logs import log

if TYPE_CHECKING:
    from lockflight.findings import Finding
    from lockflight.locks.convert.incoming.importing import Imported, Read, Unreadable

# What becomes of a file that may be a lock and cannot be read as one.
_UNREADABLE = "refused"


def show(context: Context, read: Read, imported: Sequence[Imported], outcomes: Sequence[str]) -> None:
    """What could not be read and asked to stderr, the summary to stdout."""
    for problem in read.problems:
        print_problem(problem)
    if not imported and not read.problems:
        say("error: none of the files is a lock of a known kind")
    _show_findings(context, imported)
    for failure in messages([failure for one in imported for failure in one.failures]):
        say(f"error: {failure}")
    if read.passed_over:
        names = ", ".join(file.called for file in read.passed_over)
        context.detail(f"passed over, as they are something else: {names}")
    if context.as_json:
        context.json(_as_data(read, imported, outcomes))
    elif imported or read.unreadable:
        context.result(_as_text(read, imported, outcomes))


def _show_findings(context: Context, imported: Sequence[Imported]) -> None:
    """Of one file all of them; of many only what a person who wants more asked for: they are in the files."""
    for one in imported:
        for finding in one.findings:
            log.event("finding", file=one.file.called, **finding_data(finding))
            if (len(imported) == 1 and not (finding.note and context.quiet)) or context.verbose:
                problem = replace(finding.as_problem(), place=Place(one.file.called))
                print_problem(problem, level="note" if finding.note else "error")


def _as_text(read: Read, imported: Sequence[Imported], outcomes: Sequence[str]) -> str:
    rows = [
        [
            one.file.called,
            str(one.services),
            str(one.resolved),
            str(len(refusals(one.findings))),
            outcome,
            one.lock.id[:12] if one.lock else "-",
        ]
        for one, outcome in zip(imported, outcomes, strict=True)
    ]
    rows += [[one.file.called, "-", "-", "-", _UNREADABLE, "-"] for one in read.unreadable]
    parts = [table(["FILE", "SERVICES", "RESOLVED", "FINDINGS", "LOCK", "ID"], rows)]
    if read.unreadable:
        reasons = [[one.file.called, _reason(one)] for one in read.unreadable]
        parts.append(table(["CANNOT BE READ", "WHY"], reasons, wrap_last=True))
    totals = _totals(imported)
    if totals:
        listed = [[code, _kind(finding), str(count)] for (code, finding), count in totals]
        parts.append(table(["FINDING", "", "COUNT"], listed))
    parts.append(_last_line([*outcomes, *(_UNREADABLE for _ in read.unreadable)]) + "\n")
    return "\n".join(parts)


def _kind(is_note: bool) -> str:
    return "note" if is_note else "refuses"


def _totals(imported: Sequence[Imported]) -> list[tuple[tuple[str, bool], int]]:
    """How often each finding was made; what refuses comes first, then the most frequent."""
    counts = Counter((finding.code, finding.note) for one in imported for finding in one.findings)
    return sorted(counts.items(), key=lambda entry: (entry[0][1], -entry[1], entry[0][0]))


def _last_line(outcomes: Sequence[str]) -> str:
    counts = Counter(outcomes)
    said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    return f"{plural(len(outcomes), 'file')}: {said}"


def _reason(unreadable: Unreadable) -> str:
    """Why, without the file's name, which stands beside it."""
    return "; ".join(
        ": ".join(filter(None, (_position(problem.place), problem.message)))
        for problem in unreadable.problems
    )


def _position(place: Place) -> str:
    line = f"line {place.line}" if place.line else ""
    return ", ".join(filter(None, (line, place.path or "")))


def _as_data(read: Read, imported: Sequence[Imported], outcomes: Sequence[str]) -> dict[str, Any]:
    everything: list[Finding] = [finding for one in imported for finding in one.findings]
    return {
        "files": [
            *(_file_data(one, outcome) for one, outcome in zip(imported, outcomes, strict=True)),
            *(_unreadable_data(one) for one in read.unreadable),
        ],
        "passed_over": [file.called for file in read.passed_over],
        "problems": [as_data(problem) for problem in read.problems],
        "totals": {
            "files": len(imported) + len(read.unreadable),
            "locks": sum(one.lock is not None for one in imported),
            "services": sum(one.services for one in imported),
            "resolved": sum(one.resolved for one in imported),
            "findings": dict(sorted(Counter(finding.code for finding in everything).items())),
        },
    }


def _unreadable_data(one: Unreadable) -> dict[str, Any]:
    return {
        "file": one.file.called,
        "kind": None,
        "outcome": _UNREADABLE,
        "id": None,
        "services": 0,
        "resolved": 0,
        "findings": [],
        "failures": [],
        "problems": [as_data(problem) for problem in one.problems],
    }


def _file_data(one: Imported, outcome: str) -> dict[str, Any]:
    return {
        "file": one.file.called,
        "kind": one.kind,
        "outcome": outcome,
        "id": one.lock.id if one.lock else None,
        "services": one.services,
        "resolved": one.resolved,
        "findings": [finding_data(finding) for finding in one.findings],
        "failures": messages(one.failures),
    }
