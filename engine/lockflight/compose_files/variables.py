"""Variables: what compose files may interpolate, and where each value came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Origin(StrEnum):
    """Where the value of a variable came from; all but `env file` and `default` may differ by machine."""

    ENVIRONMENT = "environment"
    ENV_FILE = "env file"
    PROJECT = "project name"
    DEFAULT = "default"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that was used. Its value is left out on purpose: it may be a secret."""

    name: str
    origin: Origin
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A text that interpolation made, and every variable that went into it."""

    text: str
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables that one compose file sees."""

    known: Mapping[str, Known] = field(default_factory=dict)
    # Services whose image is named elsewhere: what their `image` says need not be known.
    pinned: frozenset[str] = frozenset()

    def lookup(self, name: str) -> Known | None:
        return self.known.get(name)

    def below(self, more: Mapping[str, Known]) -> Scope:
        """This scope with `more` added beneath: what is known already stays as it is."""
        return Scope({**more, **self.known}, self.pinned)


def scope_of_environment(environment: Mapping[str, str]) -> Scope:
    return Scope(
        {name: Known(text, (Variable(name, Origin.ENVIRONMENT),)) for name, text in environment.items()}
    )


def distinct(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Each variable once, in the order of first use."""
    return tuple(dict.fromkeys(variables))
