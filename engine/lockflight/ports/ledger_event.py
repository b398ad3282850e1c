"""One event of the ledger: what happened to an environment, written once and never changed.

Every event has a number. That of a promotion's events is its fencing number; a person's word takes the next free
one. Numbers of an environment only grow: whoever hands one out takes more than every number in the ledger
(`next_number`), so that an environment whose target was made anew goes on counting. Within a number, events are in
the order of `KINDS`, whatever the clocks say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from lockflight import names
from lockflight.models import Digest, Line, LockId, Model, ServiceName, Tag, UtcTime

VERSION = 1
LARGEST_NUMBER = 99_999_999
Kind = Literal[
    "overridden",  # a person lifted a freeze for once
    "gated",  # what the gates answered
    "started",  # before the first change
    "deployed",  # how each service ended
    "succeeded",  # the checks after the deployment passed
    "failed",  # the promotion ended otherwise
    "rolled-back",  # the environment is on `lock` again, and that was verified
    "withdrawn",  # the lock is not to be promoted here again
    "released",
    "approved",
    "marked",  # a lock is bad, here and everywhere
    "let-go",  # every hold with a smaller number is over
    "held",
]
# The order within a number. A hold stays where a let-go has the same number: that person had not seen it.
KINDS: tuple[Kind, ...] = get_args(Kind)
# Two persons may each say a word under the same number, so their names are part of the event's.
SPOKEN: frozenset[Kind] = frozenset({"overridden", "approved", "marked", "let-go", "held"})

# Text that others wrote may bring a URL with a password in it; the ledger holds no secret.
Words = Annotated[Line, AfterValidator(names.without_credentials)]
EnvironmentName = Annotated[
    str,
    Field(pattern=f"^{names.SERVICE}$", description="An environment's name: letters, digits, '_', '.', '-'."),
]
CheckName = Annotated[
    str, Field(pattern=f"^{names.SERVICE}$", description="The name of a gate or a check in the manifest.")
]


class Run(Model):
    """Who carried it out: the lease's owner, the CI run and the machine."""

    owner: Words
    url: Words | None = None
    host: Words | None = None


class Answer(Model):
    """What a gate or a check said; evidence for the event's lock and for no other."""

    outcome: Literal["passed", "refused", "not-yet", "failed"] = Field(
        description="`failed` where the outside world gave no answer."
    )
    says: Words = Field(description="The answer in words.")
    kind: CheckName | None = None
    asked: UtcTime | None = None
    again: UtcTime | None = Field(None, description="When it may be asked again, after `not-yet`.")
    seconds: float | None = Field(None, ge=0)
    definition: Digest | None = Field(None, description="Of what was asked, such as a suite's definition.")
    people: list[Words] = Field(default=[], description="Who approved.")


class ServiceChange(Model):
    """What a deployment did to one service."""

    outcome: Literal["unchanged", "deployed", "removed", "failed", "not-reached"]
    cause: Words
    before: Digest | None = None
    after: Digest | None = None
    seconds: float | None = Field(None, ge=0)
    detail: Words | None = Field(None, description="Why it failed.")


class RanBefore(Model):
    """A service that somebody had deployed by hand when the environment was adopted."""

    image: Words
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class _Fields:
    """What an event of a kind must say, and what it may say besides."""

    needs: frozenset[str]
    may: frozenset[str]


def _fields(needs: str, may: str = "") -> _Fields:
    return _Fields(frozenset(needs.split()), frozenset(may.split()))


_ALWAYS = frozenset({"version", "environment", "number", "kind", "time", "reason", "person", "run"})
_FIELDS: dict[Kind, _Fields] = {
    "overridden": _fields("person reason", "lock"),
    "gated": _fields("run lock gates", "previous rollback"),
    "started": _fields("run lock", "previous rollback again ran_before environment_files"),
    "deployed": _fields("run lock services", "previous migrations environment_files"),
    "succeeded": _fields("run lock", "previous checks migrations"),
    "failed": _fields("run lock reason", "previous checks migrations services mixed"),
    "rolled-back": _fields("run", "lock previous checks services"),
    "withdrawn": _fields("lock reason"),
    "released": _fields("lock tag"),
    "approved": _fields("person lock"),
    "marked": _fields("person lock reason"),
    "let-go": _fields("person"),
    "held": _fields("person reason"),
}


