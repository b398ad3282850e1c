"""Run the stack on this machine, every image pinned to the digest in the lock, until it is taken down: give me
production on my laptop. Services that publish ports get free ones on loopback, so that stacks of several locks
run side by side; running it again changes only what differs."""

from __future__ import annotations

import argparse

from lockflight.cli.context import Context
from lockflight.cli.stack_options import (
    add_name_option,
    add_running_options,
    deadline,
    request,
    surroundings,
)
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, LockflightError

EXAMPLES = """examples:
  lockflight stack up                                    the lock in locks/current.yaml
  lockflight stack up locks/archive/3f9a1c02/lock.yaml   a release of the past
  lockflight stack up --fixed-ports                      on the ports that the compose files name
  lockflight stack up --name mine --profile debug        a second one beside it, with a profile
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_running_options(parser)
    add_name_option(parser)
    parser.add_argument(
        "--fixed-ports", action="store_true",
        help="publish the ports that the compose files name, instead of free ones on loopback",
    )  # fmt: skip


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.stack_view import Narrator, show_running, show_trouble
    from lockflight.stacks import naming
    from lockflight.stacks.alone import one_at_a_time, room_for
    from lockflight.stacks.bring_up import bring_up, checked, get_images
    from lockflight.stacks.prepare import read_ahead
    from lockflight.stacks.trouble import look_closer

    here = surroundings(context)
    seconds = deadline(options, here)
    wanted = request(context, options, naming.UP)
    named = f" --name {wanted.name}" if options.name is not None else ""
    narrator = Narrator(context)
    read_ahead(here, wanted)
    waiting = f"another lockflight puts up the stack {wanted.name}; waiting until it is done"
    with one_at_a_time(wanted.name, lambda: context.say(waiting)), room_for(here, wanted.name):
        prepared = checked(here, wanted, narrator)
        get_images(here, prepared, narrator, context.progress)
        try:
            running = bring_up(here, prepared, seconds, narrator)
        except (KeyboardInterrupt, LockflightError):
            context.say(
                f"what there is of the stack {wanted.name} is left: 'lockflight stack up{named}' goes on with it,"
                f" 'lockflight stack down{named}' takes it down"
            )
            raise
    narrator.close()
    if running.started.ready:
        show_running(context, running)
        return EXIT_DONE
    show_trouble(context, running, look_closer(here.engine, running.started.wrong))
    context.say(
        f"the stack {wanted.name} is left as it is, to be looked at: 'lockflight stack logs{named}' shows what it"
        f" printed, 'lockflight stack down{named}' takes it down"
    )
    return EXIT_REFUSED
