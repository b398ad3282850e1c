"""Showing a promotion: what goes on while it goes on, and how it ended."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lockflight import durations
from lockflight.cli import streams
from lockflight.cli.context import Context
from lockflight.cli.failures import say
from lockflight.cli.github import add_summary, set_output
from lockflight.cli.tables import code, markdown, markdown_table
from lockflight.logs import log, without_secrets

if TYPE_CHECKING:
    from lockflight.ports.target import Holder, Operation, ServiceReport
    from lockflight.promotions.gates.ask import Asked
    from lockflight.promotions.gates.model import Answer
    from lockflight.promotions.order import Order, Promoted
    from lockflight.promotions.plan import Plan

_MARKS = {"yes": "✓", "no": "✗", "not-yet": "…", "unknown": "?"}


class Teller:
    """Tells on stderr what happens, a line for each thing; implements what `promotions` calls a watcher."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, str] = {}
        self._touched: set[str] = set()
        self._waited = False
        self._guard = threading.Lock()

    def asking(self, gate: Asked) -> None:
        log.event("asking", gate=gate.name)

    def answered(self, answer: Answer) -> None:
        log.event("answered", gate=answer.gate, verdict=answer.verdict, reason=answer.reason)
        with self._guard:
            length = f" ({durations.written(answer.seconds)})" if answer.seconds >= 1 else ""
            self._context.say(f"  {_MARKS[answer.verdict]} {answer.gate}: {answer.reason}{length}")

    def waiting(self, holder: Holder) -> None:
        from lockflight.promotions.lease import shown

        if not self._waited:
            self._waited = True
            run = f" ({holder.run})" if holder.run else ""
            self._context.say(f"waiting: {shown(holder.owner)} is promoting{run} …")

    def leased(self, number: int) -> None:
        log.event("leased", number=number)

    def planned(self, plan: Plan) -> None:
        self._context.say(str(plan).rstrip("\n"))

    def pulling(self, count: int) -> None:
        log.event("pulling", images=count)

    def applying(self, operation: Operation) -> None:
        self._touched.add(operation.service)
        log.event("applying", kind=operation.kind, service=operation.service, causes=list(operation.causes))
        self._context.say(f"  {operation.kind} {operation.service} …")

    def look(self, reports: Sequence[ServiceReport], seconds: float) -> None:
        for report in reports:
            before = self._known.get(report.service)
            self._known[report.service] = report.state
            # What was well before and is not touched is no news.
            if before != report.state and (before or report.service in self._touched or not report.ready):
                log.event("service", service=report.service, state=report.state, seconds=round(seconds, 1))
                self._context.say(f"  {seconds:6.1f} s  {report.service}: {report.state}")

    def checking(self) -> None:
        self._context.detail("asking the checks")

    def rolling_back(self, lock_id: str, reason: str) -> None:
        self._known.clear()
        self._touched.clear()
        say(f"error: {reason}")
        self._context.say(f"going back to lock {lock_id[:12]}, the whole bundle")


def show_promoted(context: Context, order: Order, promoted: Promoted) -> None:
    """How it ended: a sentence for a person, one document for a program, a summary for the job's page."""
    set_output(context, "outcome", promoted.outcome)
    for report in promoted.reports:
        if not report.ready and report.story:
            story = f"  {report.service} is {report.state}:\n{_indented(report.story)}"
            text = without_secrets(story, context.environment)
            streams.to_stderr(streams.for_people(text) + "\n")
    if promoted.outcome == "failed":
        say(f"error: {promoted.reason}")
    if context.as_json:
        context.json(_data(order, promoted))
    else:
        context.result(_sentence(order, promoted))
    add_summary(context, _markdown(order, promoted))


def _sentence(order: Order, promoted: Promoted) -> str:
    lock, where, length = order.lock.id[:12], order.environment, durations.written(promoted.seconds)
    match promoted.outcome:
        case "already":
            return f"{where}: lock {lock} already runs, whole and well; nothing was touched"
        case "succeeded":
            told = f"{len(promoted.plan.operations)} changed, {len(promoted.plan.untouched)} untouched"
            return f"{where}: on lock {lock} after {length} ({told})"
        case "rolled-back":
            back = (promoted.back_to or "")[:12]
            return f"{where}: lock {lock} failed; the whole bundle is back on lock {back} after {length}"
    return f"{where}: lock {lock} failed after {length}, and nothing was there before to go back to"


def _data(order: Order, promoted: Promoted) -> dict[str, Any]:
    return {
        "environment": order.environment,
        "lock": order.lock.id,
        "outcome": promoted.outcome,
        "reason": promoted.reason or None,
        "back_to": promoted.back_to,
        "number": promoted.number,
        "seconds": round(promoted.seconds, 3),
        "plan": promoted.plan.as_data(),
        "gates": [answer.as_data() for answer in promoted.answers],
        "checks": [answer.as_data() for answer in promoted.checks],
        "services": [
            {"service": report.service, "state": report.state, "ready": report.ready}
            for report in promoted.reports
        ],
    }


def _markdown(order: Order, promoted: Promoted) -> str:
    lines = [f"### {markdown(_sentence(order, promoted))}\n"]
    answers = [*promoted.answers, *promoted.checks]
    if answers:
        rows = [[code(answer.gate), answer.verdict, markdown(answer.reason)] for answer in answers]
        lines.append(markdown_table(["asked", "answer", "why"], rows))
    lines += [f"- {markdown(str(operation))}" for operation in promoted.plan.operations]
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
