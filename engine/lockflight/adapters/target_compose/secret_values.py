"""The values of an environment's secrets: where they are needed, and that they are nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockflight.errors import InputError

# What is shorter stands everywhere by chance, and covering it would make every text unreadable.
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values by their variables' names, as far as the process has them."""

    names: Sequence[str]
    environment: Mapping[str, str]

    def stand_ins(self) -> dict[str, str]:
        """Instead of each value its name: files are read with these, so that nothing made of them is secret."""
        return {name: f"secret-{name}" for name in self.names}

    def demand(self) -> None:
        """`InputError` naming all that are not set: an empty password is worse than no deployment."""
        absent = [name for name in self.names if not self.environment.get(name)]
        if absent:
            raise InputError(
                f"secrets of the environment are not set: {', '.join(absent)}",
                hint="export them where lockflight runs; see 'secrets' of the environment in the manifest",
            )

    def covered(self, text: str) -> str:
        """The text without values; a secret of several lines is found line by line."""
        values = {line for name in self.names for line in self.environment.get(name, "").splitlines()}
        longest_first = sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)
        if not longest_first:
            return text
        return re.sub("|".join(map(re.escape, longest_first)), "***", text)
