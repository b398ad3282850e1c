"""The checks after a deployment: questions to what runs now. Three of them are gates as well; `suite` is not.

A check is a gate (see `lockflight.promotions.gates`) with a third function, `problems`: what is wrong with its
settings must be known before the deployment, when it does no harm yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lockflight.errors import Problem
from lockflight.promotions.checks import suite
from lockflight.promotions.gates import command, http, tcp
from lockflight.promotions.gates.model import Kind, Question


class CheckKind(Kind, Protocol):
    """One kind of check."""

    def problems(self, settings: Any, question: Question, /) -> list[Problem]:
        """Why it could never be asked; nothing is asked yet."""
        ...


KINDS: Mapping[str, CheckKind] = {"http": http, "tcp": tcp, "command": command, "suite": suite}
