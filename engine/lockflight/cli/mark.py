"""Mark a lock as bad, with the reason: it is promoted nowhere any more unless somebody insists (--again), and no
rollback goes to it. What runs it goes on running; 'lockflight rollback' takes an environment off it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.ledger_view import (
    add_person_option,
    all_standings,
    chosen_environments,
    named_lock_id,
    next_word,
    one_line,
    speaker,
)
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockflight.ledger.status import Standing
    from lockflight.ports.ledger_event import Event

EXAMPLES = """examples:
  lockflight mark 3f9a1c02 --bad --reason "loses orders when a cart is empty"
  lockflight mark locks/current.yaml --bad --reason "built from the wrong branch" --person ada@example.com
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "lock", metavar="LOCK", help="the lock's file, its id, or the beginning of an archived lock's id"
    )
    parser.add_argument("--bad", action="store_true", required=True, help="what is said of it")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="what is wrong with it")
    add_person_option(parser)


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.ports.ledger import Batch

    engine = context.engine
    listed = chosen_environments(engine, ())
    lock_id = named_lock_id(context, engine, options.lock)
    reason, person = one_line("--reason", options.reason), speaker(context, options, engine)
    standings = all_standings(engine)
    ran_in = [name for name, standing in standings.items() if _ran(standing, lock_id)]
    places = ran_in or listed[:1]
    events = [
        next_word(engine, name, "marked", person, lock=lock_id, reason=reason)
        for name in places
        if not _has_said(engine.ledger.events(name), lock_id, person, reason)
    ]
    is_new = bool(events) and engine.ledger.write_all(Batch(events=tuple(events)))
    running = [name for name, standing in standings.items() if standing.current == lock_id]
    if context.as_json:
        context.json(
            {"lock": lock_id, "bad": True, "person": person, "reason": reason, "written_to": places,
             "new": is_new, "running_in": running}
        )  # fmt: skip
    else:
        context.result(_said(lock_id, person, reason, ran_in))
    if lock_id not in engine.ledger.archived():
        context.say("note: no lock of that id is archived, so it never ran anywhere that this ledger knows")
    for name in running:
        context.say(f"note: {name} is on it; 'lockflight rollback {name}' goes to the last good lock")
    return EXIT_DONE


def _said(lock_id: str, person: str, reason: str, ran_in: list[str]) -> str:
    where = f"; it ran in {', '.join(ran_in)}" if ran_in else ""
    return f"lock {lock_id[:12]} is marked bad everywhere, by {person}: {reason}{where}"


def _ran(standing: Standing, lock_id: str) -> bool:
    """Whether it was ever begun there; what the gates stopped never was."""
    return any(one.lock == lock_id and one.outcome != "refused" for one in standing.promotions)


def _has_said(events: Iterable[Event], lock_id: str, person: str, reason: str) -> bool:
    said = (one for one in events if one.kind == "marked" and one.lock == lock_id)
    return any((one.person, one.reason) == (person, reason) for one in said)
