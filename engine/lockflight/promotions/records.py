"""What a promotion writes into the ledger, made of what it saw."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import Any

from lockflight.ports import ledger_event
from lockflight.ports.clock import Clock
from lockflight.ports.ledger_event import Event, Kind, RanBefore, Run, ServiceChange
from lockflight.ports.target import Operation, Running, ServiceReport
from lockflight.promotions.gates.model import Answer
from lockflight.promotions.order import Order
from lockflight.promotions.plan import Plan, digest_of, shown

_OUTCOMES = {"yes": "passed", "no": "refused", "not-yet": "not-yet", "unknown": "failed"}
_LONGEST = 1000


class Recorder:
    """Makes the events of one promotion: all with its number, its owner and the time."""

    def __init__(self, order: Order, number: int, clock: Clock) -> None:
        self._order = order
        self._number = number
        self._clock = clock
        self._run = Run(owner=_line(order.owner), url=order.run_url, host=_line(socket.gethostname()))

    def event(self, kind: Kind, **fields: Any) -> Event:
        given = {key: value for key, value in fields.items() if value not in (None, {}, [], False, "")}
        return Event(
            environment=self._order.environment,
            number=self._number,
            kind=kind,
            time=self._clock.now(),
            run=self._run,
            **given,
        )


def answers_of(answers: Iterable[Answer]) -> dict[str, ledger_event.Answer]:
    return {
        answer.gate: ledger_event.Answer.model_validate(
            {
                "outcome": _OUTCOMES[answer.verdict],
                "says": _line(answer.reason),
                "kind": answer.kind,
                "asked": answer.asked,
                "again": answer.retry_at,
                "seconds": round(answer.seconds, 3),
            }
        )
        for answer in answers
    }


def changes_of(
    plan: Plan, reached: Iterable[str], reports: Sequence[ServiceReport]
) -> dict[str, ServiceChange]:
    """What became of every service: also of those that were left as they were, or not come to."""
    by_service = {report.service: report for report in reports}
    done = set(reached)
    found = {
        name: ServiceChange(outcome="unchanged", cause="already as it is to be") for name in plan.untouched
    }
    for operation in plan.operations:
        found[operation.service] = _change(
            operation, operation.service in done, by_service.get(operation.service)
        )
    return found


def _change(operation: Operation, reached: bool, report: ServiceReport | None) -> ServiceChange:
    failed = report is not None and (report.failed or not report.ready)
    outcome = "not-reached" if not reached else "failed" if failed else "deployed"
    if operation.kind == "remove" and outcome == "deployed":
        outcome = "removed"
    values: dict[str, Any] = {
        "outcome": outcome,
        "cause": _line("; ".join(operation.causes)),
        "before": _digest(operation.before),
        "after": _digest(operation.after),
        "detail": _line(f"{report.state}: {report.story}") if failed and report is not None else None,
    }
    return ServiceChange(**{key: value for key, value in values.items() if value is not None})


def ran_before(adopted: Iterable[Running]) -> dict[str, RanBefore]:
    """What somebody had deployed by hand, so that the first rollback has somewhere to go."""
    return {
        running.service: RanBefore(
            image=_line(running.shown or shown(running)), digest=_digest(shown(running))
        )
        for running in adopted
    }


def _digest(reference: str | None) -> str | None:
    digest = digest_of(reference) if reference else ""
    return digest if digest.startswith("sha256:") else None


def _line(text: str) -> str:
    """One line that a ledger may hold."""
    shown_text = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "-"
    return shown_text if len(shown_text) <= _LONGEST else shown_text[: _LONGEST - 1] + "…"
