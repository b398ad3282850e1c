"""Make the lock: one file that names every service's exact build.

What the services' CIs said is held against the tree and against the registries; every disagreement is a named
finding, all of them are reported together, and with any of them nothing is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.which_lock import CURRENT, existing, is_there
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, InputError

if TYPE_CHECKING:
    from lockflight.errors import OutsideError
    from lockflight.findings import Finding
    from lockflight.locks.gather import Gathered
    from lockflight.locks.model import Lock
    from lockflight.wiring import Engine

# Where `-o -` leads.
STDOUT = Path("-")

EXAMPLES = """examples:
  lockflight lock                                 records from the registry, else image labels, else tags
  lockflight lock --records ci-outputs            with the records in a folder ('-' reads them from stdin)
  lockflight lock --check                         is locks/current.yaml still what the manifest wants?
  lockflight lock --from old.yaml --set cart=SHA -o hotfix.yaml  that lock, with another build of one service
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default=None,
        help=f"the lock to write; {CURRENT} by default, '-' is stdout",
    )
    parser.add_argument(
        "--records", metavar="PATH", nargs="+", action="extend", default=[],
        help="files, folders or globs with records in any known format; '-' is stdin",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="SERVICE", nargs="+", action="extend", default=[],
        help="look only at these anew and keep the others as the existing lock (or --from) has them",
    )  # fmt: skip
    parser.add_argument(
        "--set", metavar="SERVICE=SHA", nargs="+", action="extend", default=[],
        help="take this commit of a service instead of the tree's, and keep the others as with --only",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="parent", metavar="LOCK", help="derive from this lock, which is named as the parent"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; say whether the lock is up to date, and why not"
    )
    parser.add_argument("--dry-run", action="store_true", help="do everything but write")


def run(context: Context, options: argparse.Namespace) -> int:
    engine = context.engine
    output = engine.root / CURRENT
    if options.output:
        output = STDOUT if options.output == "-" else context.path(options.output)
    called = options.output or _called(output, context.folder)
    if options.check:
        _refuse_with_check(options)
        return _check(context, engine, output, called)
    gathered = _gather(context, engine, options, output, called)
    return _make(context, engine, gathered, output, called, options.dry_run)


