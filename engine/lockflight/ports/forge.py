"""Where pull requests live and people approve them, as far as a gate needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that one lock may be promoted; it says nothing of any other lock."""

    person: str
    lock_id: str
    time: datetime
    # Where it was given, for whoever wants to look.
    url: str | None = None


class Forge(Protocol):
    """Every call raises `OutsideError` when the forge cannot be reached or does not let us ask."""

    def approvals(self, lock_id: str, environment: str) -> tuple[Approval, ...]:
        """The approvals that stand now for promoting this lock there, in the order in which they were given.

        One that was dismissed, or after which the same person asked for changes, stands no more. An approval of
        what the pull request was before its lock changed is left out, or comes with the lock that it was given for.
        """
        ...