def _needs_by_kind(schema: dict[str, Any]) -> None:
    """The table above, in the words of JSON Schema."""
    schema["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {
                "required": sorted(fields.needs),
                "properties": dict.fromkeys(_foreign(kind, schema["properties"]), False),
            },
        }
        for kind, fields in _FIELDS.items()
    ]


def _foreign(kind: Kind, fields: Iterable[str]) -> list[str]:
    own = _ALWAYS | _FIELDS[kind].needs | _FIELDS[kind].may
    return sorted(field for field in fields if field not in own)


class Event(Model):
    """One event in the life of an environment. Which fields it has follows from its kind."""

    model_config = ConfigDict(json_schema_extra=_needs_by_kind)

    version: Literal[1] = 1
    environment: EnvironmentName
    number: int = Field(ge=1, le=LARGEST_NUMBER, description="The fencing number.")
    kind: Kind
    time: UtcTime
    lock: LockId | None = Field(None, description="What it is about; for `rolled-back`, what runs again.")
    previous: LockId | None = Field(None, description="What ran before, or what was left.")
    reason: Words | None = None
    person: Words | None = None
    run: Run | None = None
    rollback: bool = Field(False, description="A person asked to go back to this lock.")
    again: bool = Field(False, description="A withdrawn lock was promoted on purpose (`--again`).")
    gates: dict[CheckName, Answer] = Field(default={}, description="Asked before anything was touched.")
    checks: dict[CheckName, Answer] = Field(default={}, description="Asked after the deployment.")
    services: dict[ServiceName, ServiceChange] = Field(default={}, description="How each service ended.")
    ran_before: dict[ServiceName, RanBefore] = Field(
        default={}, description="What ran there by hand when lockflight came to the environment."
    )
    environment_files: dict[Line, Digest] = Field(
        default={}, description="The files that only this environment uses, and so no lock covers."
    )
    migrations: list[ServiceName] = Field(
        default=[], description="One-shot services that ran and cannot be undone."
    )
    mixed: bool = Field(False, description="Parts of two locks were left running; a person is needed.")
    tag: Tag | None = None

    @model_validator(mode="after")
    def _says_what_its_kind_says(self) -> Event:
        missing = sorted(field for field in _FIELDS[self.kind].needs if not getattr(self, field))
        if missing:
            raise ValueError(f"is '{self.kind}' and must say {_listed(missing)}")
        foreign = [field for field in _foreign(self.kind, type(self).model_fields) if getattr(self, field)]
        if foreign:
            raise ValueError(f"is '{self.kind}' and cannot say {_listed(foreign)}")
        return self

    @property
    def name(self) -> str:
        """What the event is called in its environment: `00000007-started`. Only one can have the name."""
        key = f"-{_key(self.person or '', self.lock or '')}" if self.kind in SPOKEN else ""
        return f"{self.number:08d}-{self.kind}{key}"

    def says_the_same(self, other: Event) -> bool:
        """Whether both are the same event; a step that was repeated says it at another time."""
        return self.model_dump(exclude={"time"}) == other.model_dump(exclude={"time"})


def _listed(fields: list[str]) -> str:
    return ", ".join(f"'{field}'" for field in fields)


def _key(person: str, lock: str) -> str:
    """A person as part of a file name; two whose names read alike there stay two."""
    word = re.sub(r"[^a-z0-9]+", "-", person.lower())[:32].strip("-") or "person"
    told_apart = hashlib.sha256(f"{person}\n{lock}".encode()).hexdigest()[:8]
    return f"{word}-{told_apart}"


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """By number, then by kind as things happen; time decides only between persons."""
    return tuple(
        sorted(events, key=lambda event: (event.number, KINDS.index(event.kind), event.time, event.name))
    )


def next_number(events: Iterable[Event], at_least: int = 0) -> int:
    """The number for what comes next; `at_least` is the last that the target itself knows of."""
    return max([at_least, *(event.number for event in events)]) + 1
