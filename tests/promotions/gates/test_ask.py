"""All gates together: asked at once, bound to the lock, and one verdict made of their answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockflight.environments import Environment, GateSettings
from lockflight.errors import InputError, NotYet, OutsideError, Place, Problem, Refused
from lockflight.promotions.gates import KINDS
from lockflight.promotions.gates.ask import Asked, ask_all, explained, gates_of, named, verdict_of
from lockflight.promotions.gates.model import Answer, Hold, Known, Question, Reply, Stay, Verdict, no, yes
from lockflight.testing.clock import FakeClock
from tests.locks import builders
from tests.promotions.gates.questions import LOCK, NOW, ask, environment, gate, question

OTHER = builders.lock(project="other")


class Told:
    """A kind of gate that does what a test says."""

    def __init__(self, reply: Reply | Exception | None = None) -> None:
        self.reply = reply if reply is not None else yes("fine")

    def ask(self, _settings: Any, _question: Question) -> Reply:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def explain(self, _settings: Any) -> str:
        return "it is fine"


@contextmanager
def kinds(**told: Any) -> Iterator[tuple[Asked, ...]]:
    """These kinds beside the real ones, one gate of each."""
    table: Any = KINDS
    table.update(told)
    try:
        yield tuple(Asked(name, name, None) for name in told)
    finally:
        for name in told:
            del table[name]


def verdicts(answers: tuple[Answer, ...]) -> list[tuple[str, str]]:
    return [(answer.gate, answer.verdict) for answer in answers]


def test_every_kind_of_the_manifest_is_there_and_hold_besides() -> None:
    assert set(KINDS) == {*GateSettings.model_fields, "hold"}


def test_every_kind_has_a_file_of_its_own() -> None:
    from lockflight.promotions import gates

    folder = Path(gates.__file__).parent
    assert all((folder / f"{kind}.py").is_file() for kind in KINDS)


def test_all_are_asked_and_answer_in_their_order() -> None:
    with kinds(one=Told(yes("a")), two=Told(no("b")), three=Told(yes("c"))) as gates:
        answers = ask_all(gates, question())
    assert verdicts(answers) == [("one", "yes"), ("two", "no"), ("three", "yes")]


def test_they_are_asked_at_the_same_time() -> None:
    meeting = threading.Barrier(40)

    class Meets(Told):
        def ask(self, _settings: Any, _question: Question) -> Reply:
            meeting.wait(20)
            return yes("all are here")

    with kinds(meets=Meets()):
        answers = ask_all([Asked(str(number), "meets", None) for number in range(40)], question())
    assert len(answers) == 40


def test_no_gates_open_at_once() -> None:
    answers = ask_all([], question())
    assert answers == ()
    assert verdict_of(answers, LOCK.id).outcome == "done"


def test_an_answer_is_bound_to_the_lock_and_lapses_with_it() -> None:
    answer = ask("follows", {}, question(known=Known(stay=Stay(NOW))))
    assert answer.counts_for(LOCK.id)
    assert not answer.counts_for(OTHER.id)
    assert verdict_of([answer], LOCK.id).outcome == "done"
    together = verdict_of([answer], OTHER.id)
    assert together.outcome == "refused"
    assert str(together.error()) == (
        f"the gate 'follows' says no: was answered for lock {LOCK.id[:12]}, and this is another one"
    )


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (OutsideError("the world is down"), "unknown"),
        (Refused("the world is down"), "no"),
        (NotYet("the world is down"), "not-yet"),
    ],
)
def test_a_failure_of_one_is_its_answer_and_hides_no_other(failure: Exception, verdict: str) -> None:
    with kinds(broken=Told(failure), fine=Told()) as gates:
        answers = ask_all(gates, question())
    assert verdicts(answers) == [("broken", verdict), ("fine", "yes")]
    assert answers[0].reason == "the world is down"


def test_a_bug_is_not_swallowed() -> None:
    with (
        kinds(fine=Told(), buggy=Told(ZeroDivisionError("division by zero"))) as gates,
        pytest.raises(ZeroDivisionError),
    ):
        ask_all(gates, question())


def test_settings_that_make_no_sense_are_all_named_together() -> None:
    one, two = InputError("no such url", place=Place("lockflight.yaml", 3)), InputError("no such version")
    with kinds(one=Told(one), fine=Told(), two=Told(two)) as gates, pytest.raises(InputError) as failure:
        ask_all(gates, question())
    assert [problem.message for problem in failure.value.problems] == ["no such url", "no such version"]


def test_somebody_may_look_on() -> None:
    told: list[str] = []

    class Listening:
        def asking(self, gate: Asked) -> None:
            told.append(f"asking {gate.name}")

        def answered(self, answer: Answer) -> None:
            told.append(f"{answer.gate}: {answer.verdict}")

    with kinds(one=Told()) as gates:
        ask_all(gates, question(), Listening())
    assert told == ["asking one", "one: yes"]


def test_an_answer_says_when_it_was_asked_and_how_long_it_took() -> None:
    clock = FakeClock(NOW)

    class Slow(Told):
        def ask(self, _settings: Any, question: Question) -> Reply:
            question.clock.sleep(2.5)
            return yes("at last")

    with kinds(slow=Slow()) as gates:
        (answer,) = ask_all(gates, question(clock=clock))
    assert (answer.asked, answer.seconds) == (NOW, 2.5)


def test_an_answer_is_plain_data() -> None:
    details = {"when": NOW, "people": ("ada",), "nothing": None, "path": Path("a/b"), "deep": {1: {"x"}}}
    with kinds(one=Told(Reply("not-yet", "wait", details, NOW + timedelta(hours=1)))) as gates:
        (answer,) = ask_all(gates, question())
    assert json.loads(json.dumps(answer.as_data())) == {
        "gate": "one",
        "kind": "one",
        "verdict": "not-yet",
        "reason": "wait",
        "lock": LOCK.id,
        "asked": "2026-11-21T08:00:00Z",
        "seconds": 0.0,
        "retry_at": "2026-11-21T09:00:00Z",
        "details": {"when": "2026-11-21T08:00:00Z", "people": ["ada"], "path": "a/b", "deep": {"1": ["x"]}},
    }


def test_an_answer_holds_no_secret_and_commands_no_terminal() -> None:
    said = "\x1b[31mhttps://ada:pass@shop.example\x1b[0m said open-sesame\n\x07and a-name-of-its-own"
    about = question(
        variables={"SHOP_TOKEN": "open-sesame", "DSN": "a-name-of-its-own"},
        settings=environment(secrets=["DSN"]),
    )
    with kinds(one=Told(no(said, output=[said, {"deep": said}]))) as gates:
        (answer,) = ask_all(gates, about)
    assert answer.reason == "https://shop.example said *** \N{REPLACEMENT CHARACTER}and ***"
    assert answer.details == {"output": [answer.reason, {"deep": answer.reason}]}


def test_a_reason_is_never_longer_than_the_ledger_takes() -> None:
    with kinds(one=Told(no("x" * 5000))) as gates:
        (answer,) = ask_all(gates, question())
    assert len(answer.reason) == 1000
    assert answer.reason.endswith("…")


def answer(verdict: Verdict, name: str = "gate", retry_at: datetime | None = None) -> Answer:
    return Answer(name, name, verdict, "so it is", LOCK.id, NOW, retry_at=retry_at)


@pytest.mark.parametrize(
    ("said", "outcome", "exit_code"),
    [
        (["yes", "yes"], "done", None),
        (["yes", "not-yet"], "not-yet", 4),
        (["not-yet", "unknown"], "outside", 3),
        (["unknown", "not-yet", "no", "yes"], "refused", 1),
    ],
)
def test_what_is_definite_decides(said: list[Verdict], outcome: str, exit_code: int | None) -> None:
    together = verdict_of([answer(verdict) for verdict in said], LOCK.id)
    failure = together.error()
    assert together.outcome == outcome
    assert (failure.exit_code if failure else None) == exit_code


def test_the_refusal_names_every_gate_that_is_not_yes() -> None:
    said = [
        answer("yes", "http"),
        answer("no", "tcp"),
        answer("not-yet", "soak", NOW),
        replace(answer("unknown", "engine"), details={"hints": ["is it on?"]}),
    ]
    failure = verdict_of(said, LOCK.id).error()
    assert isinstance(failure, Refused)
    assert list(failure.problems) == [
        Problem("the gate 'tcp' says no: so it is", code="gate-no"),
        Problem(
            "the gate 'soak' says not yet: so it is",
            hint="try again at 2026-11-21T08:00:00Z",
            code="gate-not-yet",
        ),
        Problem("the gate 'engine' could not be asked: so it is", hint="is it on?", code="gate-unknown"),
    ]


def test_it_may_be_tried_again_when_the_last_of_them_may_have_opened() -> None:
    later = NOW + timedelta(hours=1)
    said = [
        answer("not-yet", "soak", later),
        answer("not-yet", "freeze", NOW),
        answer("not-yet", "approvals"),
    ]
    assert verdict_of(said, LOCK.id).retry_at == later
    assert verdict_of([answer("not-yet", "approvals")], LOCK.id).retry_at is None


def gates_in(settings: Environment, *, rollback: bool = False) -> list[str]:
    return [one.name for one in gates_of(settings, rollback=rollback)]


def test_what_an_environment_follows_and_a_hold_are_always_asked() -> None:
    assert gates_in(environment(follows="staging", gates=["registry"])) == ["follows", "hold", "registry"]
    assert gates_in(environment(gates=["registry"])) == ["hold", "registry"]


def test_what_the_manifest_names_itself_is_asked_once_and_in_its_place() -> None:
    freeze = {"freeze": {"timezone": "UTC", "windows": [{"days": ["friday"]}]}}
    assert gates_in(environment(follows="staging", gates=["registry", freeze, "follows"])) == [
        "registry",
        "freeze",
        "follows",
    ]


def test_a_rollback_asks_only_what_the_manifest_says() -> None:
    settings = environment(follows="staging", gates=["evidence"], rollback_gates=["registry"])
    assert gates_in(settings, rollback=True) == ["registry"]
    assert gates_in(environment(follows="staging"), rollback=True) == []


def test_several_of_a_kind_have_names_of_their_own() -> None:
    several = [gate(tcp={"host": "db", "port": port}) for port in (1, 2, 3)]
    assert [one.name for one in named(several)] == ["tcp", "tcp-2", "tcp-3"]


def test_every_gate_of_an_environment_explains_itself() -> None:
    settings = environment(follows="staging", gates=["registry", {"tcp": {"host": "db", "port": 5432}}])
    assert [explained(one) for one in gates_of(settings)] == [
        "the same lock has passed its checks in the environment that this one follows",
        "nobody holds the environment",
        "every image that runs here can be had from its registry by digest, for each of its platforms",
        "db:5432 accepts connections within 10 s",
    ]


def test_a_whole_environment_is_asked_before_anything_is_touched() -> None:
    settings = environment(follows="staging", gates=[{"soak": "24h"}, "evidence", {"engine": {"cpus": 64}}])
    hold = Hold("the database is being moved", "grace", NOW)
    about = question(settings=settings, known=Known(stay=Stay(NOW - timedelta(hours=1)), hold=hold))
    together = verdict_of(ask_all(gates_of(settings), about), LOCK.id)
    assert verdicts(together.answers) == [
        ("follows", "yes"),
        ("hold", "not-yet"),
        ("soak", "not-yet"),
        ("evidence", "no"),
        ("engine", "unknown"),
    ]
    assert together.outcome == "refused"
    assert together.retry_at == NOW + timedelta(hours=23)
