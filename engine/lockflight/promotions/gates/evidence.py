"""Have the system tests passed for this very lock: all suites, as the manifest declares them now?"""

from __future__ import annotations

from collections.abc import Iterator

from lockflight.environments import Nothing
from lockflight.errors import InputError
from lockflight.locks.convert.pinned import images_of
from lockflight.models import utc_text, validate
from lockflight.promotions.gates.model import Question, Reply, no, yes
from lockflight.stacks.evidence import Evidence
from lockflight.yaml_source import parse_document


def ask(_settings: Nothing, question: Question) -> Reply:
    """Nothing is believed because the evidence says so in one place: every part of it must agree."""
    if question.known.evidence is None:
        return no("there is no evidence of system tests for this lock; 'lockflight stack test' makes it")
    try:
        evidence = validate(Evidence, parse_document(question.known.evidence, "the evidence"))
    except InputError as error:
        return no(f"the evidence cannot be read: {error.problems[0]}")
    wrong = list(_wrong(evidence, question))
    details = {
        "lock": evidence.lock,
        "finished": utc_text(evidence.finished),
        "run": evidence.run,
        "suites": {name: suite.outcome for name, suite in evidence.suites.items()},
        "definitions": {name: suite.definition for name, suite in evidence.suites.items()},
    }
    if wrong:
        return no(f"the evidence does not count: {'; '.join(wrong)}", wrong=wrong, **details)
    suites = ", ".join(evidence.suites)
    return yes(f"passed at {utc_text(evidence.finished)}: {suites}", **details)


def explain(_settings: Nothing) -> str:
    return "the system tests have passed for this very lock, with every suite as it is declared now"


def _wrong(evidence: Evidence, question: Question) -> Iterator[str]:
    if evidence.lock != question.lock.id or evidence.project != question.lock.project:
        yield f"it is of lock {evidence.lock[:12]} of {evidence.project}"
    if not evidence.passed:
        yield "the tests failed"
    yield from _wrong_suites(evidence, question)
    if evidence.unlocked:
        yield f"{', '.join(evidence.unlocked)} ran without being locked"
    yield from evidence.problems
    locked = {image.reference for image in images_of(question.lock)}
    for name, running in sorted(evidence.services.items()):
        if name not in evidence.unlocked and running.image not in locked:
            yield f"{name} ran {running.image}, which is not in the lock"


def _wrong_suites(evidence: Evidence, question: Question) -> Iterator[str]:
    wanted = question.definitions
    if not wanted:
        yield "the manifest declares no suite, so nothing was to be tested"
    for name in wanted:
        if name not in evidence.suites:
            yield f"the suite '{name}' was not run"
        elif evidence.suites[name].definition != wanted[name]:
            yield f"the suite '{name}' is another one now than when it passed"
    for name, suite in evidence.suites.items():
        if suite.outcome != "passed":
            yield f"the suite '{name}' {suite.outcome}"
