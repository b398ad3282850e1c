"""Is everything here that the manifest needs, and how to get what is missing.

Looks at this machine, at the repository, at the manifest with its stack, and at the registries that a lock asks.
Without a manifest only the machine is looked at. Exits with 1 when something is missing."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, EXIT_REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockflight.setup.checks.model import Checked, Surroundings

EXAMPLES = """examples:
  lockflight doctor                  look at everything
  lockflight doctor --json           for a program
  lockflight -C deploy doctor        of the manifest in another folder
"""

# What stops a person stands out.
_SHOWN = {"missing": "MISSING"}


def arguments(_: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def run(context: Context, _: argparse.Namespace) -> int:
    from lockflight.setup.checks.model import State
    from lockflight.setup.checks.run import examine

    answers = examine(_surroundings(context))
    absent = [answer for answer in answers if answer.state is State.MISSING]
    if context.as_json:
        context.json({"missing": len(absent), "checks": [_as_data(answer) for answer in answers]})
    else:
        context.result(_text(answers, len(absent)))
    return EXIT_REFUSED if absent else EXIT_DONE


def _surroundings(context: Context) -> Surroundings:
    from lockflight.setup.checks.manifest import load
    from lockflight.setup.checks.model import Surroundings
    from lockflight.wiring import (
        cache_folder,
        connect_git,
        credential_source,
        open_registry,
        system_clock,
    )

    folder, manifest, state = load(context.folder)
    insecure = manifest.insecure_registries() if manifest else frozenset()
    return Surroundings(
        folder=folder,
        environment=context.environment,
        cache=cache_folder(context.environment),
        git=connect_git(folder),
        clock=system_clock(),
        credentials=credential_source(context.environment),
        open_registry=lambda: open_registry(context.environment, insecure),
        manifest=manifest,
        manifest_state=state,
        on_terminal=sys.stdout.isatty(),
    )


def _as_data(answer: Checked) -> dict[str, str | None]:
    return {"name": answer.name, "state": str(answer.state), "found": answer.found, "advice": answer.advice}


def _text(answers: Sequence[Checked], absent: int) -> str:
    from lockflight.cli.tables import plural, table

    rows = [[answer.name, _SHOWN.get(answer.state, answer.state), answer.found] for answer in answers]
    lines = [table(["CHECK", "STATE", "FOUND"], rows, wrap_last=True)]
    advised = [answer for answer in answers if answer.advice]
    if advised:
        lines.append("what to do:\n" + "".join(f"  {answer.name}: {answer.advice}\n" for answer in advised))
    lines.append(f"{plural(absent, 'thing')} missing\n" if absent else "nothing is missing\n")
    return "\n".join(lines)
