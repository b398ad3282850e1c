"""Asking the checks of an environment one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockflight.environments import Environment
from lockflight.errors import InputError, Problem
from lockflight.promotions.checks import KINDS
from lockflight.promotions.gates.ask import Asked, Listener, ask_one, named
from lockflight.promotions.gates.model import Answer, Kind, Question, Reply, unknown


def checks_of(environment: Environment) -> tuple[Asked, ...]:
    """In the manifest's order."""
    return named(environment.checks)


def explained(check: Asked) -> str:
    """What must be so, for a plan."""
    return KINDS[check.kind].explain(check.settings)


def problems_of(checks: Sequence[Asked], question: Question) -> list[Problem]:
    """Why a check could never be asked; to be known before anything is touched."""
    found = [problem for check in checks for problem in KINDS[check.kind].problems(check.settings, question)]
    return list(dict.fromkeys(found))


def ask_in_order(
    checks: Sequence[Asked], question: Question, listener: Listener | None = None
) -> tuple[Answer, ...]:
    """Every check's answer. One that says no keeps no other from being asked: who repairs wants the whole picture.

    One that cannot be asked, although `problems_of` found nothing, is `unknown`: the environment has changed
    already, and whoever changed it must come to an end.
    """
    return tuple(ask_one(_WithoutRefusal(KINDS[check.kind]), check, question, listener) for check in checks)


class _WithoutRefusal:
    """A kind for which what is wrong with the settings is an answer too."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def ask(self, settings: Any, question: Question) -> Reply:
        try:
            return self._kind.ask(settings, question)
        except InputError as error:
            return unknown(str(error))

    def explain(self, settings: Any) -> str:
        return self._kind.explain(settings)
