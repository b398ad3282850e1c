"""Asking all gates at once, and what their answers come to together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from lockflight import names
from lockflight.concurrency import each
from lockflight.environments import CheckSettings, Environment, GateSettings, Nothing
from lockflight.errors import (
    InputError,
    LockflightError,
    NotYet,
    OutsideError,
    Problem,
    Refused,
)
from lockflight.logs import printable
from lockflight.models import utc_text
from lockflight.progress import Silent
from lockflight.promotions.gates import KINDS
from lockflight.promotions.gates.model import Answer, Kind, Question, Reply, Verdict, no, not_yet, unknown
from lockflight.stacks.suites.output import Mask

Outcome = Literal["done", "refused", "outside", "not-yet"]
_LONGEST_REASON = 1000
_LONGEST_TEXT = 10_000
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Asked:
    """One gate of an environment, by the name that its answer goes by in the ledger."""

    name: str
    kind: str
    settings: Any


class Listener(Protocol):
    """Somebody who is told how it goes; from several threads at once."""

    def asking(self, gate: Asked) -> None: ...

    def answered(self, answer: Answer) -> None: ...


class Nobody:
    def asking(self, gate: Asked) -> None:
        pass

    def answered(self, answer: Answer) -> None:
        pass


def gates_of(environment: Environment, *, rollback: bool = False) -> tuple[Asked, ...]:
    """The gates of a promotion, or those of a rollback, in the manifest's order.

    Before a promotion two are always asked: what the environment follows, and whether somebody holds it. A rollback
    asks only what the manifest says: it must be possible while everything else is stopped.
    """
    if rollback:
        return named(environment.rollback_gates)
    kinds = {gate.kind for gate in environment.gates}
    always: list[tuple[str, Any]] = []
    if environment.follows is not None and "follows" not in kinds:
        always.append(("follows", Nothing()))
    if "freeze" not in kinds:
        always.append(("hold", Nothing()))
    return named(environment.gates, always)


def named(
    settings: Iterable[GateSettings | CheckSettings], first: Iterable[tuple[str, Any]] = ()
) -> tuple[Asked, ...]:
    """Each by its kind, a suite by its own name too; the second of one name becomes `http-2`."""
    found: dict[str, Asked] = {}
    for kind, wanted in [*first, *((one.kind, one.settings) for one in settings)]:
        base = f"suite-{wanted.name}" if kind == "suite" else kind
        name, number = base, 1
        while name in found:
            number += 1
            name = f"{base}-{number}"
        found[name] = Asked(name, kind, wanted)
    return tuple(found.values())


def explained(gate: Asked) -> str:
    """What must be so, for a plan."""
    return KINDS[gate.kind].explain(gate.settings)


def ask_all(
    gates: Sequence[Asked], question: Question, listener: Listener | None = None
) -> tuple[Answer, ...]:
    """Every gate's answer, in the order of the gates; all are asked at the same time.

    One that fails hides no other. Settings that make no sense are one `InputError` about all of them.
    """

    def asked(gate: Asked) -> Answer | InputError:
        try:
            return ask_one(KINDS[gate.kind], gate, question, listener)
        except InputError as error:
            return error

    outcomes, _ = each(asked, gates, Silent(), "asking the gates", parallel=max(1, len(gates)))
    problems = [problem for one in outcomes if isinstance(one, InputError) for problem in one.problems]
    if problems:
        raise InputError(dict.fromkeys(problems))
    return tuple(one for one in outcomes if isinstance(one, Answer))


def ask_one(kind: Kind, gate: Asked, question: Question, listener: Listener | None = None) -> Answer:
    """One answer, bound to the lock and without secrets."""
    told = listener or Nobody()
    told.asking(gate)
    begun, asked = question.clock.monotonic(), question.clock.now()
    reply = _reply(kind, gate, question)
    cleaned = _Cleaner(question)
    answer = Answer(
        gate=gate.name,
        kind=gate.kind,
        verdict=reply.verdict,
        reason=cleaned.text(reply.reason, _LONGEST_REASON),
        lock_id=question.lock.id,
        asked=asked,
        seconds=question.clock.monotonic() - begun,
        details=cleaned.data(reply.details),
        retry_at=reply.retry_at.astimezone(UTC) if reply.retry_at else None,
    )
    told.answered(answer)
    return answer


def _reply(kind: Kind, gate: Asked, question: Question) -> Reply:
    try:
        return kind.ask(gate.settings, question)
    except OutsideError as error:
        return unknown(str(error), **_hints(error))
    except NotYet as error:
        return not_yet(str(error), None, **_hints(error))
    except Refused as error:
        return no(str(error), **_hints(error))


def _hints(error: LockflightError) -> dict[str, Any]:
    hints = [problem.hint for problem in error.problems if problem.hint]
    return {"hints": hints} if hints else {}


class _Cleaner:
    """Makes what a gate says fit to be kept and shown: plain, bounded, and with no secret in it."""

    def __init__(self, question: Question) -> None:
        self._mask = Mask(question.variables, question.settings.secrets)

    def text(self, text: str, longest: int) -> str:
        # Colours first: they would hide where a word, or an address, begins.
        data = names.writable(names.without_credentials(_COLOUR.sub("", text))).encode()
        masked = printable(" ".join(self._mask(data).decode(errors="replace").split()))
        return masked if len(masked) <= longest else f"{masked[: longest - 1]}…"

    def data(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self.data(one) for key, one in value.items() if one is not None}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.data(one) for one in value]
        if isinstance(value, datetime):
            return utc_text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.text(str(value), _LONGEST_TEXT)


@dataclass(frozen=True, slots=True)
class Together:
    """What all answers come to. `retry_at` is the earliest moment at which none of them must say not-yet any more,
    as far as they know."""

    outcome: Outcome
    answers: tuple[Answer, ...]
    retry_at: datetime | None = None

    @property
    def against(self) -> tuple[Answer, ...]:
        """Those that do not say yes."""
        return tuple(answer for answer in self.answers if answer.verdict != "yes")

    def error(self, what: str = "gate") -> LockflightError | None:
        """The refusal that names every gate (or check) which does not say yes; None where all do."""
        if self.outcome == "done":
            return None
        return _ERRORS[self.outcome](_problem(answer, what) for answer in self.against)


_ERRORS: Mapping[Outcome, Callable[[Iterable[Problem]], LockflightError]] = {
    "refused": Refused,
    "outside": OutsideError,
    "not-yet": NotYet,
}
# What is definite comes first: while a gate says no, neither waiting nor a registry that is back helps.
_OUTCOMES: tuple[tuple[Verdict, Outcome], ...] = (
    ("no", "refused"),
    ("unknown", "outside"),
    ("not-yet", "not-yet"),
)


def verdict_of(answers: Iterable[Answer], lock_id: str) -> Together:
    """What the answers come to for this lock; one that was given for another lock is none."""
    counted = tuple(answer if answer.counts_for(lock_id) else _lapsed(answer, lock_id) for answer in answers)
    verdicts = {answer.verdict for answer in counted}
    against: list[Outcome] = [outcome for verdict, outcome in _OUTCOMES if verdict in verdicts]
    times = [answer.retry_at for answer in counted if answer.verdict == "not-yet" and answer.retry_at]
    return Together(against[0] if against else "done", counted, max(times, default=None))


def _lapsed(answer: Answer, lock_id: str) -> Answer:
    reason = f"was answered for lock {answer.lock_id[:12]}, and this is another one"
    return Answer(answer.gate, answer.kind, "no", reason, lock_id, answer.asked)


def _problem(answer: Answer, what: str) -> Problem:
    said = {"no": "says no", "not-yet": "says not yet", "unknown": "could not be asked"}[answer.verdict]
    hint = f"try again at {utc_text(answer.retry_at)}" if answer.retry_at else None
    hints = answer.details.get("hints")
    if hint is None and isinstance(hints, list) and hints:
        hint = str(hints[0])
    return Problem(
        f"the {what} '{answer.gate}' {said}: {answer.reason}", hint=hint, code=f"{what}-{answer.verdict}"
    )
