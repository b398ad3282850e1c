"""Go back to an archived lock, in one command: by default to the last one that passed its checks in the environment
before the one that is there. Its configuration comes out of the archive where the files here are not its own. The
lock that is left is withdrawn, so that a rerun of its deployment does not bring it back."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

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
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, InputError, Refused

if TYPE_CHECKING:
    from lockflight.ledger.candidates import Candidate
    from lockflight.ledger.status import Standing
    from lockflight.locks.model import Lock
    from lockflight.promotions.order import World
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight rollback production                   to the last good lock before this one
  lockflight rollback production --list            where it could go, and whether each can still be pulled
  lockflight rollback production --to 3f9a1c02     by id, date (2026-11-20) or release tag
"""


# Findings that mean that bytes are missing.
_GONE = frozenset({"digest-missing", "image-missing", "incomplete-image", "wrong-content"})


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environment_argument(parser)
    parser.add_argument(
        "--to", metavar="LOCK", default=None, help="the beginning of an id, a date, or a release tag"
    )
    parser.add_argument("--list", action="store_true", help="show where it could go; changes nothing")
    parser.add_argument(
        "--with-config", action="store_true",
        help="take the lock's configuration from the archive where the files here are not its own",
    )  # fmt: skip
    parser.add_argument(
        "--across-migration", action="store_true",
        help="go back although a migration that cannot be undone has run since",
    )  # fmt: skip
    add_acting_options(parser)


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.promotion_view import Teller, show_promoted
    from lockflight.ledger.archive import archived_lock
    from lockflight.ledger.candidates import chosen, last_good
    from lockflight.promotions.order import Order
    from lockflight.promotions.promotion import promote, standing_of

    engine = context.engine
    environment = known_environment(engine.manifest, options.environment)
    world = world_of(context, engine, environment, Teller(context))
    standing = standing_of(world, environment)
    if options.list:
        return _list(context, engine, standing)
    candidate = chosen(standing, options.to) if options.to else last_good(standing)
    if candidate.lock is None:
        raise InputError(
            f"before lockflight came, {environment} ran what somebody had deployed by hand, and there is no lock of it",
            hint=f"'lockflight history {environment} --full' shows the images that ran",
        )
    _refuse_migrations(candidate, options.across_migration)
    lock = archived_lock(engine.ledger, candidate.lock)
    order = Order(
        environment, lock, owner(context), ci_run(context), rollback=candidate, again=options.to is not None,
        override=override(context, options), wait=waiting_time(options), person=person(context),
    )  # fmt: skip
    promoted = promote(_with_configuration(world, lock, options.with_config), order)
    show_promoted(context, order, promoted)
    return EXIT_DONE if promoted.outcome in ("succeeded", "already") else EXIT_REFUSED


def _with_configuration(world: World, lock: Lock, wanted: bool) -> World:
    """The files to deploy from: those here where they are the lock's own, else the archive's, if that is wanted."""
    from lockflight.ledger.archive import archive_of
    from lockflight.promotions.restore import taken_out

    try:
        archive_of(lock, world.root)
    except Refused as error:
        if not wanted:
            hint = "'--with-config' takes the configuration from the archive; or check out the lock's commit"
            raise Refused([replace(problem, hint=hint) for problem in error.problems]) from error
        return replace(world, root=taken_out(world, lock))
    return world


def _list(context: Context, engine: Engine, standing: Standing) -> int:
    from lockflight.cli.tables import table
    from lockflight.ledger.candidates import candidates
    from lockflight.models import utc_text

    found = [candidate for candidate in candidates(standing) if candidate.lock is not None]
    pulls = {candidate.lock: _can_be_pulled(engine, candidate.lock or "") for candidate in found}
    if context.as_json:
        context.json(
            {"environment": standing.environment, "current": standing.current,
             "candidates": [
                 {"lock": one.lock, "since": one.since, "objection": one.objection, "across": list(one.across),
                  "tags": list(one.tags), "can_be_pulled": pulls[one.lock]}
                 for one in found]}
        )  # fmt: skip
        return EXIT_DONE
    rows = [
        [
            (one.lock or "")[:12],
            ", ".join(one.tags) or "-",
            utc_text(one.since),
            pulls[one.lock],
            one.objection or "-",
        ]
        for one in found
    ]
    context.result(
        table(["LOCK", "TAG", "PASSED", "IMAGES", "OBJECTION"], rows) if rows else "nothing to go back to"
    )
    return EXIT_DONE


def _can_be_pulled(engine: Engine, lock_id: str) -> str:
    """Whether everything of a lock can still be had: `all there`, what is gone, or why nobody knows."""
    from lockflight.errors import LockflightError
    from lockflight.findings import refusals
    from lockflight.ledger.archive import archived_lock
    from lockflight.locks.verify import verify
    from lockflight.progress import Silent

    try:
        checked = verify(archived_lock(engine.ledger, lock_id), engine.registry, Silent())
    except LockflightError as error:
        return str(error)
    # Whether it still is what its commit says is not the question now; whether it is there at all is.
    gone = sorted({one.subject for one in refusals(checked.findings) if one.code in _GONE})
    if gone:
        return f"gone: {', '.join(gone)}"
    return "unknown: a registry could not be asked" if checked.failures else "all there"


def _refuse_migrations(candidate: Candidate, allowed: bool) -> None:
    if candidate.across and not allowed:
        raise Refused(
            f"since lock {(candidate.lock or '')[:12]} migrations ran that cannot be undone:"
            f" {', '.join(candidate.across)}",
            hint="'--across-migration' goes back all the same; will the older services understand the data?",
            code="across-migration",
        )
