"""Stop all promotions of an environment, with a reason that everybody reads who tries one; or let go of it again. A
rollback is not stopped: it is the way out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lockflight.cli.context import Context
from lockflight.cli.ledger_view import add_person_option, all_standings, next_word, one_line, speaker
from lockflight.cli.promotion_options import add_environment_argument, known_environment
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.ledger.status import Standing
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight hold production --reason "the fair is on until Sunday"
  lockflight hold production --release
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environment_argument(parser)
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--reason", metavar="TEXT", help="why nothing is to be promoted there")
    either.add_argument(
        "--release", action="store_true", help="let go: every hold of the environment is over"
    )
    add_person_option(parser)


def run(context: Context, options: argparse.Namespace) -> int:
    engine = context.engine
    environment = known_environment(engine.manifest, options.environment)
    standing = all_standings(engine)[environment]
    if options.release:
        return _release(context, engine, standing, speaker(context, options, engine))
    return _hold(context, engine, standing, one_line("--reason", options.reason), options)


def _hold(
    context: Context, engine: Engine, standing: Standing, reason: str, options: argparse.Namespace
) -> int:
    person, environment = speaker(context, options, engine), standing.environment
    is_held = any((hold.person, hold.reason) == (person, reason) for hold in standing.holds)
    if not is_held:
        engine.ledger.write(next_word(engine, environment, "held", person, reason=reason))
    already = "is already held" if is_held else "is held"
    said = f"{environment} {already} by {person}: {reason}\n'lockflight hold {environment} --release' lets go"
    return _show(context, {"environment": environment, "held": True, "new": not is_held}, said)


def _release(context: Context, engine: Engine, standing: Standing, person: str) -> int:
    environment = standing.environment
    if standing.holds:
        engine.ledger.write(next_word(engine, environment, "let-go", person))
    ended = [f"{hold.person}: {hold.reason}" for hold in standing.holds]
    said = f"{environment} is held no more ({'; '.join(ended)})" if ended else f"nobody holds {environment}"
    return _show(context, {"environment": environment, "held": False, "new": bool(ended)}, said)


def _show(context: Context, document: dict[str, Any], said: str) -> int:
    if context.as_json:
        context.json(document)
    else:
        context.result(said)
    return EXIT_DONE
