"""Fly the demo shop on this machine: four services are built and pushed to a registry of the demo's own, their
records become one lock, the stack is run pinned to it and tested; the lock is tampered with and refused, and a
release with a bug in it is healthy and fails its tests. Everything is real and happens in a scratch folder;
nothing is left behind."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, InputError

EXAMPLES = """examples:
  lockflight demo                what you see is really run; about a minute
  lockflight demo --keep ~/shop  leaves everything there, to look around in
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", metavar="DIR", help="work in this new folder and leave it")


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.demo.flight import fly
    from lockflight.demo.stage import Stage

    folder = _folder(context, options.keep)
    stage = Stage(folder, quiet=context.quiet)
    try:
        fly(stage)
    finally:
        stage.close()
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return EXIT_DONE


def _folder(context: Context, keep: str | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="lockflight-demo-"))
    folder = context.path(keep).expanduser()
    if folder.exists():
        raise InputError(f"--keep: {folder} exists already", hint="name a folder that is not there yet")
    folder.mkdir(parents=True)
    return folder
