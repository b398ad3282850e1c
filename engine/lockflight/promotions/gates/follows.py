"""Has this very lock passed its checks in the environment that this one follows?"""

from __future__ import annotations

from lockflight.environments import Nothing
from lockflight.models import utc_text
from lockflight.promotions.gates.model import Question, Reply, Stay, no, yes


def ask(_settings: Nothing, question: Question) -> Reply:
    stay = stay_that_counts(question)
    if isinstance(stay, Reply):
        return stay
    passed = f"{_lock(question)} passed its checks in {question.settings.follows} at {utc_text(stay.since)}"
    return yes(passed, **as_data(question, stay))


def explain(_settings: Nothing) -> str:
    return "the same lock has passed its checks in the environment that this one follows"


def stay_that_counts(question: Question) -> Stay | Reply:
    """The lock's time in the environment that is followed, or why it speaks for nothing."""
    followed, known = question.settings.follows, question.known
    if known.bad is not None:
        return no(f"{_lock(question)} is marked bad: {known.bad}")
    if known.stay is None:
        return no(f"{_lock(question)} has not passed its checks in {followed}; promote it there first")
    if known.stay.taken_back is not None:
        what = f"{_lock(question)} passed its checks in {followed}, but that was taken back"
        return no(f"{what}: {known.stay.taken_back}", **as_data(question, known.stay))
    return known.stay


def as_data(question: Question, stay: Stay) -> dict[str, str]:
    found = {"environment": str(question.settings.follows), "since": utc_text(stay.since)}
    return {**found, "until": utc_text(stay.until)} if stay.until else found


def _lock(question: Question) -> str:
    return f"lock {question.lock.id[:12]}"
