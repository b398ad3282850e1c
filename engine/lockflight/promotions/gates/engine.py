"""Is the target's engine well: reachable, new enough, with room for what comes?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockflight.environments import EngineGate
from lockflight.errors import InputError
from lockflight.ports.target import TargetFacts
from lockflight.promotions.gates import sizes
from lockflight.promotions.gates.model import Question, Reply, no, unknown, yes


def ask(settings: EngineGate, question: Question) -> Reply:
    """Everything that is amiss is named, not only the first."""
    facts = question.target.facts()
    details = {
        "address": facts.address,
        "version": facts.version,
        "disk": facts.disk,
        "memory": facts.memory,
        "cpus": facts.cpus,
    }
    details = {name: value for name, value in details.items() if value is not None}
    wrong = list(_wrong(settings, facts))
    if wrong:
        return no(f"{facts.address}: {'; '.join(wrong)}", **details)
    untold = [name for name in ("disk", "memory", "cpus") if _is_untold(settings, facts, name)]
    if untold:
        return unknown(f"{facts.address} does not tell its {', '.join(untold)}", **details)
    return yes(f"{facts.address} answers{_in_words(facts)}", **details)


def explain(settings: EngineGate) -> str:
    wanted = [
        f"is at least {settings.version}" if settings.version else "",
        f"has {sizes.written(sizes.size(settings.disk))} of free disk" if settings.disk else "",
        f"{sizes.written(sizes.size(settings.memory))} of free memory" if settings.memory else "",
        f"{settings.cpus} processors" if settings.cpus else "",
    ]
    return ", ".join(["the target's engine answers", *filter(None, wanted)])


def _wrong(settings: EngineGate, facts: TargetFacts) -> Iterator[str]:
    if settings.version and _numbers(facts.version) < _wanted_version(settings.version):
        yield f"it is {facts.version}, and at least {settings.version} is wanted"
    for name, wanted, found in (
        ("disk", settings.disk, facts.disk),
        ("memory", settings.memory, facts.memory),
    ):
        if wanted is not None and found is not None and found < sizes.size(wanted):
            yield f"{sizes.written(found)} of {name} are free, and {sizes.written(sizes.size(wanted))} are wanted"
    if settings.cpus is not None and facts.cpus is not None and facts.cpus < settings.cpus:
        yield f"it has {facts.cpus} processors, and {settings.cpus} are wanted"


def _is_untold(settings: EngineGate, facts: TargetFacts, name: str) -> bool:
    return getattr(settings, name) is not None and getattr(facts, name) is None


def _wanted_version(text: str) -> tuple[int, ...]:
    numbers = _numbers(text)
    if not numbers:
        raise InputError(f"'{text}' is no version of an engine such as 24.0")
    return numbers


def _numbers(version: str) -> tuple[int, ...]:
    """`(24, 0, 7)` of `v24.0.7+dfsg1`. What is left out at the end counts as nothing: 24 is as good as 24.0."""
    found = re.match(r"v?([0-9]{1,9}(?:\.[0-9]{1,9})*)", version)
    numbers = [int(number) for number in found[1].split(".")] if found else []
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _in_words(facts: TargetFacts) -> str:
    told = [
        facts.version,
        f"{sizes.written(facts.disk)} of disk free" if facts.disk is not None else "",
        f"{sizes.written(facts.memory)} of memory free" if facts.memory is not None else "",
        f"{facts.cpus} processors" if facts.cpus is not None else "",
    ]
    return f": {', '.join(filter(None, told))}"
