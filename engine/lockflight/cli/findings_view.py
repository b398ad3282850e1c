"""Showing findings: for a person, for a program, and for the summary of a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from lockflight.cli.context import Context
from lockflight.cli.failures import print_failures, print_problem
from lockflight.cli.tables import Escaped, code, markdown, markdown_table, plural
from lockflight.errors import OutsideError
from lockflight.findings import Finding, refusals
from lockflight.logs import log


def show_findings(context: Context, findings: Iterable[Finding]) -> None:
    """Every finding to stderr; notes only where not asked to be quiet."""
    for finding in findings:
        log.event("finding", **as_data(finding))
        if finding.note and context.quiet:
            continue
        print_problem(finding.as_problem(), level="note" if finding.note else "error")


def show_failures(failures: Iterable[OutsideError]) -> None:
    """What could not be asked, beside what was found; each different failure once."""
    print_failures(problem for failure in failures for problem in failure.problems)


def as_data(finding: Finding) -> dict[str, Any]:
    """A finding for a program."""
    return {key: value for key, value in asdict(finding).items() if value is not None}


def as_markdown(findings: Sequence[Finding]) -> str:
    """The findings as a table; empty where there are none."""
    if not findings:
        return ""
    rows = [
        [code(f.subject), _named(f), markdown(f.message), _value(f.expected), _value(f.found)]
        for f in findings
    ]
    return markdown_table(["service", "finding", "what", "expected", "found"], rows)


def _named(finding: Finding) -> Escaped:
    """The finding's name; a note is told from what refuses, which alone is counted above the table."""
    return Escaped(f"{code(finding.code)} (note)") if finding.note else code(finding.code)


def _value(text: str | None) -> str:
    return code(text) if text else ""


def counted(findings: Sequence[Finding]) -> str:
    """`3 findings`, counting those that refuse."""
    return plural(len(refusals(findings)), "finding")
