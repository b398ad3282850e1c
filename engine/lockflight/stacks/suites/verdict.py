"""Whether a suite passed: its exit code and its reports must both say so."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from lockflight import durations
from lockflight.stacks.suites.model import Counts, Outcome, SuiteResult
from lockflight.stacks.suites.output import Output
from lockflight.stacks.suites.reports import Reports

_OUT_OF_MEMORY = " (nobody but the system or a person sends that: it may have run out of memory)"


@dataclass(frozen=True, slots=True)
class Ending:
    """How what ran has ended, wherever it ran."""

    exit_code: int | None
    seconds: float = 0.0
    timed_out: bool = False
    # Why it could not be started, or was ended by somebody else, as the rest of a sentence about the suite.
    not_started: str = ""
    cut_off: str = ""
    notes: tuple[str, ...] = ()


def judged(
    name: str, where: str, limit: float, ending: Ending, reports: Reports, output: Output
) -> SuiteResult:
    """The suite's result; `limit` is the time that it had."""
    outcome, message = _verdict(limit, ending, reports)
    # What is wrong with the reports of a suite that failed anyway is not why it failed.
    more = (
        reports.problems if outcome != "passed" and ending.exit_code != 0 and not ending.not_started else ()
    )
    return SuiteResult(
        name,
        outcome,
        where,
        seconds=ending.seconds,
        exit_code=ending.exit_code,
        tests=reports.counts,
        failed_cases=reports.failed_cases,
        reports=reports.saved,
        message=message,
        notes=(*ending.notes, *output.notes, *reports.notes, *more),
        output_file=output.path,
    )


def not_run(name: str, where: str, message: str) -> SuiteResult:
    """The result of a suite of which nothing ran."""
    return SuiteResult(name, "not-run", where, message=message)


def _verdict(limit: float, ending: Ending, reports: Reports) -> tuple[Outcome, str]:
    if ending.not_started:
        return "not-run", ending.not_started
    if ending.timed_out:
        return (
            "timed-out",
            f"did not end within {durations.written(limit)} and was ended{_told(reports.counts)}",
        )
    if ending.cut_off:
        return "failed", ending.cut_off
    if ending.exit_code != 0:
        return "failed", f"{_how_it_ended(ending.exit_code)}{_told(reports.counts)}"
    if reports.counts is not None and reports.counts.bad:
        return "failed", f"ended with exit code 0, but its reports say otherwise{_told(reports.counts)}"
    if reports.problems:
        return "failed", f"ended with exit code 0, but {reports.problems[0]}"
    return "passed", ""


def _told(counts: Counts | None) -> str:
    if counts is None or not counts.bad:
        return ""
    return f": {counts.bad} of {counts.tests} tests failed"


def _how_it_ended(code: int | None) -> str:
    number = (code or 0) - 128
    if number in set(signal.Signals):
        hint = _OUT_OF_MEMORY if number == signal.SIGKILL else ""
        return f"ended with exit code {code}, the mark of {signal.Signals(number).name}{hint}"
    return f"ended with exit code {code}"
