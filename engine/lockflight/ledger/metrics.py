"""How well delivery goes: the four numbers that teams compare, derived from the ledger.

A change is a promotion that touched the environment, reached an end and was no rollback; promoting once more what
already runs is none. It failed when it did not succeed, or when a rollback left it later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from lockflight.ledger.history import Promotion
from lockflight.locks.model import Lock

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Medians, because one long weekend says nothing; None where there is nothing to tell."""

    changes: int
    deployments: int
    failures: int
    per_day: float | None
    lead_time: timedelta | None
    failure_rate: float | None
    time_to_restore: timedelta | None


def metrics(
    promotions: Iterable[Promotion],
    made: Mapping[str, datetime],
    since: datetime,
    until: datetime,
) -> Metrics:
    """The numbers of one environment for the promotions that ended in [since, until).

    `made` says when what is in a lock came about (`made_at`), as far as the locks are archived.
    """
    told = tuple(promotions)
    changes = [change for change in told if _is_change(change) and since <= _ended(change) < until]
    deployed = [change for change in changes if change.outcome == "succeeded"]
    restored = {change.number: _restored(change, told) for change in changes}
    failed = [change for change in changes if _has_failed(change, told)]
    days = (until - since) / _A_DAY
    return Metrics(
        changes=len(changes),
        deployments=len(deployed),
        failures=len(failed),
        per_day=len(deployed) / days if days > 0 else None,
        lead_time=_median([_since_made(change, made) for change in deployed]),
        failure_rate=len(failed) / len(changes) if changes else None,
        time_to_restore=_median([restored[change.number] for change in failed]),
    )


def made_at(lock: Lock) -> datetime:
    """When the newest build in a lock was made; where no build tells, when the lock was."""
    return max((service.built for service in lock.services.values() if service.built), default=lock.created)


def _is_change(promotion: Promotion) -> bool:
    is_ended = promotion.outcome in ("succeeded", "failed", "rolled-back")
    return is_ended and not promotion.is_rollback and promotion.lock != promotion.previous


def _ended(promotion: Promotion) -> datetime:
    return promotion.ended or promotion.started


def _has_failed(change: Promotion, told: tuple[Promotion, ...]) -> bool:
    return change.outcome != "succeeded" or _left_by(change, told) is not None


def _left_by(change: Promotion, told: tuple[Promotion, ...]) -> Promotion | None:
    """The rollback that left this change's lock, before anything else settled there."""
    later = (other for other in told if other.number > change.number and other.settled)
    following = next((other for other in later if other.now_on != change.lock), None)
    is_left = following is not None and following.is_rollback and following.previous == change.lock
    return following if is_left else None


def _restored(change: Promotion, told: tuple[Promotion, ...]) -> timedelta | None:
    """How long people had the bad lock: from its first change, or from its success, to the next lock that passed."""
    if change.outcome == "succeeded":
        rollback = _left_by(change, told)
        return _between(_ended(change), _ended(rollback)) if rollback else None
    if change.outcome == "rolled-back":
        return _between(change.started, _ended(change))
    following = next((other for other in told if other.number > change.number and other.settled), None)
    return _between(change.started, _ended(following)) if following else None


def _since_made(change: Promotion, made: Mapping[str, datetime]) -> timedelta | None:
    moment = made.get(change.lock or "")
    return _between(moment, _ended(change)) if moment else None


def _between(start: datetime, end: datetime) -> timedelta:
    """Never less than nothing, though clocks of several machines may say so."""
    return max(timedelta(0), end - start)


def _median(lengths: Iterable[timedelta | None]) -> timedelta | None:
    known = [length for length in lengths if length is not None]
    return timedelta(seconds=median(length.total_seconds() for length in known)) if known else None
