"""Sign off a lock for an environment, where there is no forge whose reviews could be counted. The lock's id is proven
first, and the word is good for that lock alone. Said twice, it counts once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.ledger_view import add_person_option, all_standings, named_lock, next_word, speaker
from lockflight.cli.promotion_options import add_environment_argument, known_environment
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight approve production                         the lock in locks/current.yaml
  lockflight approve production 3f9a1c02                an archived one, by the beginning of its id
  lockflight approve production a/lock.yaml --person ada@example.com
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environment_argument(parser)
    parser.add_argument(
        "lock", nargs="?", metavar="LOCK",
        help="the lock's file, or the beginning of an archived lock's id; locks/current.yaml by default",
    )  # fmt: skip
    add_person_option(parser)


def run(context: Context, options: argparse.Namespace) -> int:
    engine = context.engine
    environment = known_environment(engine.manifest, options.environment)
    lock = named_lock(context, engine, options.lock)
    person = speaker(context, options, engine)
    standing = all_standings(engine)[environment]
    before = standing.approvals.get(lock.id, ())
    if person not in before:
        engine.ledger.write(next_word(engine, environment, "approved", person, lock=lock.id))
    approved_by = [*before, *([] if person in before else [person])]
    objection = standing.objection(lock.id)
    if objection:
        context.say(f"note: this lock is not promoted to {environment} all the same: {objection}")
    _say_who_counts(context, engine, environment, person)
    if context.as_json:
        context.json(
            {"environment": environment, "lock": lock.id, "person": person, "new": person not in before,
             "approved_by": approved_by}
        )  # fmt: skip
    else:
        already = "had already approved" if person in before else "approved"
        context.result(
            f"{person} {already} lock {lock.id[:12]} for {environment} (so far: {', '.join(approved_by)})"
        )
    return EXIT_DONE


def _say_who_counts(context: Context, engine: Engine, environment: str, person: str) -> None:
    """A word of somebody who is not asked for is kept, but no gate opens by it."""
    gates = [gate.approvals for gate in engine.manifest.environments[environment].gates if gate.approvals]
    if not gates:
        context.say(f"note: {environment} has no gate 'approvals'; nothing waits for this word")
        return
    asked = [reviewer for gate in gates for reviewer in gate.reviewers]
    if person.casefold() not in {reviewer.casefold() for reviewer in asked}:
        context.say(f"note: the gate asks for {', '.join(asked)}; the word of {person} does not count there")
