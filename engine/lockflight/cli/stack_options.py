"""What the commands of the stack have in common: their options, and where the stack comes from."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.which_lock import add_lock_argument, load_lock, lock_path
from lockflight.errors import InputError

if TYPE_CHECKING:
    from lockflight.stacks.prepare import Request
    from lockflight.stacks.surroundings import Surroundings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def add_running_options(parser: argparse.ArgumentParser) -> None:
    """For the commands that start something."""
    add_pinning_options(parser)
    parser.add_argument(
        "--allow-changed-config", action="store_true",
        help="run it although configuration files are not as they were locked",
    )  # fmt: skip
    parser.add_argument(
        "--deadline", metavar="TIME", default=None,
        help="how long all services together may take to be ready, such as 90s; the manifest's otherwise",
    )  # fmt: skip


def add_pinning_options(parser: argparse.ArgumentParser) -> None:
    """For every command that reads the stack together with a lock."""
    add_lock_argument(parser)
    parser.add_argument(
        "--profile", metavar="NAME", action="append", default=[],
        help="make this compose profile active; may be said again; the manifest's otherwise",
    )  # fmt: skip
    parser.add_argument(
        "--allow-unlocked", metavar="SERVICE", action="append", default=[],
        help="run this service of the stack although the lock does not have it; may be said again",
    )  # fmt: skip


def add_name_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", default=None,
        help="what the stack is called on the engine; the project and the beginning of the lock's id otherwise",
    )  # fmt: skip


def surroundings(context: Context) -> Surroundings:
    """The manifest's repository and a local engine."""
    from lockflight.stacks.surroundings import Surroundings

    engine = context.engine
    return Surroundings(
        engine.root, engine.manifest, context.environment, engine.git, engine.stack_engine, engine.clock
    )


def request(context: Context, options: argparse.Namespace, purpose: str) -> Request:
    """What is to be run; for a test the name is its own, for the others always the same."""
    from lockflight.stacks import naming
    from lockflight.stacks.prepare import Request

    lock, _ = load_lock(context, options.lock)
    if purpose in (naming.TEST, naming.KEPT):
        name = naming.name_for_a_test(lock)
    else:
        name = naming.name_to_keep(lock) if options.name is None else _checked(options.name)
    return Request(
        lock, name, purpose,
        profiles=tuple(options.profile),
        allow_unlocked=frozenset(options.allow_unlocked),
        allow_changed_config=options.allow_changed_config,
        fixed_ports=getattr(options, "fixed_ports", False),
    )  # fmt: skip


def stack_name(context: Context, options: argparse.Namespace, lock: str | None) -> str:
    """The name that was given, else the one that the lock's stack has."""
    if options.name is not None:
        return _checked(options.name)
    from lockflight.files import read_text
    from lockflight.locks.quick import proven_name
    from lockflight.stacks import naming

    path, called = lock_path(context, lock)
    # The whole reader costs as much as the rest of 'stack down'.
    found = proven_name(read_text(path, called=called))
    return naming.name_of(*found) if found else naming.name_to_keep(load_lock(context, lock)[0])


def _checked(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise InputError(
        f"--name: '{name}' is no name for a stack",
        hint="Compose wants lower-case letters, digits, '_' and '-', a letter or digit first",
    )


def deadline(options: argparse.Namespace, here: Surroundings) -> int:
    """In seconds."""
    from lockflight import durations

    text = options.deadline or here.stack.deadline
    length = durations.seconds(text) if re.fullmatch(durations.PATTERN, text) else 0
    if not length:
        raise InputError(f"--deadline wants a length of time such as 90s or 5m, not '{text}'")
    return length


def ci_run(context: Context) -> str | None:
    """The CI run that this is a part of, where the CI says so."""
    from lockflight.builds.ci import running_build

    build = running_build(context.environment)
    return build.run if build else None
