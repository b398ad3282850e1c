"""The `evidence` gate believes nothing that does not agree with everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lockflight.locks.convert.pinned import images_of
from lockflight.promotions.gates import evidence
from lockflight.promotions.gates.model import Answer, Known
from tests.locks import builders
from tests.promotions.gates.questions import LOCK, ask, gate, question

DEFINITIONS = {name: builders.digest(name) for name in ("smoke", "system")}
Data = dict[str, Any]


def told() -> Data:
    """Evidence of all suites for the lock, as `stack test` writes it."""
    suite = {"outcome": "passed", "where": "host", "exit_code": 0, "seconds": 1.5}
    return {
        "version": 1,
        "kind": "system-tests",
        "lock": LOCK.id,
        "project": LOCK.project,
        "passed": True,
        "started": "2026-11-21T07:00:00Z",
        "finished": "2026-11-21T07:02:00Z",
        "engine": "26.1.5",
        "compose": "2.26.1",
        "generator": "lockflight 0.1.0",
        "run": "https://ci.example/57",
        "suites": {name: {**suite, "definition": digest} for name, digest in DEFINITIONS.items()},
        "services": {one.name: {"image": one.reference, "containers": 1} for one in images_of(LOCK)},
    }


def answer_to(text: str | None, definitions: dict[str, str] | None = None) -> Answer:
    wanted = DEFINITIONS if definitions is None else definitions
    return ask("evidence", {}, question(known=Known(evidence=text), definitions=wanted))


def changed(change: Callable[[Data], object]) -> Answer:
    data = told()
    change(data)
    return answer_to(json.dumps(data))


def test_tests_that_passed_for_this_lock_say_yes() -> None:
    answer = answer_to(json.dumps(told()))
    assert (answer.verdict, answer.reason) == ("yes", "passed at 2026-11-21T07:02:00Z: smoke, system")
    assert answer.details["definitions"] == DEFINITIONS
    assert answer.details["run"] == "https://ci.example/57"


def test_a_lock_that_nobody_has_tested_says_no() -> None:
    assert answer_to(None).reason == (
        "there is no evidence of system tests for this lock; 'lockflight stack test' makes it"
    )


CHANGES: dict[str, tuple[Callable[[Data], object], str]] = {
    "of another lock": (lambda data: data.update(lock="0" * 64), "it is of lock 000000000000 of shop"),
    "of another project": (
        lambda data: data.update(project="other"),
        f"it is of lock {LOCK.id[:12]} of other",
    ),
    "failed": (lambda data: data.update(passed=False), "the tests failed"),
    "a suite failed": (
        lambda data: data["suites"]["smoke"].update(outcome="failed"),
        "the suite 'smoke' failed",
    ),
    "a suite was not run": (lambda data: data["suites"].pop("smoke"), "the suite 'smoke' was not run"),
    "another suite": (
        lambda data: data["suites"]["smoke"].update(definition=builders.digest("other")),
        "the suite 'smoke' is another one now than when it passed",
    ),
    "something unlocked": (
        lambda data: data.update(unlocked=["mailer"]),
        "mailer ran without being locked",
    ),
    "a problem": (
        lambda data: data.update(problems=["cart is not as it was"]),
        "cart is not as it was",
    ),
    "another image": (
        lambda data: data["services"]["cart"].update(image="ghcr.io/acme/cart@sha256:0"),
        "cart ran ghcr.io/acme/cart@sha256:0, which is not in the lock",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_evidence_that_does_not_agree_says_no(name: str) -> None:
    change, reason = CHANGES[name]
    answer = changed(change)
    assert (answer.verdict, answer.reason) == ("no", f"the evidence does not count: {reason}")


def test_everything_that_does_not_agree_is_named() -> None:
    answer = changed(lambda data: data.update(passed=False, unlocked=["mailer"]))
    assert answer.details["wrong"] == ["the tests failed", "mailer ran without being locked"]


def test_a_suite_that_the_manifest_has_given_up_does_no_harm() -> None:
    assert answer_to(json.dumps(told()), {"smoke": DEFINITIONS["smoke"]}).verdict == "yes"


def test_a_manifest_without_suites_cannot_have_been_tested() -> None:
    answer = answer_to(json.dumps(told()), {})
    assert answer.reason.endswith("the manifest declares no suite, so nothing was to be tested")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda _text: "[]",
        lambda _text: "",
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"passed": true', '"passed": "true"'),
        lambda text: text.replace('"passed": true', '"passed": false, "passed": true'),
        lambda text: text.replace('"passed": true', '"passed": true, "signed": true'),
        lambda text: text.replace('"kind": "system-tests"', '"kind": "benchmarks"'),
    ],
)
def test_what_is_no_evidence_says_no(spoil: Callable[[str], str]) -> None:
    spoiled = spoil(json.dumps(told()))
    answer = answer_to(spoiled)
    assert answer.verdict == "no"
    assert answer.reason.startswith("the evidence cannot be read: the evidence")


def test_the_sentence_for_a_plan_says_what_must_have_passed() -> None:
    assert evidence.explain(gate(evidence={}).settings) == (
        "the system tests have passed for this very lock, with every suite as it is declared now"
    )
