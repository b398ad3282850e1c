"""Was the lock well for long enough in the environment that this one follows?"""

from __future__ import annotations

from datetime import timedelta

from lockflight import durations
from lockflight.environments import SoakGate
from lockflight.models import utc_text
from lockflight.promotions.gates.follows import as_data, stay_that_counts
from lockflight.promotions.gates.model import Question, Reply, no, not_yet, yes


def ask(settings: SoakGate, question: Question) -> Reply:
    """What counts is the time that it was there without a break; a lock that was replaced gets no older."""
    stay = stay_that_counts(question)
    if isinstance(stay, Reply):
        return stay
    wanted = durations.seconds(settings.after)
    # A clock that was set back must not make it younger than new.
    age = max(0.0, ((stay.until or question.clock.now()) - stay.since).total_seconds())
    details = {**as_data(question, stay), "age": age, "wanted": wanted}
    been = f"well in {question.settings.follows} for {durations.written(age)}"
    of = f"of {durations.written(wanted)} that are wanted"
    if age >= wanted:
        return yes(f"it has been {been}, {of}", **details)
    if stay.until is not None:
        replaced = f"then another lock took its place at {utc_text(stay.until)}"
        return no(f"it was {been} only, {of}; {replaced}", **details)
    return not_yet(f"it has been {been}, {of}", stay.since + timedelta(seconds=wanted), **details)


def explain(settings: SoakGate) -> str:
    after = durations.written(durations.seconds(settings.after))
    return f"the lock has been well for {after} in the environment that this one follows"
