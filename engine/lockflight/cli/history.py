"""What happened to an environment, or to all of them, the newest first: every promotion with how it ended, those that a
gate refused and those that were cut off among them, and what persons said."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockflight.cli.context import Context
from lockflight.cli.ledger_view import (
    all_standings,
    outcome_of,
    promotion_data,
    short_lock,
    who,
    word_data,
)
from lockflight.cli.promotion_options import known_environment
from lockflight.errors import EXIT_DONE, InputError

if TYPE_CHECKING:
    from lockflight.ledger.history import Promotion
    from lockflight.ports.ledger_event import Answer, Event, Kind
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight history production            the last twenty
  lockflight history --limit 0 --json      everything that happened anywhere, for a program
  lockflight history production --full     with the gates, checks and services of each
"""
_LIMIT = 20
# What persons say, and how it reads in the column of outcomes.
_WORDS: dict[Kind, str] = {
    "overridden": "freeze overridden",
    "released": "released",
    "approved": "approved",
    "marked": "marked bad",
    "let-go": "hold released",
    "held": "held",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A promotion, or a person's word."""

    told: Promotion | Event
    time: datetime

    @property
    def order(self) -> tuple[datetime, int]:
        return self.time, self.told.number


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "environment", nargs="?", metavar="ENV", help="one environment; all of them by default"
    )
    parser.add_argument(
        "--limit", metavar="N", type=int, default=_LIMIT, help=f"how many; {_LIMIT} by default, 0 for all"
    )
    parser.add_argument("--full", action="store_true", help="with the gates, checks and services of each")


def run(context: Context, options: argparse.Namespace) -> int:
    if options.limit < 0:
        raise InputError("--limit wants a number, or 0 for all of them")
    engine = context.engine
    entries = _entries(engine, options.environment)
    shown = entries[: options.limit] if options.limit else entries
    if context.as_json:
        context.json({"total": len(entries), "history": [_data(one, options.full) for one in shown]})
        return EXIT_DONE
    if not entries:
        context.result("nothing happened yet")
        return EXIT_DONE
    several = options.environment is None
    context.result(_full_text(shown) if options.full else _table(shown, several))
    if len(shown) < len(entries):
        context.say(f"… and {len(entries) - len(shown)} before; '--limit 0' shows all")
    return EXIT_DONE


def _entries(engine: Engine, environment: str | None) -> list[Entry]:
    """The newest first: within an environment by number, since clocks may lie; by time between environments."""
    from lockflight.ports.ledger_event import in_order

    standings = all_standings(engine)
    if environment is not None and environment not in standings:
        known_environment(engine.manifest, environment)
    chosen = [environment] if environment else list(standings)
    found: list[Entry] = []
    for name in chosen:
        words = [one for one in in_order(engine.ledger.events(name)) if one.kind in _WORDS]
        own = [Entry(one, one.started) for one in standings[name].promotions]
        own += [Entry(one, one.time) for one in words]
        found += own
    if environment is not None:
        return sorted(found, key=lambda entry: (entry.told.number, entry.time), reverse=True)
    return sorted(found, key=lambda entry: entry.order, reverse=True)


def _table(entries: list[Entry], several: bool) -> str:
    from lockflight.cli.tables import table

    header = ["NUMBER", "WHEN", "ENVIRONMENT", "LOCK", "OUTCOME", "BY", "TOOK", "REASON"]
    rows = [_row(entry) for entry in entries]
    if not several:
        header, rows = [header[0], header[1], *header[3:]], [[*row[:2], *row[3:]] for row in rows]
    return table(header, rows, wrap_last=True)


def _row(entry: Entry) -> list[str]:
    from lockflight import durations
    from lockflight.models import utc_text
    from lockflight.ports.ledger_event import Event

    told = entry.told
    first = [str(told.number), utc_text(entry.time), told.environment]
    if isinstance(told, Event):
        said = f"{_WORDS[told.kind]} {told.tag or ''}".strip()
        return [*first, short_lock(told.lock), said, told.person or "-", "-", told.reason or "-"]
    took = durations.written(told.seconds) if told.seconds is not None else "-"
    return [*first, _way(told), outcome_of(told), who(told), took, told.reason or "-"]


def _way(promotion: Promotion) -> str:
    """`3f9a1c02d4e5 -> 77ab01c2d3e4`: from which lock to which."""
    if promotion.previous is None:
        return short_lock(promotion.lock)
    return f"{short_lock(promotion.previous)} -> {short_lock(promotion.lock)}"


def _full_text(entries: list[Entry]) -> str:
    return "\n".join("\n".join(_paragraph(entry)) + "\n" for entry in entries)


def _paragraph(entry: Entry) -> Iterator[str]:
    from lockflight.ports.ledger_event import Event

    number, when, environment, way, outcome, by, took, reason = _row(entry)
    yield f"{environment} {number}  {when}  {way}  {outcome}, by {by}" + (f", {took}" if took != "-" else "")
    if reason != "-":
        yield f"  reason: {reason}"
    if isinstance(entry.told, Event):
        return
    if entry.told.run is not None and entry.told.run.url:
        yield f"  run: {entry.told.run.url}"
    for event in entry.told.events:
        yield from _details(event)


def _details(event: Event) -> Iterator[str]:
    for name, answer in sorted(event.gates.items()):
        yield f"  gate {_answer(name, answer)}"
    for name, before in sorted(event.ran_before.items()):
        yield f"  ran before, by hand: {name}: {before.image}"
    for name, change in sorted(event.services.items()):
        detail = f": {change.detail}" if change.detail else ""
        yield f"  service {name}: {change.outcome} ({change.cause}){detail}"
    for name, answer in sorted(event.checks.items()):
        yield f"  check {_answer(name, answer)}"
    if event.migrations:
        yield f"  cannot be undone: {', '.join(event.migrations)}"


def _answer(name: str, answer: Answer) -> str:
    return f"{name}: {answer.outcome}: {answer.says}"


def _data(entry: Entry, full: bool) -> dict[str, Any]:
    from lockflight.ports.ledger_event import Event

    if isinstance(entry.told, Event):
        return word_data(entry.told)
    data = promotion_data(entry.told)
    return {**data, "events": list(entry.told.events)} if full else data
