"""Show a lock as a table: what is locked, from which commit, by which digest, and who vouches for it."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.which_lock import add_lock_argument, load_lock
from lockflight.errors import EXIT_DONE

if TYPE_CHECKING:
    from lockflight.locks.model import Lock, LockedService

EXAMPLES = """examples:
  lockflight show                          the lock in locks/current.yaml
  lockflight show a/lock.yaml --json       for a program: the whole lock as JSON
  lockflight show --markdown               for a pull request
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_lock_argument(parser)
    parser.add_argument("--markdown", action="store_true", help="as Markdown tables")
    parser.add_argument(
        "--full", action="store_true", help="whole commits and digests instead of their beginnings"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    lock, called = load_lock(context, options.lock)
    if context.as_json:
        from lockflight.locks.file import plain

        context.json(plain(lock))
        return EXIT_DONE
    context.result(_text(lock, called, options.markdown, options.full))
    return EXIT_DONE


def _text(lock: Lock, called: str, in_markdown: bool, full: bool) -> str:
    from lockflight.cli.tables import markdown, markdown_table, table

    show = markdown_table if in_markdown else table
    heading = _heading(lock, called)
    parts = [
        "".join(f"{markdown(line)}\n" for line in heading.splitlines()) if in_markdown else heading,
        show(["SERVICE", "VERSION", "COMMIT", "IMAGE", "DIGEST", "ORIGIN"], _services(lock, full)),
    ]
    if lock.images:
        parts.append(show(["THIRD-PARTY IMAGE", "IMAGE", "DIGEST"], _images(lock, full)))
    if lock.config:
        rows = [[path, short_digest(digest, full)] for path, digest in lock.config.items()]
        parts.append(show(["CONFIGURATION", "DIGEST"], rows))
    return "\n".join(parts)


def _heading(lock: Lock, called: str) -> str:
    from lockflight.models import utc_text

    source = lock.source
    lines = [f"{lock.project}  {lock.id}", f"{called}, of {utc_text(lock.created)}, by {lock.generator}"]
    if source.commit:
        where = f" on {source.ref}" if source.ref else ""
        pull_request = f", pull request {source.pull_request}" if source.pull_request else ""
        lines.append(f"from {source.commit[:12]}{where}{pull_request}")
    if source.parent:
        lines.append(f"derived from {source.parent}")
    return "\n".join(lines) + "\n"


def _services(lock: Lock, full: bool) -> list[list[str]]:
    return [
        [
            name,
            service.version or "-",
            service.commit if full else service.commit[:12],
            _image(service, full),
            short_digest(service.digest, full),
            _origin(service.origin, full),
        ]
        for name, service in lock.services.items()
    ]


def _image(service: LockedService, full: bool) -> str:
    """The image's name; its tag only where it says more than the commit in the column beside."""
    is_commit = service.tag == service.commit
    return named(service.image, None if is_commit and not full else service.tag)


def _origin(origin: str | None, full: bool) -> str:
    """Who vouches; that a record lies in the registry matters more than under which digest."""
    if origin is None:
        return "-"
    return origin if full else re.sub(r"registry:sha256:[0-9a-f]{64}", "registry", origin)


def _images(lock: Lock, full: bool) -> list[list[str]]:
    return [
        [name, named(image.image, image.tag), short_digest(image.digest, full)]
        for name, image in lock.images.items()
    ]


def named(image: str | None, tag: str | None) -> str:
    """`ghcr.io/acme/cart:7ef65d6449fb`; a tag that is a commit is as good with its first digits."""
    from lockflight.names import is_commit

    if image is None:
        return "(only configuration)"
    if tag is None:
        return image
    return f"{image}:{tag[:12] if is_commit(tag) else tag}"


def short_digest(digest: str | None, full: bool = False) -> str:
    if digest is None:
        return "-"
    return digest if full else digest.removeprefix("sha256:")[:12]
