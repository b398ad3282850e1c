"""Write a lock in a format that other tools read: every image by digest, so that whatever deploys it deploys
exactly the lock. The lock's id is proven first. The same lock always gives the same bytes."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.failures import say
from lockflight.cli.which_lock import add_lock_argument, load_lock
from lockflight.errors import EXIT_DONE, InputError
from lockflight.locks.convert import FORMATS, Choices, StackNames
from lockflight.places import manifest_folder

if TYPE_CHECKING:
    from lockflight.config import Manifest
    from lockflight.locks.model import Lock

_FORMATS = "\n".join(f"  {name:10} {known.purpose}" for name, known in FORMATS.items())

EXAMPLES = f"""formats:
{_FORMATS}

examples:
  lockflight export --format compose -o override.yaml
  docker compose -f stack.yaml -f override.yaml up      runs exactly the lock
  lockflight export --format env -o lock.env            then: set -a; . ./lock.env
  lockflight export --format helm --prefix global.shop -o values-lock.yaml
  lockflight export --format kustomize -o lock/kustomization.yaml    then: components: [lock]
  echo "matrix=$(lockflight export --format matrix)" >> "$GITHUB_OUTPUT"
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_lock_argument(parser)
    parser.add_argument(
        "--format", metavar="FORMAT", required=True, choices=list(FORMATS),
        help="what to write, one of the formats below",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", default=None, help="the file to write; standard output by default"
    )
    parser.add_argument(
        "--prefix", metavar="KEY[.KEY…]", default=None,
        help="helm: put the values below these keys, such as 'global.shop' or the name of a subchart",
    )  # fmt: skip
    parser.add_argument(
        "--names", choices=["image", "service"], default=None,
        help="kustomize, skaffold: what your files call an image: its full name without tag (the default), "
        "or the name of its service",
    )  # fmt: skip


def run(context: Context, options: argparse.Namespace) -> int:
    known = FORMATS[options.format]
    _refuse_other_options(options, known.takes)
    lock, called = load_lock(context, options.lock)
    text = known.render(lock, _choices(context, options, lock))
    if options.output is not None:
        return _write(context, options, lock, text)
    if context.as_json:
        context.json({"lock": called, "id": lock.id, "format": options.format, "text": text})
    else:
        context.document(text)
    return EXIT_DONE


def _refuse_other_options(options: argparse.Namespace, takes: frozenset[str]) -> None:
    for name in ("prefix", "names"):
        if getattr(options, name) is not None and name not in takes:
            raise InputError(f"--{name} means nothing for the format '{options.format}'")


def _choices(context: Context, options: argparse.Namespace, lock: Lock) -> Choices:
    stack = _stack_names(context, lock) if options.format == "compose" else StackNames()
    return Choices(stack, options.names or "image", _prefix(options.prefix))


def _prefix(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    keys = tuple(text.split("."))
    if not all(re.fullmatch(r"[A-Za-z0-9_-]+", key) for key in keys):
        raise InputError(f"--prefix wants keys with dots between them, such as 'global.shop', not '{text}'")
    return keys


def _stack_names(context: Context, lock: Lock) -> StackNames:
    """How the stack calls the services, where a manifest (and in it a stack) is at hand."""
    from lockflight.locks.convert.compose import left_out, not_pinned
    from lockflight.locks.pinning import ComposeImage
    from lockflight.locks.stack_files import read_stack

    if manifest_folder(context.folder) is None:
        say(
            "note: there is no lockflight.yaml here, so the lock's own names are written",
            "where the stack calls a service otherwise, export beside the manifest ('-C DIR')",
        )
        return StackNames()
    engine = context.engine
    project = read_stack(engine.manifest, engine.root, context.environment)
    services = None
    if project is not None:
        services = {name: ComposeImage(one.image, one.has_build) for name, one in project.services.items()}
    stack = StackNames(_compose_names(engine.manifest), services)
    missing = left_out(lock, stack)
    if missing:
        context.say(f"note: not in the stack, and so not in the override: {', '.join(missing)}")
    for name, why in not_pinned(lock, stack).items():
        context.say(f"note: {name} is not pinned: it {why}")
    return stack


def _compose_names(manifest: Manifest) -> dict[str, list[str]]:
    return {name: manifest.compose_names(name) for name in manifest.services}


def _write(context: Context, options: argparse.Namespace, lock: Lock, text: str) -> int:
    from lockflight.files import write_atomically

    written = write_atomically(context.path(options.output), text)
    if context.as_json:
        context.json({"file": options.output, "id": lock.id, "format": options.format, "written": written})
    else:
        context.say(f"{options.output}: {'written' if written else 'unchanged'}, from lock {lock.id}")
    return EXIT_DONE