def _called(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _refuse_with_check(options: argparse.Namespace) -> None:
    given = [name for name in ("records", "only", "set", "parent", "dry_run") if getattr(options, name)]
    if given:
        raise InputError("--check only looks at the lock that is there; it takes no other option than -o")


def _gather(
    context: Context, engine: Engine, options: argparse.Namespace, output: Path, called: str
) -> Gathered:
    from lockflight.builds.collect import collect
    from lockflight.locks.gather import Choice, gather, parse_overrides

    choice = Choice(
        overrides=parse_overrides(options.set),
        only=frozenset(options.only),
        parent=_parent(context, options, output, called),
    )
    records = collect(options.records, stdin=sys.stdin.buffer, base=context.folder)
    return gather(
        engine.manifest, engine.root, engine.git, engine.environment, records, choice, context.progress
    )


def _parent(context: Context, options: argparse.Namespace, output: Path, called: str) -> Lock | None:
    """The lock that the others are kept from: the named one, or with --only and --set the one that is there."""
    from lockflight.locks.file import read_lock

    if options.parent:
        return read_lock(context.path(options.parent), called=options.parent)
    if not (options.only or options.set):
        return None
    if output == STDOUT:
        output = context.engine.root / CURRENT
        called = _called(output, context.folder)
    if not is_there(output):
        if not options.only:
            return None
        raise InputError(
            f"--only keeps the other services as they are in a lock, and there is no {called}",
            hint="name a lock with --from, or make a whole one first with 'lockflight lock'",
        )
    return read_lock(output, called=called)


def _check(context: Context, engine: Engine, output: Path, called: str) -> int:
    from lockflight.cli.findings_view import show_failures, show_findings
    from lockflight.findings import in_order, refusals
    from lockflight.locks.file import read_lock
    from lockflight.locks.gather import Choice, gather
    from lockflight.locks.make import distinct
    from lockflight.locks.satisfies import reasons

    lock = read_lock(*existing(output, called))
    gathered = gather(
        engine.manifest, engine.root, engine.git, engine.environment, (), Choice(), context.progress
    )
    stale = reasons(lock, gathered.parts.demand)
    findings = in_order([*gathered.findings, *stale])
    show_findings(context, findings)
    if gathered.failures and not refusals(findings):
        raise distinct(gathered.failures)
    show_failures(gathered.failures)
    return _say_whether_up_to_date(context, called, lock.id, findings, bool(refusals(gathered.findings)))


def _say_whether_up_to_date(
    context: Context, called: str, lock_id: str, findings: Sequence[Finding], is_in_the_way: bool
) -> int:
    from lockflight.cli.failures import say
    from lockflight.cli.findings_view import as_data, as_markdown, counted
    from lockflight.cli.github import add_summary
    from lockflight.findings import refusals

    refused = bool(refusals(findings))
    if context.as_json:
        context.json(
            {
                "lock": called,
                "id": lock_id,
                "up_to_date": not refused,
                "findings": [as_data(f) for f in findings],
            }
        )
    if not refused:
        add_summary(context, f"### `{called}` is up to date\n\n`{lock_id}`")
        if not context.as_json:
            context.result(f"{called} is up to date: {lock_id}")
        return EXIT_DONE
    add_summary(context, f"### `{called}` is out of date\n\n{as_markdown(findings)}")
    what_to_do = "put that right first" if is_in_the_way else "'lockflight lock' makes a new one"
    say(f"{called} is out of date: {counted(findings)}; {what_to_do}")
    return EXIT_REFUSED


def _make(
    context: Context,
    engine: Engine,
    gathered: Gathered,
    output: Path,
    called: str,
    dry_run: bool,
) -> int:
    from lockflight.cli.findings_view import show_findings
    from lockflight.findings import in_order, refusals
    from lockflight.locks.make import distinct, make_lock
    from lockflight.locks.source import created_of, source_of

    head = engine.git.head()
    made = make_lock(
        engine.manifest, gathered.parts, engine.registry, engine.git, context.progress,
        source=source_of(engine.environment, head),
        created=created_of(engine.environment, head, engine.clock),
    )  # fmt: skip
    findings = in_order([*gathered.findings, *made.findings])
    failures = [*gathered.failures, *made.failures]
    show_findings(context, findings)
    if refusals(findings):
        return _refused(context, findings, failures, called)
    if failures or made.lock is None:
        raise distinct(failures)
    return _write(context, engine, made.lock, findings, output, called, dry_run)


def _refused(
    context: Context, findings: Sequence[Finding], failures: Sequence[OutsideError], called: str
) -> int:
    from lockflight.cli.failures import say
    from lockflight.cli.findings_view import as_data, as_markdown, counted, show_failures
    from lockflight.cli.github import add_summary

    show_failures(failures)
    if context.as_json:
        context.json({"lock": called, "written": False, "findings": [as_data(f) for f in findings],
                      "failures": list(dict.fromkeys(map(str, failures)))})  # fmt: skip
    add_summary(context, f"### No lock: {counted(findings)}\n\n{as_markdown(findings)}")
    say(f"refused: {counted(findings)}; {called} was not written")
    return EXIT_REFUSED


def _write(
    context: Context,
    engine: Engine,
    lock: Lock,
    findings: Sequence[Finding],
    output: Path,
    called: str,
    dry_run: bool,
) -> int:
    from lockflight.cli.findings_view import as_data
    from lockflight.cli.github import add_summary, set_output
    from lockflight.locks.file import render, says_the_same, schema_path, write_lock

    if output == STDOUT:
        context.document(render(lock))
        return EXIT_DONE
    existing_lock = _lock_at(output, called)
    unchanged = existing_lock is not None and says_the_same(existing_lock, lock)
    if not unchanged and not dry_run:
        write_lock(lock, output, schema=schema_path(output, engine.root))
    what = "unchanged" if unchanged else "would be written" if dry_run else "written"
    if context.as_json:
        context.json({"lock": called, "id": lock.id, "written": what == "written", "unchanged": unchanged,
                      "services": len(lock.services), "images": len(lock.images), "config": len(lock.config),
                      "parent": lock.source.parent, "findings": [as_data(f) for f in findings]})  # fmt: skip
    else:
        context.result(f"{called}: {what}, {lock.id}\n{_counts(lock)}")
    set_output(context, "lock-id", lock.id)
    set_output(context, "lock-path", str(output))
    add_summary(context, f"### Lock `{lock.id[:12]}` {what}\n\n{_counts(lock)}")
    return EXIT_DONE


def _lock_at(path: Path, called: str) -> Lock | None:
    """The lock that is there; None when there is none, or a lock that was edited or half-written.

    Anything else that stands there is somebody's file and not ours to overwrite.
    """
    from lockflight.errors import LockflightError, Place
    from lockflight.files import existing_text
    from lockflight.locks.file import lock_of
    from lockflight.yaml_source import parse_document

    text = existing_text(path, called=called)
    if text is None:
        return None
    try:
        return lock_of(parse_document(text, called))
    except LockflightError:
        if not _looks_like_a_lock(text):
            hint = "name another file with -o, or remove this one"
            raise InputError("is no lock, and is not overwritten", place=Place(called), hint=hint) from None
        return None


def _looks_like_a_lock(text: str) -> bool:
    return not text.strip() or "\ngenerator: " in text or "\nid: " in text


def _counts(lock: Lock) -> str:
    from lockflight.cli.tables import plural

    counts = [plural(len(lock.services), "service"), plural(len(lock.images), "third-party image")]
    counts.append(plural(len(lock.config), "configuration file"))
    parent = f", derived from {lock.source.parent[:12]}" if lock.source.parent else ""
    return ", ".join(counts) + parent
