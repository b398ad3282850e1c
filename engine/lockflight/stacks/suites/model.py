"""What running a suite comes to: how it ended, what its reports say, and where everything of it was saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# `not-run`: it could not be started, or was left out after another one failed.
Outcome = Literal["passed", "failed", "timed-out", "not-run"]
# More failures than these are counted, but not listed.
MOST_FAILED_CASES = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """Test cases, each counted once: what is neither failure, error nor skipped has passed."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0

    @property
    def bad(self) -> int:
        return self.failures + self.errors

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.tests + other.tests,
            self.failures + other.failures,
            self.errors + other.errors,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True, slots=True)
class FailedCase:
    """One test case that failed: `classname.name`, and the first lines of what it said."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """How one suite ended. `where` is `host`, `service NAME` or `image REFERENCE`."""

    name: str
    outcome: Outcome
    where: str
    seconds: float = 0.0
    # 128 and the signal's number where a signal ended it; None where it did not end by itself.
    exit_code: int | None = None
    # From its JUnit XML; None where it writes none, or none could be read.
    tests: Counts | None = None
    # The first of them; `tests` counts all.
    failed_cases: tuple[FailedCase, ...] = ()
    # The JUnit XML files, as they were saved beside the output.
    reports: tuple[Path, ...] = ()
    # Why it did not pass, in one sentence; empty where it did.
    message: str = ""
    # What a person should know and what fails nothing: processes that were left behind, output that was cut.
    notes: tuple[str, ...] = ()
    output_file: Path | None = None

    @property
    def passed(self) -> bool:
        """Exit code 0, no failure in its reports, and every report that the manifest names is there."""
        return self.outcome == "passed"

    @property
    def failed_total(self) -> int:
        """How many test cases failed, of which `failed_cases` lists the first."""
        return self.tests.bad if self.tests else 0

    def as_data(self) -> dict[str, Any]:
        """For a program: plain values, and nothing that is not known."""
        tests = self.tests
        found = {
            "name": self.name,
            "outcome": self.outcome,
            "where": self.where,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "tests": tests and {"tests": tests.tests, "failures": tests.failures,
                                "errors": tests.errors, "skipped": tests.skipped},
            "failed_cases": [{"name": case.name, "message": case.message} for case in self.failed_cases],
            "reports": [str(path) for path in self.reports],
            "message": self.message,
            "notes": list(self.notes),
            "output_file": str(self.output_file) if self.output_file else None,
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in (None, "", [])}


def all_passed(results: Iterable[SuiteResult]) -> bool:
    """Whether there is a result at all, and none that says no."""
    outcomes = [result.passed for result in results]
    return bool(outcomes) and all(outcomes)
