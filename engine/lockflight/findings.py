"""Findings: disagreements that a run collects and reports together, each with both values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lockflight.errors import Place, Problem

# What is found where something is missing: a finding names both of its values.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: a name for it, what it is about, and the two values that do not agree."""

    code: str
    subject: str
    message: str
    expected: str | None = None
    found: str | None = None
    hint: str | None = None
    # A note informs; every other finding refuses.
    note: bool = False

    def as_problem(self) -> Problem:
        """The finding as the errors of lockflight print it; the values follow unless the message has them."""
        return Problem(f"{self.subject}: {self.message}{self._values()}", Place(), self.hint, self.code)

    def _values(self) -> str:
        values = [
            f"{word} {value}"
            for word, value in (("expected", self.expected), ("found", self.found))
            if value is not None and value not in self.message
        ]
        return f" ({', '.join(values)})" if values else ""


class FindingsAbout:
    """What is found about one subject by whoever asks the questions about it."""

    def __init__(self, subject: str, found: Iterable[Finding] = ()) -> None:
        self._subject = subject
        self.findings = list(found)

    def _say(
        self,
        code: str,
        message: str,
        expected: str | None = None,
        found: str | None = None,
        *,
        hint: str | None = None,
        note: bool = False,
    ) -> None:
        self.findings.append(Finding(code, self._subject, message, expected, found, hint, note))


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    """Those that forbid going on."""
    return [finding for finding in findings if not finding.note]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, refusals first, then by subject and name: the same findings always read the same."""
    return sorted(
        dict.fromkeys(findings),
        key=lambda finding: (finding.note, finding.subject, finding.code, finding.message),
    )
