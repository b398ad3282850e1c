"""Replay one lock, unchanged, in an environment: every gate is asked before anything is touched, every image is
there before the first change, only what differs is changed, and the checks decide. When a service fails or a check
says no, the whole bundle goes back to the lock that was there. Cut off anywhere, the same command goes on."""

from __future__ import annotations

import argparse

from lockflight.cli.context import Context
from lockflight.cli.promotion_options import (
    add_acting_options,
    add_environment_argument,
    known_environment,
    override,
    owner,
    person,
    waiting_time,
    world_of,
)
from lockflight.cli.stack_options import ci_run
from lockflight.cli.which_lock import add_lock_argument, load_lock
from lockflight.errors import EXIT_DONE, EXIT_REFUSED

EXAMPLES = """examples:
  lockflight promote staging                     the lock in locks/current.yaml
  lockflight promote production --wait 10m       wait for somebody else's promotion to end
  lockflight promote production a/lock.yaml      another lock

exit codes: 0 on the lock and well; 1 refused, or back on the lock that was there; 4 not yet (a lease, a soak time,
a freeze); 5 left mixed, a person is needed.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environment_argument(parser)
    add_lock_argument(parser)
    add_acting_options(parser)
    parser.add_argument(
        "--again", action="store_true", help="promote a lock that was withdrawn or marked bad, on purpose"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.promotion_view import Teller, show_promoted
    from lockflight.promotions.order import Order
    from lockflight.promotions.promotion import promote

    engine = context.engine
    environment = known_environment(engine.manifest, options.environment)
    lock, _ = load_lock(context, options.lock)
    order = Order(
        environment, lock, owner(context), ci_run(context), again=options.again, override=override(context, options),
        wait=waiting_time(options), person=person(context),
    )  # fmt: skip
    promoted = promote(world_of(context, engine, environment, Teller(context)), order)
    show_promoted(context, order, promoted)
    return EXIT_DONE if promoted.outcome in ("succeeded", "already") else EXIT_REFUSED
