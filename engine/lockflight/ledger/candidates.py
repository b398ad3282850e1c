"""Where an environment can go back to, and which of those places a person means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lockflight.errors import InputError, Refused
from lockflight.ledger.status import Standing, Stay
from lockflight.ports.ledger_event import RanBefore

_SHORTEST_PREFIX = 4
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lock that passed its checks here; without one it is what ran here by hand before the first promotion."""

    lock: str | None
    since: datetime
    # Why it is not to be taken, or None where it may be.
    objection: str | None
    # Migrations that ran since and cannot be undone.
    across: tuple[str, ...]
    tags: tuple[str, ...] = ()
    ran_before: Mapping[str, RanBefore] | None = None


def candidates(standing: Standing) -> tuple[Candidate, ...]:
    """Every place to go back to, the newest first; the one that runs is none of them."""
    found = [_candidate(standing, stay) for stay in standing.earlier if stay.lock]
    return (*found, *_before_all(standing))


def last_good(standing: Standing) -> Candidate:
    """The last lock that passed its checks here before the running one, and that nobody objects to."""
    found = candidates(standing)
    good = next((candidate for candidate in found if not candidate.objection), None)
    if good is not None:
        return good
    why = "; ".join(f"{_shown(candidate)}: {candidate.objection}" for candidate in found)
    raise Refused(
        f"{standing.environment} has nothing to go back to" + (f" ({why})" if why else ""),
        hint=f"'lockflight history {standing.environment}' shows what ran there",
        code="no-candidate",
    )


def chosen(standing: Standing, wanted: str, tags: Mapping[str, str] | None = None) -> Candidate:
    """The candidate that `--to` means: a date, a tag, or the beginning of an id.

    `tags` are locks by the tags of their releases elsewhere; those of this environment are known.
    """
    known = {**(tags or {}), **standing.released}
    candidate = _by_date(standing, wanted) if _DATE.match(wanted) else _by_name(standing, wanted, known)
    if candidate.objection:
        raise Refused(
            f"{_shown(candidate)} is not to run in {standing.environment}: {candidate.objection}",
            hint="'--list' shows the others; 'promote … --again' runs a withdrawn lock on purpose",
            code="objection",
        )
    return candidate


def _candidate(standing: Standing, stay: Stay) -> Candidate:
    lock = stay.lock or ""
    return Candidate(
        lock=stay.lock,
        since=stay.since,
        objection=standing.objection(lock),
        across=_migrations_after(standing, stay.promotion.number),
        tags=tuple(sorted(tag for tag, released in standing.released.items() if released == lock)),
    )


def _before_all(standing: Standing) -> tuple[Candidate, ...]:
    """What ran by hand, unless it runs again."""
    event = standing.ran_before
    if event is None or standing.running is None:
        return ()
    across = _migrations_after(standing, event.number - 1)
    return (Candidate(None, event.time, None, across, ran_before=event.ran_before),)


def _migrations_after(standing: Standing, number: int) -> tuple[str, ...]:
    later = (promotion for promotion in standing.promotions if promotion.number > number)
    return tuple(sorted({name for promotion in later for name in promotion.migrations}))


def _by_date(standing: Standing, wanted: str) -> Candidate:
    """What ran at that time; a day means its end."""
    moment = _moment(wanted)
    running = [stay for stay in standing.stays if stay.since <= moment]
    if not running:
        raise InputError(f"{standing.environment} ran no lock yet at {wanted}", hint=_list_hint(standing))
    return _of_lock(standing, running[-1].lock, wanted)


def _moment(wanted: str) -> datetime:
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError as error:
        hint = "write 2026-11-21, or 2026-11-21T08:00Z for a time of that day"
        raise InputError(f"'{wanted}' is no date: {error}", hint=hint) from error
    if _DATE.fullmatch(wanted):
        moment += timedelta(days=1, microseconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _by_name(standing: Standing, wanted: str, tags: Mapping[str, str]) -> Candidate:
    if wanted in tags:
        return _of_lock(standing, tags[wanted], wanted)
    locks = sorted({stay.lock for stay in standing.stays if stay.lock and stay.lock.startswith(wanted)})
    if len(wanted) < _SHORTEST_PREFIX or not locks:
        raise InputError(
            f"no lock that passed its checks in {standing.environment} has the id or tag '{wanted}'",
            hint=_list_hint(standing),
        )
    if len(locks) > 1:
        shown = ", ".join(lock[:12] for lock in locks)
        raise InputError(
            f"'{wanted}' is the beginning of several locks: {shown}", hint="write more of the id"
        )
    return _of_lock(standing, locks[0], wanted)


def _of_lock(standing: Standing, lock: str | None, wanted: str) -> Candidate:
    if lock == standing.running:
        raise InputError(
            f"'{wanted}' is the lock that {standing.environment} is on", hint=_list_hint(standing)
        )
    found = next((candidate for candidate in candidates(standing) if candidate.lock == lock), None)
    if found is None:
        shown = lock[:12] if lock else "what ran by hand"
        raise InputError(
            f"'{wanted}' is {shown}, which never passed its checks in {standing.environment}",
            hint=_list_hint(standing),
        )
    return found


def _list_hint(standing: Standing) -> str:
    return f"'lockflight rollback {standing.environment} --list' shows what it can go back to"


def _shown(candidate: Candidate) -> str:
    return f"lock {candidate.lock[:12]}" if candidate.lock else "what ran by hand"
