"""What runs against what is to run: the differences that somebody made since the last promotion, each by its name.

Pure, but for `compare`, which asks the ledger and the target. Held against what runs is the last success in the
ledger, with the configuration that it was archived with; what lies in the working folder may be newer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockflight.errors import InputError
from lockflight.findings import NOTHING, Finding, in_order, refusals
from lockflight.ledger.archive import archived_lock
from lockflight.ledger.status import Standing
from lockflight.ports.target import Holder, Running, Wanted
from lockflight.promotions.deployment import deployment_of
from lockflight.promotions.plan import digest_of, short, shown
from lockflight.promotions.restore import restored

if TYPE_CHECKING:
    from lockflight.ports.ledger import Ledger
    from lockflight.promotions.order import World

_UNKNOWN = "no archived lock has that digest"


@dataclass(frozen=True, slots=True)
class Compared:
    """One environment: how many of its services are ready, and what is not as the lock says."""

    environment: str
    # The last success; None where nothing was promoted yet, or what ran by hand runs again.
    lock_id: str | None
    services: int = 0
    ready: int = 0
    findings: tuple[Finding, ...] = ()
    # Who promotes there right now.
    holder: Holder | None = None

    @property
    def drifts(self) -> bool:
        return bool(refusals(self.findings))


def drift_of(
    wanted: Sequence[Wanted],
    observed: Sequence[Running],
    *,
    origins: Mapping[str, str] | None = None,
    known: Collection[str] = (),
) -> tuple[Finding, ...]:
    """`origins` says where an unexpected digest comes from; `known` are services that the last promotion left alone."""
    running = {one.service: one for one in observed}
    names = {one.service for one in wanted}
    found = [
        finding for one in wanted for finding in _of_service(one, running.get(one.service), origins or {})
    ]
    found += [_extra(running[name], name in known, origins or {}) for name in running if name not in names]
    return tuple(in_order(found))


def unexpected(wanted: Sequence[Wanted], observed: Sequence[Running]) -> set[str]:
    """The digests that run and should not."""
    expected = {one.service: digest_of(one.reference) for one in wanted}
    return {
        digest
        for one in observed
        if expected.get(one.service) not in _digests(one)
        for digest in _digests(one)
    }


def ready_of(wanted: Sequence[Wanted], observed: Sequence[Running]) -> int:
    """How many of the services are there, whole and well."""
    running = {one.service: one for one in observed}
    return sum(one.service in running and _is_well(one, running[one.service]) for one in wanted)


def _of_service(wanted: Wanted, running: Running | None, origins: Mapping[str, str]) -> Iterator[Finding]:
    name = wanted.service
    if running is None:
        yield _missing(wanted)
        return
    if digest_of(wanted.reference) not in _digests(running):
        origin = _origin(running, origins)
        message = f"runs another image than the lock says: {origin}"
        yield Finding("other-digest", name, message, wanted.reference, shown(running))
    if running.by_hand:
        yield Finding("by-hand", name, "was started by hand, not by lockflight")
    elif running.fingerprint not in (wanted.fingerprint, None):
        message = "runs with other settings than its files and variables say now; a promotion would change it"
        yield Finding("other-settings", name, message, note=True)
    if not wanted.one_shot and running.replicas != wanted.replicas:
        message = "runs in another number of replicas"
        yield Finding("scaled", name, message, str(wanted.replicas), str(running.replicas))
    if not _is_well(wanted, running):
        counted = "" if wanted.one_shot else f", {running.ready} of {running.replicas} ready"
        yield Finding("unhealthy", name, f"is not well: {running.state}{counted}")


def _missing(wanted: Wanted) -> Finding:
    if wanted.one_shot:
        message = (
            "left no trace of its run, which a clean-up may have removed; a promotion would run it again"
        )
        return Finding("missing", wanted.service, message, short(wanted.reference), NOTHING, note=True)
    return Finding("missing", wanted.service, "does not run", wanted.reference, NOTHING)


def _extra(running: Running, is_known: bool, origins: Mapping[str, str]) -> Finding:
    """What the last promotion saw and left alone, as the manifest says, nobody has added since."""
    if is_known:
        message = "is not in the lock; it was there before, and is left alone"
        return Finding("extra", running.service, message, NOTHING, shown(running), note=True)
    message = f"runs and is not in the lock: {_origin(running, origins)}"
    return Finding("extra", running.service, message, NOTHING, shown(running))


def _is_well(wanted: Wanted, running: Running) -> bool:
    return not running.failed and (wanted.one_shot or running.ready >= running.replicas)


def _digests(running: Running) -> list[str]:
    return [digest_of(reference) for reference in running.references]


def _origin(running: Running, origins: Mapping[str, str]) -> str:
    known = (origins[digest] for digest in _digests(running) if digest in origins)
    return next(known, _UNKNOWN if running.references else "nobody knows its digest")


def compare(world: World, standing: Standing) -> Compared:
    """Look at one environment; changes nothing in it."""
    environment, lock_id = standing.environment, standing.current
    if lock_id is None:
        return Compared(environment, None)
    with restored(world, lock_id) as (lock, root):
        made = deployment_of(world.manifest, environment, lock, root, _variables(world, environment))
        wanted = world.target.wanted(made.deployment)
        observed = world.target.observe(made.deployment)
    origins = origins_of(world.ledger, unexpected(wanted, observed), standing.released)
    findings = drift_of(wanted, observed, origins=origins, known=_left_alone(standing))
    holder = world.target.holder(environment)
    notes = (*_unsettled(standing, holder), *_changed_files(standing, made.own_files))
    return Compared(
        environment, lock_id, len(wanted), ready_of(wanted, observed), (*findings, *notes), holder
    )


def _variables(world: World, environment: str) -> Mapping[str, str]:
    """Whoever only looks need not have the secrets: files that demand them are read with their names instead."""
    secrets = world.settings(environment).secrets
    return {**{name: f"secret-{name}" for name in secrets}, **world.variables}


def origins_of(ledger: Ledger, digests: Collection[str], released: Mapping[str, str]) -> dict[str, str]:
    """Which archived locks have a digest, in words, the newest lock first."""
    found: dict[str, list[tuple[str, str]]] = {digest: [] for digest in digests}
    for lock_id in ledger.archived() if digests else ():
        text = ledger.archived_lock_text(lock_id) or ""
        for digest in (digest for digest in digests if digest in text):
            moment = _made(ledger, lock_id)
            if moment is not None:
                found[digest].append((moment, _named(lock_id, released)))
    return {
        digest: f"it is in {', '.join(name for _, name in sorted(locks, reverse=True)[:3])}"
        for digest, locks in found.items()
        if locks
    }


def _made(ledger: Ledger, lock_id: str) -> str | None:
    """When an archived lock was made; None where it is no whole lock any more, which `audit` tells."""
    try:
        return archived_lock(ledger, lock_id).created.isoformat()
    except InputError:
        return None


def _named(lock_id: str, released: Mapping[str, str]) -> str:
    tags = sorted(tag for tag, lock in released.items() if lock == lock_id)
    return f"lock {lock_id[:12]}" + (f" ({', '.join(tags)})" if tags else "")


def _left_alone(standing: Standing) -> frozenset[str]:
    started = standing.stays[-1].promotion.event("started")
    return frozenset(started.ran_before if started else ())


def _unsettled(standing: Standing, holder: Holder | None) -> Iterator[Finding]:
    """What explains differences that nobody made by hand."""
    last = standing.unsettled
    if holder is not None:
        message = f"promotion {holder.number} is at work right now, so things are changing"
        yield Finding("promoting", standing.environment, message, note=True)
    elif last is not None:
        lock = (last.lock or "-")[:12]
        message = f"promotion {last.number}, of lock {lock}, is {last.outcome}, and may have left this"
        hint = f"'lockflight history {standing.environment}' shows it; promote again, or roll back"
        yield Finding("unsettled", standing.environment, message, hint=hint, note=True)


def _changed_files(standing: Standing, now: Mapping[str, str]) -> Iterator[Finding]:
    """No lock covers the files that this environment alone uses: what changed in them is not deployed yet."""
    told = [event for event in standing.stays[-1].promotion.events if event.environment_files]
    before = told[-1].environment_files if told else {}
    for path in sorted(path for path in now if path in before and before[path] != now[path]):
        message = f"the environment's own file {path} changed since the last promotion, so differences may be wanted"
        yield Finding("files-changed", standing.environment, message, before[path], now[path], note=True)
