"""Showing a test of a stack: the suites as they run, the result as a table, and a summary for the job's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lockflight import durations
from lockflight.cli import streams
from lockflight.cli.context import Context
from lockflight.cli.failures import say
from lockflight.cli.github import add_summary, set_output
from lockflight.cli.stack_view import Narrator, tell_troubles, trouble_data
from lockflight.cli.tables import code, markdown, markdown_table, table
from lockflight.logs import log

if TYPE_CHECKING:
    from lockflight.stacks.outcome import TestOutcome, TestRun
    from lockflight.stacks.suites.model import SuiteResult


class TestNarrator(Narrator):
    """Also tells of the suites, whose output goes to stderr as it comes."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._line_is_open = False

    def started(self, name: str, where: str) -> None:
        self.close()
        log.event("suite started", suite=name, where=where)
        # Of a digest the beginning is enough for a person; the evidence has all of it.
        shown = re.sub(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", where)
        self._context.say(f"suite {name} ({shown}):")
        self._group(f"::group::output of the suite {name}")

    def output(self, data: bytes) -> None:
        if not self._context.quiet:
            text = data.decode(errors="replace")
            self._line_is_open = not text.endswith("\n")
            streams.to_stderr(streams.for_people(text))

    def ended(self, result: SuiteResult) -> None:
        if self._line_is_open:
            streams.to_stderr("\n")
            self._line_is_open = False
        self._group("::endgroup::")
        log.event("suite ended", suite=result.name, outcome=result.outcome, seconds=round(result.seconds, 3))
        self._context.say(f"suite {result.name}: {_said(result)}")
        for note in result.notes:
            self._context.say(f"note: {result.name}: {note}")

    def _group(self, command: str) -> None:
        """In GitHub's log a suite's output is folded; suite names hold nothing that could act there."""
        if self._context.in_github_actions and not self._context.quiet:
            streams.to_stderr(f"{command}\n")

    def took_down(self, stack: str) -> None:
        self._context.detail(f"{stack}: taken down, with its networks and volumes")

    def kept(self, stack: str) -> None:
        self._context.say(f"{stack} is kept; 'lockflight stack down --name {stack}' takes it down")

    def left(self, stack: str, why: str) -> None:
        say(
            f"error: the stack {stack} could not be taken down: {why}",
            "'lockflight stack down --all' does, later",
        )


def show_outcome(context: Context, outcome: TestOutcome, run: TestRun, evidence: str | None) -> None:
    """What was wrong, to stderr; the result as one table, document or summary."""
    prepared = outcome.running.prepared
    set_output(context, "passed", "true" if outcome.passed else "false")
    set_output(context, "artifacts", str(run.artifacts))
    if evidence:
        set_output(context, "evidence", evidence)
    _show_what_was_wrong(context, outcome, run)
    if context.as_json:
        context.json(_data(context, outcome, run, evidence))
    elif outcome.suites:
        rows = [
            [result.name, result.outcome, *_counts(result), durations.written(result.seconds)]
            for result in outcome.suites
        ]
        context.result(table(_HEADER, rows))
    if evidence:
        context.say(f"{evidence}: written")
    elif outcome.evidence is None:
        context.say(f"note: no evidence was written: {outcome.no_evidence}")
    verdict = "passed" if outcome.passed else "FAILED"
    context.say(f"lock {prepared.lock.id[:12]}: system tests {verdict}")
    add_summary(context, _markdown(outcome))


_HEADER = ["SUITE", "RESULT", "TESTS", "FAILED", "SKIPPED", "TIME"]


def _counts(result: SuiteResult) -> list[str]:
    if result.tests is None:
        return ["-", "-", "-"]
    return [str(result.tests.tests), str(result.tests.bad), str(result.tests.skipped)]


def _said(result: SuiteResult) -> str:
    """`passed in 3.1 s, 12 tests`; or why it did not."""
    counted = f", {result.tests.tests} tests" if result.tests else ""
    if result.passed:
        return f"passed in {durations.written(result.seconds)}{counted}"
    return f"{result.outcome} after {durations.written(result.seconds)}: {result.message}"


def _show_what_was_wrong(context: Context, outcome: TestOutcome, run: TestRun) -> None:
    if not outcome.running.started.ready:
        say(f"error: the stack is not ready: {outcome.running.started.reason}")
    for problem in outcome.problems:
        say(f"error: {problem}")
    tell_troubles(context, outcome.troubles)
    for result in outcome.suites:
        for case in result.failed_cases:
            say(f"error: {result.name}: {case.name}: {case.message}")
        hidden = result.failed_total - len(result.failed_cases)
        if hidden > 0 and result.failed_cases:
            context.say(f"  … and {hidden} more failed")
    if outcome.log_files:
        context.say(f"the logs of all services are in {run.artifacts / 'logs'}")


def _data(context: Context, outcome: TestOutcome, run: TestRun, evidence: str | None) -> dict[str, Any]:
    prepared, started = outcome.running.prepared, outcome.running.started
    return {
        "stack": prepared.name,
        "lock": prepared.lock.id,
        "passed": outcome.passed,
        "ready": started.ready,
        "reason": started.reason or None,
        "seconds_to_ready": round(started.seconds, 3),
        "suites": [result.as_data() for result in outcome.suites],
        "problems": list(outcome.problems),
        "trouble": trouble_data(context, outcome.troubles),
        "artifacts": str(run.artifacts),
        "evidence": evidence,
        "kept": run.keep,
        "addresses": outcome.running.here.as_data() if run.keep else None,
    }


def _markdown(outcome: TestOutcome) -> str:
    prepared = outcome.running.prepared
    mark = "passed" if outcome.passed else "failed"
    parts = [f"### System tests {mark}\n", f"Lock `{prepared.lock.id}`\n"]
    if outcome.suites:
        rows = [
            [
                code(result.name),
                result.outcome,
                *_counts(result),
                durations.written(result.seconds),
                markdown(result.message),
            ]
            for result in outcome.suites
        ]
        parts.append(markdown_table(["suite", "result", "tests", "failed", "skipped", "time", "why"], rows))
    wrong = [outcome.running.started.reason, *outcome.problems]
    parts += [f"- {markdown(reason)}" for reason in wrong if reason]
    parts += [f"- {code(trouble.service)} {markdown(trouble.what)}" for trouble in outcome.troubles]
    return "\n".join(parts)
