"""Take a stack down: its containers, networks and volumes, and nothing of anybody else. With --all, every stack
of this project that is on the engine, also those whose lockflight was killed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.stack_options import add_name_option, stack_name, surroundings
from lockflight.cli.which_lock import add_lock_argument
from lockflight.errors import EXIT_DONE, InputError
from lockflight.places import manifest_folder

if TYPE_CHECKING:
    from pathlib import Path

    from lockflight.ports.stack_engine import StackEngine, StackFound

EXAMPLES = """examples:
  lockflight stack down                  the stack of locks/current.yaml
  lockflight stack down --name mine      the one that was put up with this name
  lockflight stack down --all            all of this project
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_lock_argument(parser)
    add_name_option(parser)
    parser.add_argument("--all", action="store_true", help="every stack of this project on the engine")


def run(context: Context, options: argparse.Namespace) -> int:
    if options.all:
        if options.name is not None or options.lock is not None:
            raise InputError("--all means every stack of the project; name no lock and no stack beside it")
        return _all(context)
    # Without the manifest: reading it takes as long as taking down.
    engine, root = context.stack_engine, manifest_folder(context.folder)
    name = stack_name(context, options, options.lock)
    there = [found for found in engine.stacks() if found.name == name]
    return _take_down(context, engine, root, there, f"there is no stack {name} on the engine; nothing to do")


def _all(context: Context) -> int:
    from lockflight.stacks.remove import is_of_another_home, is_orphan, is_somebody_elses

    here = surroundings(context)
    found = here.engine.stacks(here.manifest.project)
    busy = [one for one in found if is_somebody_elses(one)]
    for one in busy:
        context.say(
            f"note: {one.name} is left alone: a lockflight that runs, or one that cannot be seen from here, tests"
            f" it; 'lockflight stack down --name {one.name}' takes it down all the same"
        )
    # What a test left behind that was killed is anybody's to remove.
    others = [
        one for one in found
        if one not in busy and is_of_another_home(one, here.root) and not is_orphan(one)
    ]  # fmt: skip
    for one in others:
        context.say(
            f"note: {one.name} is left alone: it was put up from another clone of this repository, or by another"
            f" user; 'lockflight stack down --name {one.name}' takes it down all the same"
        )
    mine = [one for one in found if one not in busy and one not in others]
    nothing = f"no stack of {here.manifest.project} is on the engine"
    return _take_down(context, here.engine, here.root, mine, nothing)


def _take_down(
    context: Context, engine: StackEngine, root: Path | None, found: list[StackFound], nothing: str
) -> int:
    from lockflight.cli.tables import plural
    from lockflight.stacks.remove import is_orphan, take_down

    for one in found:
        # What a killed process left behind has nothing to put in order that anybody waits for.
        take_down(engine, root, one.name, seconds=1 if is_orphan(one) else None)
        context.say(
            f"{one.name}: taken down ({plural(one.containers, 'container')}, with networks and volumes)"
        )
    if not found:
        context.say(nothing)
    if context.as_json:
        context.json({"taken_down": [one.name for one in found]})
    return EXIT_DONE
