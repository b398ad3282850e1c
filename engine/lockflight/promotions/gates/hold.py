"""Has a person stopped all promotions of the environment?"""

from __future__ import annotations

from lockflight.environments import Nothing
from lockflight.models import utc_text
from lockflight.promotions.gates.model import Hold, Override, Question, Reply, not_yet, yes


def ask(_settings: Nothing, question: Question) -> Reply:
    """Not yet while somebody holds it: it ends when that person says so, and nobody knows when."""
    hold = question.known.hold
    if hold is None:
        return yes(f"nobody holds {question.environment}")
    if question.known.override is not None:
        return overridden(question.known.override, [said(question.environment, hold)])
    return not_yet(said(question.environment, hold), None, hold=as_data(hold))


def explain(_settings: Nothing) -> str:
    return "nobody holds the environment"


def said(environment: str, hold: Hold) -> str:
    return f"{hold.owner} holds {environment} since {utc_text(hold.since)}: {hold.reason}"


def as_data(hold: Hold) -> dict[str, str]:
    return {"owner": hold.owner, "since": utc_text(hold.since), "reason": hold.reason}


def overridden(override: Override, stopped_by: list[str]) -> Reply:
    """Yes, in spite of it all, and everybody will be able to read who said so."""
    return yes(
        f"{override.person} overrides it: {override.reason} ({'; '.join(stopped_by)})",
        overridden_by=override.person,
        because=override.reason,
        in_spite_of=stopped_by,
    )
