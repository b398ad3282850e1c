"""What the commands about the ledger have in common: how it is read and shown, and who speaks."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lockflight import names
from lockflight.cli.context import Context
from lockflight.cli.promotion_options import known_environment
from lockflight.cli.which_lock import is_there, load_lock
from lockflight.errors import InputError
from lockflight.places import MANIFEST

if TYPE_CHECKING:
    from lockflight.ledger.history import Promotion
    from lockflight.ledger.status import Standing
    from lockflight.locks.model import Lock
    from lockflight.ports.ledger import Ledger
    from lockflight.ports.ledger_event import Event, Kind
    from lockflight.wiring import Engine

BY_HAND = "by hand"
_SHORTEST_PREFIX = 4


def add_environments_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environments", nargs="*", metavar="ENV", help="the environments; all by default")


def add_person_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--person", metavar="NAME", default=None,
        help="who says so; by default GITHUB_ACTOR in GitHub Actions, else git's user.email or user.name",
    )  # fmt: skip


def chosen_environments(engine: Engine, wanted: Iterable[str]) -> list[str]:
    """Those that were named, each once, or all of the manifest."""
    named = list(dict.fromkeys(known_environment(engine.manifest, name) for name in wanted))
    if not named and not engine.manifest.environments:
        raise InputError(f"{MANIFEST} names no environment", hint="describe them under 'environments'")
    return named or list(engine.manifest.environments)


def all_standings(engine: Engine) -> dict[str, Standing]:
    """Where all environments stand: the manifest's in its order, then those that only the ledger knows."""
    from lockflight.ledger.status import standings

    known = engine.ledger.environments()
    listed = list(dict.fromkeys([*engine.manifest.environments, *known]))
    found = standings({name: engine.ledger.events(name) for name in listed})
    return {name: found[name] for name in listed}


def short_lock(lock_id: str | None, nothing: str = "-") -> str:
    return lock_id[:12] if lock_id else nothing


def current_lock(standing: Standing) -> str:
    """The lock that an environment is on, with the tags of its releases."""
    if not standing.stays:
        return "-"
    return " ".join([short_lock(standing.current, BY_HAND), *tags_of(standing, standing.current)])


def tags_of(standing: Standing, lock_id: str | None) -> list[str]:
    return sorted(tag for tag, released in standing.released.items() if released == lock_id)


def age(length: timedelta) -> str:
    """How long ago, as roughly as a person wants to know: `40 s`, `12 min`, `5 h`, `3 days`."""
    seconds = max(0, round(length.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{seconds} s"


def who(promotion: Promotion) -> str:
    """By whom: the person who asked for it, else the owner of its lease."""
    from lockflight.promotions.lease import shown

    if promotion.person:
        return promotion.person
    return shown(promotion.run.owner) if promotion.run else "-"


def outcome_of(promotion: Promotion) -> str:
    """How it ended, in words."""
    said = "left mixed" if promotion.is_mixed else promotion.outcome.replace("-", " ")
    return f"{said} (rollback)" if promotion.is_rollback else said


def promotion_data(promotion: Promotion) -> dict[str, Any]:
    """A promotion for a program."""
    return {
        "kind": "promotion",
        "environment": promotion.environment,
        "number": promotion.number,
        "lock": promotion.lock,
        "previous": promotion.previous,
        "outcome": promotion.outcome,
        "started": promotion.started,
        "ended": promotion.ended,
        "seconds": promotion.seconds,
        "back_to": promotion.back_to,
        "rollback": promotion.is_rollback,
        "mixed": promotion.is_mixed,
        "by": who(promotion),
        "run": promotion.run,
        "reason": promotion.reason,
        "migrations": list(promotion.migrations),
    }


def word_data(event: Event) -> dict[str, Any]:
    """What a person said, for a program."""
    return {
        "kind": event.kind,
        "environment": event.environment,
        "number": event.number,
        "time": event.time,
        "lock": event.lock,
        "by": event.person,
        "reason": event.reason,
        "tag": event.tag,
    }


def speaker(context: Context, options: argparse.Namespace, engine: Engine) -> str:
    """Whose word it is; nobody's word does not count."""
    if options.person is not None:
        return one_line("--person", options.person)
    from lockflight.wiring import git_setting

    # In a workflow git's user is mostly a bot's; the actor is the person who set it off.
    actor = context.environment.get("GITHUB_ACTOR") if context.in_github_actions else None
    found = actor or git_setting(engine.root, "user.email") or git_setting(engine.root, "user.name")
    found = found or context.environment.get("GITHUB_ACTOR")
    if not found:
        raise InputError(
            "who says so? neither git nor the environment knows",
            hint="name yourself with --person, or set it for good: git config --global user.email ada@example.com",
        )
    return one_line("the person", found)


def one_line(option: str, text: str) -> str:
    """Text as the ledger can hold it."""
    from pydantic import TypeAdapter, ValidationError

    from lockflight.models import Line

    try:
        said: str = TypeAdapter(Line).validate_python(text.strip())
    except ValidationError as error:
        hint = "at most 1000 characters, without line breaks"
        raise InputError(f"{option} wants a line of text that others can read later", hint=hint) from error
    return said


def next_word(engine: Engine, environment: str, kind: Kind, person: str, **fields: Any) -> Event:
    """A person's word with the next free number; two persons may speak under the same one."""
    from lockflight.ports.ledger_event import Event, next_number

    number = next_number(engine.ledger.events(environment))
    return Event(
        environment=environment, number=number, kind=kind, time=engine.clock.now(), person=person, **fields
    )


def named_lock(context: Context, engine: Engine, word: str | None) -> Lock:
    """A lock by its file, or by the beginning of the id of an archived one; its id is proven."""
    if word is None or not _is_id(context, word):
        return load_lock(context, word)[0]
    from lockflight.ledger.archive import archived_lock

    return archived_lock(engine.ledger, archived_id(engine.ledger, word))


def named_lock_id(context: Context, engine: Engine, word: str) -> str:
    """The same, where the id is enough: a whole one need not be archived."""
    if not _is_id(context, word):
        return load_lock(context, word)[0].id
    return word if re.fullmatch(names.LOCK_ID, word) else archived_id(engine.ledger, word)


def _is_id(context: Context, word: str) -> bool:
    """Whether a word is a lock's id or the beginning of one, and not the name of a file."""
    return re.fullmatch(r"[0-9a-f]{1,64}", word) is not None and not is_there(context.path(word))


def archived_id(ledger: Ledger, beginning: str) -> str:
    found = [lock_id for lock_id in ledger.archived() if lock_id.startswith(beginning)]
    if len(found) == 1 and len(beginning) >= _SHORTEST_PREFIX:
        return found[0]
    if len(beginning) < _SHORTEST_PREFIX:
        raise InputError(f"'{beginning}' is too short for a lock's id", hint="write at least 4 digits of it")
    if not found:
        raise InputError(
            f"there is no archived lock whose id begins with '{beginning}', and no file of that name",
            hint="'lockflight history' shows the locks that ran; or name the lock's file",
        )
    listed = ", ".join(lock_id[:12] for lock_id in found)
    raise InputError(
        f"'{beginning}' is the beginning of several locks: {listed}", hint="write more of the id"
    )
