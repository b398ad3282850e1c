"""Prove a lock: that its form is right, that its id follows from its content, and that its registries hold
exactly what it names: every digest exists, tag and digest agree, the revision label equals the commit."""

from __future__ import annotations

import argparse
from pathlib import Path

from lockflight.cli.context import Context
from lockflight.cli.which_lock import add_lock_argument, lock_path
from lockflight.errors import EXIT_DONE, EXIT_REFUSED

EXAMPLES = """examples:
  lockflight verify                        the lock in locks/current.yaml, against its registries
  lockflight verify --offline a/lock.yaml  only the form and the id, without any network
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_lock_argument(parser)
    parser.add_argument("--offline", action="store_true", help="stop after the form and the id")


def run(context: Context, options: argparse.Namespace) -> int:
    path, called = lock_path(context, options.lock)
    if options.offline:
        return _offline(context, path, called)
    return _online(context, path, called)


def _offline(context: Context, path: Path, called: str) -> int:
    from lockflight.cli.tables import plural
    from lockflight.files import read_text
    from lockflight.locks.quick import proven_id, service_count

    text = read_text(path, called=called)
    lock_id, services = proven_id(text), service_count(text)
    if lock_id is None:
        # Not canonical, or wrong: the full reader knows which, and says what is wrong.
        from lockflight.locks.file import read_lock

        lock = read_lock(path, called=called)
        lock_id, services = lock.id, len(lock.services)
    if context.as_json:
        context.json({"lock": called, "id": lock_id, "services": services, "verified": "offline"})
    else:
        context.result(
            f"{called}: the form is right and the id is proven: {lock_id} ({plural(services, 'service')})"
        )
    return EXIT_DONE


def _online(context: Context, path: Path, called: str) -> int:
    from lockflight.cli.failures import say
    from lockflight.cli.findings_view import as_data, as_markdown, counted, show_failures, show_findings
    from lockflight.cli.github import add_summary
    from lockflight.cli.tables import plural
    from lockflight.findings import in_order, refusals
    from lockflight.locks.file import read_lock
    from lockflight.locks.make import distinct
    from lockflight.locks.verify import verify

    lock = read_lock(path, called=called)
    checked = verify(lock, context.registry, context.progress)
    findings = in_order(checked.findings)
    show_findings(context, findings)
    refused = bool(refusals(findings))
    if checked.failures and not refused:
        raise distinct(checked.failures)
    show_failures(checked.failures)
    if context.as_json:
        context.json(
            {"lock": called, "id": lock.id, "services": len(lock.services), "verified": "registry",
             "findings": [as_data(finding) for finding in findings],
             "failures": [str(failure) for failure in checked.failures]}
        )  # fmt: skip
    if refused:
        say(f"{called}: refused, {counted(findings)}; do not deploy this lock")
        add_summary(context, f"### `{called}` refused\n\n{as_markdown(findings)}")
        return EXIT_REFUSED
    add_summary(context, f"### `{called}` proven\n\n`{lock.id}`, {plural(checked.images, 'image')} as locked")
    if not context.as_json:
        context.result(f"{called}: proven {lock.id} ({plural(checked.images, 'image')} as locked)")
    return EXIT_DONE
