"""Events for tests, as few or as many as a test wants; one minute lies between two numbers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from lockflight.ports.ledger_event import Answer, Event, Kind, Run, ServiceChange

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)
RUN = Run(owner="ci-1", url="https://ci.example/runs/1", host="runner-1")


def lock(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def digest(word: str) -> str:
    return f"sha256:{lock(word)}"


def at(number: int, seconds: int = 0) -> datetime:
    return START + number * A_MINUTE + timedelta(seconds=seconds)


_NEEDED: dict[Kind, dict[str, Any]] = {
    "overridden": {"person": "Ada", "reason": "the shop is down"},
    "gated": {"run": RUN, "gates": {"smoke": Answer(outcome="passed", says="200 in 12 ms")}},
    "started": {"run": RUN},
    "deployed": {"run": RUN, "services": {"cart": ServiceChange(outcome="deployed", cause="other digest")}},
    "succeeded": {"run": RUN},
    "failed": {"run": RUN, "reason": "cart is unhealthy"},
    "rolled-back": {"run": RUN},
    "withdrawn": {"reason": "it was rolled back"},
    "released": {"tag": "v1.0.0"},
    "approved": {"person": "Ada"},
    "marked": {"person": "Ada", "reason": "loses orders"},
    "let-go": {"person": "Ada"},
    "held": {"person": "Ada", "reason": "the fair is on"},
}
_WITHOUT_LOCK = ("let-go", "held")


def event(kind: Kind, number: int = 1, word: str | None = "a", /, **changes: Any) -> Event:
    """An event about the lock `lock(word)`."""
    about = {} if kind in _WITHOUT_LOCK or word is None else {"lock": lock(word)}
    values = {"environment": "staging", "number": number, "kind": kind, "time": at(number)}
    return Event(**{**values, **about, **_NEEDED[kind], **changes})


def passed(number: int, word: str, before: str | None = None, **changes: Any) -> list[Event]:
    """A promotion that succeeded after thirty seconds."""
    previous = {"previous": lock(before)} if before else {}
    return [
        event("gated", number, word),
        event("started", number, word, **previous, **changes),
        event("deployed", number, word, time=at(number, 20)),
        event("succeeded", number, word, time=at(number, 30)),
    ]


def gone_back(number: int, word: str, before: str, **changes: Any) -> list[Event]:
    """A promotion that failed, after which the environment is on the lock before again."""
    return [
        event("started", number, word, previous=lock(before)),
        event("failed", number, word, time=at(number, 30), **changes),
        event("rolled-back", number, before, previous=lock(word), time=at(number, 50)),
    ]


def rollback(number: int, word: str, left: str) -> list[Event]:
    """A person went back to a lock, and left another that is withdrawn."""
    return [
        event("started", number, word, previous=lock(left), rollback=True),
        event("succeeded", number, word, previous=lock(left), time=at(number, 30)),
        event("withdrawn", number, left, time=at(number, 30)),
    ]
