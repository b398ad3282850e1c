"""Turn locks of another kind into locks of lockflight, one file or a whole folder of them.

Digests that are missing are asked for at the registry, and everything is cross-checked: a commit must be
whole, a tag must not speak of another commit, and the image's revision label must agree. A lock is written
only when every service of its file could be locked. What was found about a file is kept beside its lock, in
NAME.findings.json."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, EXIT_INPUT, EXIT_OUTSIDE, EXIT_REFUSED, InputError
from lockflight.places import manifest_folder

if TYPE_CHECKING:
    from lockflight.config import Manifest
    from lockflight.locks.convert.incoming.foreign import ServiceOf
    from lockflight.locks.convert.incoming.importing import Defaults, Imported, Read
    from lockflight.locks.convert.incoming.sources import Output

EXAMPLES = """examples:
  lockflight import old/lock.json -o locks/current.yaml
  lockflight import old-locks/ --output-dir locks/imported      a whole folder; each tag is asked for once
  lockflight import old-locks/ --dry-run -v                     only say what would become of them, and why
  lockflight import images.yml --format imgpkg --project shop -o lock.yaml
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    from lockflight.locks.convert.incoming.kinds import AUTOMATIC, KINDS

    parser.add_argument(
        "paths", metavar="PATH", nargs="+",
        help="files to import; of a folder, every .json, .yaml and .yml file in it and below",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=[AUTOMATIC, *KINDS], default=AUTOMATIC,
        help="which kind of lock the files are; told by their content by default",
    )  # fmt: skip
    target = parser.add_mutually_exclusive_group()
    target.add_argument("-o", "--output", metavar="FILE", help="the lock to write, of a single file")
    target.add_argument(
        "--output-dir", metavar="DIR",
        help="write one lock for each file, under the same name ending in .yaml",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing; say what would become of the files"
    )
    parser.add_argument(
        "--project", metavar="NAME", default=None,
        help="the project that the locks are of; else what a file says itself, else the manifest's",
    )  # fmt: skip
    parser.add_argument(
        "--offline", action="store_true",
        help="ask no registry: only files that give every digest become locks, and nothing proves them",
    )  # fmt: skip


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.import_view import show
    from lockflight.locks.convert.incoming.importing import import_all, read_all
    from lockflight.locks.convert.incoming.sources import outputs, source_files

    if not (options.output or options.output_dir or options.dry_run):
        hint = "-o FILE for one lock, --output-dir DIR for one beside another, --dry-run to look first"
        raise InputError("it is not said where the locks are to be written", hint=hint)
    manifest = _manifest(context)
    defaults = _defaults(options, manifest)
    read = read_all(source_files(options.paths, context.folder), options.format, _service_of(manifest))
    targets = outputs([file for file, _ in read.locks], context.folder, options.output, options.output_dir)
    registry = None if options.offline else context.registry
    imported = import_all(read.locks, registry, defaults, context.progress)
    outcomes = _keep(context, imported, None if options.dry_run else targets)
    show(context, read, imported, outcomes)
    return _exit_code(read, imported)


def _manifest(context: Context) -> Manifest | None:
    return context.engine.manifest if manifest_folder(context.folder) is not None else None


def _defaults(options: argparse.Namespace, manifest: Manifest | None) -> Defaults:
    import re
    from datetime import UTC, datetime

    from lockflight import names
    from lockflight.locks.convert.incoming.importing import Defaults

    if options.project is not None and not re.fullmatch(names.PROJECT, options.project):
        raise InputError(
            f"--project: '{options.project}' is no project name: lower-case letters, digits, '_', '-'"
        )
    project = options.project or (manifest.project if manifest else None)
    return Defaults(project, options.project is not None, datetime.now(UTC).replace(microsecond=0))


def _service_of(manifest: Manifest | None) -> ServiceOf:
    from lockflight.locks.convert.incoming.foreign import no_manifest

    if manifest is None:
        return no_manifest
    return manifest.services_by_image().get


def _keep(context: Context, imported: Sequence[Imported], targets: Sequence[Output] | None) -> list[str]:
    from lockflight.locks.convert.incoming import kept

    if targets is None:
        return [kept.outcome(one) for one in imported]
    return [kept.keep(one, target, _root(context)) for one, target in zip(imported, targets, strict=True)]


def _root(context: Context) -> Path:
    """The folder of the manifest, whose schema a lock may name."""
    return manifest_folder(context.folder) or context.folder


def _exit_code(read: Read, imported: Sequence[Imported]) -> int:
    if read.problems or not imported:
        return EXIT_INPUT
    if any(one.refused for one in imported):
        return EXIT_REFUSED
    return EXIT_OUTSIDE if any(one.failures for one in imported) else EXIT_DONE
