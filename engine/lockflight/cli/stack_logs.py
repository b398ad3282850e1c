"""Show what the services of a running stack print, as it comes, until Ctrl-C or until all of them have ended."""

from __future__ import annotations

import argparse

from lockflight import names
from lockflight.cli.context import Context
from lockflight.cli.stack_options import add_name_option, stack_name, surroundings
from lockflight.errors import EXIT_DONE, InputError

EXAMPLES = """examples:
  lockflight stack logs                    all services, as it comes
  lockflight stack logs cart orders        only these
  lockflight stack logs --lines 50         what is there now, no more than 50 lines of each
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="*", metavar="SERVICE", help="services of the stack; all otherwise")
    parser.add_argument("--lock", metavar="LOCK", default=None, help="the lock whose stack is meant")
    add_name_option(parser)
    parser.add_argument(
        "--lines", metavar="N", type=_count, default=None, help="the last N lines of each, and end"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    here = surroundings(context)
    name = stack_name(context, options, options.lock)
    containers = here.engine.containers(name)
    if not containers:
        raise InputError(f"no stack {name} is on the engine", hint="'lockflight stack up' starts it")
    known = {container.service for container in containers}
    for service in options.service:
        if service not in known:
            hint = names.did_you_mean(service, known) or f"it has: {', '.join(sorted(known))}"
            raise InputError(f"the stack {name} has no service '{service}'", hint=hint)
    if options.lines is None:
        here.engine.follow_logs(name, tuple(options.service), lambda line: context.result(line.rstrip("\n")))
        return EXIT_DONE
    for container in containers:
        if not options.service or container.service in options.service:
            for line in here.engine.logs(container.id, options.lines).splitlines():
                context.result(f"{container.service} | {line}")
    return EXIT_DONE


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of lines")
    return int(text)
