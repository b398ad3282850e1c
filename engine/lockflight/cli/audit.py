"""Prove that every lock of the past can still be deployed: that the archive and the ledger's events are whole, and that
every digest of every archived lock can still be had from its registry, the images within an index included. A
clean-up that went too far is noticed here, and not in the middle of an incident."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, InputError, OutsideError
from lockflight.findings import NOTHING, Finding, in_order, refusals

if TYPE_CHECKING:
    from lockflight.locks.model import Lock
    from lockflight.ports.ledger import Ledger
    from lockflight.ports.ledger_event import Event
    from lockflight.ports.registry import Registry
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight audit             every archived lock; once a week, on a schedule
  lockflight audit --json      for a program
"""
_CLEANED = "was it removed by a clean-up? push it again from where it still is, or give the lock up: 'lockflight mark'"
_DAMAGED = "somebody changed it by hand, or it was damaged; take it again from the ledger's git history"


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that archived locks name, with the platforms that they know of it."""

    name: str
    digest: str
    platforms: tuple[tuple[str, str], ...] = ()


def arguments(_parser: argparse.ArgumentParser) -> None:
    """It always looks at everything."""


def run(context: Context, _options: argparse.Namespace) -> int:
    from lockflight.concurrency import each

    engine = context.engine
    ledger, registry = engine.ledger, engine.registry
    events, damaged = _events(ledger)
    locks, unsound = _archive(ledger, events)
    images, running, bad = _images(locks), _running(engine, events), _marked_bad(events)
    answers, failures = each(
        lambda image: [
            # What only bad locks need is needed no more.
            replace(finding, note=bad.issuperset(images[image]))
            for finding in _lost(image, _needed_by(images[image], running), registry)
        ],
        images,
        context.progress,
        "asking the registries",
    )
    lost = [finding for answer in answers for finding in answer]
    findings = in_order([*damaged, *unsound, *lost])
    _show(context, (len(locks), len(images)), findings, failures)
    if refusals(findings):
        return EXIT_REFUSED
    return OutsideError.exit_code if failures else EXIT_DONE


def _events(ledger: Ledger) -> tuple[dict[str, tuple[Event, ...]], list[Finding]]:
    """The events of every environment, and those that are none any more, or that are missing."""
    found: dict[str, tuple[Event, ...]] = {}
    findings: list[Finding] = []
    for environment in ledger.environments():
        try:
            found[environment] = ledger.events(environment)
        except InputError as error:
            findings += [
                Finding("event-damaged", environment, str(problem), hint=problem.hint or _DAMAGED)
                for problem in error.problems
            ]
    return found, [*findings, *_beginnings(found)]


def _beginnings(events: Mapping[str, Sequence[Event]]) -> list[Finding]:
    """What was deployed was started: where nothing says so, an event was taken away."""
    return [
        Finding(
            "event-missing", environment, f"promotion {number} ended, and nothing says that it was started"
        )
        for environment, told in events.items()
        for number in sorted(
            {one.number for one in told if one.kind in ("deployed", "succeeded")}
            - {one.number for one in told if one.kind == "started"}
        )
    ]


def _archive(ledger: Ledger, events: Mapping[str, Sequence[Event]]) -> tuple[dict[str, Lock], list[Finding]]:
    """The archived locks that are whole, and what is wrong with the others."""
    from lockflight.ledger.archive import archived_configuration, archived_lock

    archived = ledger.archived()
    locks: dict[str, Lock] = {}
    findings: list[Finding] = []
    for lock_id in archived:
        try:
            locks[lock_id] = archived_lock(ledger, lock_id)
            archived_configuration(ledger, locks[lock_id])
        except InputError as error:
            findings += [_changed(lock_id, str(problem), problem.hint) for problem in error.problems]
    for environment, told in events.items():
        ran = {one.lock for one in told if one.kind == "started" and one.lock}
        findings += [
            Finding("not-archived", f"lock {lock_id[:12]}", f"ran in {environment} and is not archived")
            for lock_id in sorted(ran - set(archived))
        ]
    return locks, findings


def _changed(lock_id: str, message: str, hint: str | None) -> Finding:
    return Finding("archive-changed", f"lock {lock_id[:12]}", message, hint=hint or _DAMAGED)


def _images(locks: Mapping[str, Lock]) -> dict[_Image, list[str]]:
    """Every image once, with the locks that name it."""
    found: dict[_Image, list[str]] = {}
    for lock_id, lock in locks.items():
        services = [one for one in lock.services.values() if one.image and one.digest]
        named = [
            _Image(str(one.image), str(one.digest), tuple(sorted(one.platforms.items()))) for one in services
        ]
        named += [_Image(one.image, one.digest) for one in lock.images.values()]
        for image in dict.fromkeys(named):
            found.setdefault(image, []).append(lock_id)
    return found


def _running(engine: Engine, events: Mapping[str, Sequence[Event]]) -> dict[str, list[str]]:
    """The environments that are on a lock, by lock: what they need is needed most."""
    from lockflight.ledger.status import standings

    found: dict[str, list[str]] = {}
    for name, standing in standings(events).items():
        if standing.current is not None and name in engine.manifest.environments:
            found.setdefault(standing.current, []).append(name)
    return found


def _marked_bad(events: Mapping[str, Sequence[Event]]) -> set[str]:
    from lockflight.ledger.status import bad_marks

    return set(bad_marks(event for told in events.values() for event in told))


def _needed_by(locks: Sequence[str], running: Mapping[str, Sequence[str]]) -> str:
    """Those that run first; of many, as many as a person reads."""
    ordered = sorted(locks, key=lambda lock_id: (lock_id not in running, lock_id))
    shown = [f"{one[:12]} ({', '.join(running[one])})" if one in running else one[:12] for one in ordered[:3]]
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return f"needed by {'lock' if len(ordered) == 1 else 'locks'} {', '.join(shown)}{more}"


def _lost(image: _Image, needed: str, registry: Registry) -> list[Finding]:
    """What the registry has no more of one image."""
    from lockflight.builds.labels import inspect
    from lockflight.names import parse_reference
    from lockflight.ports.registry import WrongContent

    reference = parse_reference(f"{image.name}@{image.digest}")
    try:
        if registry.resolve(reference) is None:
            message = f"the registry has no {image.name}@{image.digest}; {needed}"
            return [Finding("digest-missing", image.name, message, image.digest, NOTHING, _CLEANED)]
        facts = inspect(registry, reference)
        known = {**(facts.platforms if facts else {}), **dict(image.platforms)}
        gone = [
            (platform, digest)
            for platform, digest in sorted(known.items())
            if registry.resolve(reference.with_digest(digest)) is None
        ]
    except WrongContent as error:
        return [Finding("wrong-content", image.name, f"{error}; {needed}")]
    found = [
        Finding(
            "incomplete-image", image.name,
            f"the registry has {image.name}@{image.digest}, but not its image for {platform}; {needed}",
            digest, NOTHING, _CLEANED,
        )
        for platform, digest in gone
    ]  # fmt: skip
    return found or _unreadable(image, facts.findings if facts else (), needed)


def _unreadable(image: _Image, findings: Sequence[Finding], needed: str) -> list[Finding]:
    """Parts that are missing deeper within: an image's configuration, an image that no platform is known of."""
    return [
        Finding(one.code, image.name, f"{one.message}; {needed}", one.expected, one.found, one.hint)
        for one in findings
        if one.code == "incomplete-image"
    ]


def _show(
    context: Context, counts: tuple[int, int], findings: Sequence[Finding], failures: Sequence[OutsideError]
) -> None:
    from lockflight.cli.findings_view import as_data, as_markdown, counted, show_failures, show_findings
    from lockflight.cli.github import add_summary
    from lockflight.cli.tables import plural

    show_findings(context, findings)
    show_failures(failures)
    locks, images = counts
    looked_at = f"{plural(locks, 'archived lock')}, {plural(images, 'image')}"
    if refusals(findings):
        outcome = f"{counted(findings)}; not everything of the past can be deployed again"
    elif failures:
        outcome = "nothing is lost as far as could be asked, and not everything could be"
    else:
        outcome = "all whole, and all there"
    if context.as_json:
        context.json(
            {"locks": locks, "images": images, "whole": not refusals(findings) and not failures,
             "findings": [as_data(finding) for finding in findings],
             "failures": list(dict.fromkeys(str(failure) for failure in failures))}
        )  # fmt: skip
    else:
        context.result(f"{looked_at}: {outcome}")
    add_summary(context, f"### Audit: {outcome}\n\n{looked_at}\n\n{as_markdown(findings)}")
