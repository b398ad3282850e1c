"""What a promotion would do: every operation with its cause, and what the gates would be asked. Changes nothing; the
same lock and the same environment always give the same text."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.promotion_options import add_environment_argument, known_environment, world_of
from lockflight.cli.which_lock import add_lock_argument, load_lock
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.promotions.gates.model import Answer

EXAMPLES = """examples:
  lockflight plan staging              the lock in locks/current.yaml
  lockflight plan production --gates   and ask the gates as well
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environment_argument(parser)
    add_lock_argument(parser)
    parser.add_argument("--gates", action="store_true", help="ask the gates too, as a promotion would")


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.promotion_view import Teller
    from lockflight.promotions.deployment import deployment_of
    from lockflight.promotions.gates.ask import ask_all, explained, gates_of, verdict_of
    from lockflight.promotions.known import events_of
    from lockflight.promotions.order import Order
    from lockflight.promotions.promotion import look_at, question_of

    engine = context.engine
    environment = known_environment(engine.manifest, options.environment)
    lock, _ = load_lock(context, options.lock)
    world = world_of(context, engine, environment, Teller(context))
    made = deployment_of(world.manifest, environment, lock, world.root, world.variables)
    _, plan = look_at(world, made)
    gates = gates_of(world.settings(environment))
    answers: tuple[Answer, ...] = ()
    if options.gates:
        question = question_of(world, Order(environment, lock, ""), made, events_of(world, environment))
        answers = ask_all(gates, question, world.watcher)
    if context.as_json:
        asked = [{"gate": gate.name, "kind": gate.kind, "wants": explained(gate)} for gate in gates]
        context.json({**plan.as_data(), "gates": asked, "answers": [answer.as_data() for answer in answers]})
    else:
        lines = [f"  gate {gate.name}: {explained(gate)}" for gate in gates]
        context.result(str(plan) + "".join(f"{line}\n" for line in lines))
    error = verdict_of(answers, lock.id).error() if answers else None
    if error is not None:
        raise error
    return EXIT_DONE
