"""Print the stack as Compose reads it with every image pinned to the digest in the lock. But for images, builds
and lockflight's labels it is the project of the compose files, unchanged; nothing is started."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.stack_options import add_name_option, add_pinning_options, request, surroundings
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.ports.stack_engine import ComposeCall
    from lockflight.stacks.surroundings import Surroundings

EXAMPLES = """examples:
  lockflight stack config                  the pinned project
  lockflight stack config --isolated       as 'stack up' runs it: own names, own networks, free ports
  lockflight stack config --override       only the compose file that pins, to be put on top of yours
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_pinning_options(parser)
    add_name_option(parser)
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--isolated",
        action="store_true",
        help="as it is run: with names, networks, volumes and ports of its own",
    )
    shown.add_argument("--override", action="store_true", help="only the override, which Compose merges in")


def run(context: Context, options: argparse.Namespace) -> int:
    options.allow_changed_config = True
    here = surroundings(context)
    if options.isolated:
        return _isolated(context, options, here)
    from lockflight.stacks import naming
    from lockflight.stacks.prepare import pinned_only

    call, override = pinned_only(here, replace(request(context, options, naming.UP), name=""))
    if options.override:
        if context.as_json:
            context.json({"override": override})
        else:
            context.document(override)
        return EXIT_DONE
    with tempfile.TemporaryDirectory(prefix="lockflight-") as folder:
        path = Path(folder) / "pinned.yaml"
        path.write_text(override)
        return _print(context, here, replace(call, files=(*call.files, path)))


def _isolated(context: Context, options: argparse.Namespace, here: Surroundings) -> int:
    from lockflight.cli.findings_view import show_findings
    from lockflight.stacks import naming
    from lockflight.stacks.prepare import prepare

    prepared = prepare(here, request(context, options, naming.UP))
    show_findings(context, prepared.notes)
    return _print(context, here, prepared.call)


def _print(context: Context, here: Surroundings, call: ComposeCall) -> int:
    if context.as_json:
        context.json(here.engine.read(call))
    else:
        context.document(here.engine.text(call))
    return EXIT_DONE
