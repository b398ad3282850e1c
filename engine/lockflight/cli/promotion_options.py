"""What the commands that promote have in common: the environment, the lease's owner, and the world they act on."""

from __future__ import annotations

import argparse
import getpass
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight import names
from lockflight.cli.context import Context
from lockflight.errors import InputError
from lockflight.places import MANIFEST

if TYPE_CHECKING:
    from lockflight.config import Manifest
    from lockflight.promotions.gates.model import Override
    from lockflight.promotions.order import Watcher, World
    from lockflight.wiring import Engine


def add_environment_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", help="the environment, as the manifest calls it")


def add_acting_options(parser: argparse.ArgumentParser) -> None:
    """For the commands that change an environment."""
    parser.add_argument(
        "--wait", metavar="TIME", default="0s",
        help="how long to wait for somebody else's promotion of the environment, such as 10m",
    )  # fmt: skip
    parser.add_argument(
        "--override-freeze", metavar="REASON", default=None,
        help="an emergency: go on in spite of freezes and holds; who and why is written to the ledger",
    )  # fmt: skip


def known_environment(manifest: Manifest, name: str) -> str:
    """The name, once it is known to be one."""
    if name in manifest.environments:
        return name
    if not manifest.environments:
        raise InputError(f"{MANIFEST} names no environment", hint="describe them under 'environments'")
    hint = names.did_you_mean(name, manifest.environments) or f"it has: {', '.join(manifest.environments)}"
    raise InputError(f"{MANIFEST} has no environment '{name}'", hint=hint)


def world_of(
    context: Context, engine: Engine, environment: str, watcher: Watcher, root: Path | None = None
) -> World:
    """Everything outside that a promotion needs; `root` is where the configuration lies."""
    from lockflight.promotions.order import World

    return World(
        manifest=engine.manifest,
        root=root or engine.root,
        variables=context.environment,
        clock=engine.clock,
        target=engine.target(environment),
        ledger=engine.ledger,
        registry=engine.registry,
        progress=context.progress,
        watcher=watcher,
        definitions=definitions_of(engine),
    )


def definitions_of(engine: Engine) -> dict[str, str]:
    """What the suites are now, for the evidence gate. One that runs a container is told by its image too."""
    from lockflight.stacks.suites.definition import definition_digest

    stack = engine.manifest.stack
    suites = stack.suites if stack is not None else {}
    return {
        name: definition_digest(suite, engine.root, ignored=engine.git.is_ignored)
        for name, suite in suites.items()
        if not suite.runs_in_a_container
    }


def person(context: Context) -> str:
    """Who acts: the CI's actor, else the user of this machine."""
    actor = context.environment.get("GITHUB_ACTOR")
    if actor:
        return re.sub(r"\s+", "-", actor)
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return "somebody"


def owner(context: Context) -> str:
    from lockflight.promotions.lease import owner_called

    return owner_called(f"{person(context)}@{socket.gethostname()}")


def override(context: Context, options: argparse.Namespace) -> Override | None:
    from lockflight.promotions.gates.model import Override

    if options.override_freeze is None:
        return None
    if not options.override_freeze.strip():
        raise InputError("--override-freeze wants a reason that others can read later")
    return Override(options.override_freeze, person(context))


def waiting_time(options: argparse.Namespace) -> int:
    from lockflight import durations

    if not options.wait or not re.fullmatch(durations.PATTERN, options.wait):
        raise InputError(f"--wait wants a length of time such as 90s or 10m, not '{options.wait}'")
    return durations.seconds(options.wait)
