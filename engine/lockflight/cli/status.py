"""Where every environment stands, as the ledger tells: the lock that is there and for how long, the last promotion and
how it ended, and what stops the next one. With --live the targets are asked as well; with --metrics it is told how
well delivery goes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lockflight.cli import drift
from lockflight.cli.context import Context
from lockflight.cli.ledger_view import (
    age,
    all_standings,
    current_lock,
    outcome_of,
    promotion_data,
    tags_of,
    word_data,
)
from lockflight.errors import EXIT_DONE, InputError, LockflightError
from lockflight.places import MANIFEST

if TYPE_CHECKING:
    from lockflight.ledger.metrics import Metrics
    from lockflight.ledger.status import Standing
    from lockflight.promotions.drift import Compared
    from lockflight.wiring import Engine

    Live = Mapping[str, Compared | LockflightError]

EXAMPLES = """examples:
  lockflight status                          what the ledger says
  lockflight status --live                   and ask every target: health and drift
  lockflight status --metrics --since 30d    and how well delivery went in the last thirty days
"""
_DAYS = {"h": 1 / 24, "d": 1, "w": 7}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="ask the targets too: services ready, drift")
    parser.add_argument(
        "--metrics", action="store_true", help="lead time, frequency, failure rate and time to restore"
    )
    parser.add_argument(
        "--since", metavar="TIME", default="90d", help="for --metrics: 90d (the default), 12w, 36h, or a date"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    engine = context.engine
    since = _since(options.since, engine.clock.now())
    standings = all_standings(engine)
    if not standings:
        raise InputError(f"{MANIFEST} names no environment", hint="describe them under 'environments'")
    live = drift.look(context, engine, _asked(engine, standings)) if options.live else {}
    numbers = _metrics(engine, standings, since) if options.metrics else {}
    if context.as_json:
        context.json({"environments": [_data(engine, one, live, numbers) for one in standings.values()]})
    else:
        context.result(_text(engine, standings, live, numbers))
    _tell(context, engine, standings, live)
    return _exit_code(live)


def _asked(engine: Engine, standings: Mapping[str, Standing]) -> list[Standing]:
    """Those with something to look at, and a target that is known."""
    known = engine.manifest.environments
    return [one for name, one in standings.items() if name in known and one.current is not None]


def _exit_code(live: Live) -> int:
    """A target that cannot be reached says so in its row; only when nothing could be seen is that a failure."""
    failures = [one for one in live.values() if isinstance(one, LockflightError)]
    return failures[0].exit_code if failures and len(failures) == len(live) else EXIT_DONE


def _tell(context: Context, engine: Engine, standings: Mapping[str, Standing], live: Live) -> None:
    from lockflight.cli.failures import print_problems
    from lockflight.cli.github import add_summary
    from lockflight.cli.tables import markdown_table

    for one in live.values():
        if isinstance(one, LockflightError):
            print_problems(one.problems)
    if context.in_github_actions:
        header, rows = _table(engine, standings, live)
        add_summary(context, markdown_table([cell.lower() for cell in header], rows))


def _text(
    engine: Engine, standings: Mapping[str, Standing], live: Live, numbers: Mapping[str, Metrics]
) -> str:
    from lockflight.cli.tables import table

    header, rows = _table(engine, standings, live)
    parts = [table(header, rows, wrap_last=True)]
    if numbers:
        parts.append(_numbers(numbers))
    return "\n".join(parts)


def _table(
    engine: Engine, standings: Mapping[str, Standing], live: Live
) -> tuple[list[str], list[list[str]]]:
    header = [
        "ENVIRONMENT",
        "LOCK",
        "FOR",
        "LAST PROMOTION",
        *(["HEALTH", "DRIFT"] if live else []),
        "REMARKS",
    ]
    rows = [_row(engine, name, standing, live) for name, standing in standings.items()]
    return header, rows


def _row(engine: Engine, name: str, standing: Standing, live: Live) -> list[str]:
    since = age(engine.clock.now() - standing.since) if standing.since else "-"
    last = standing.last
    told = (
        f"{last.number} {outcome_of(last)}, {age(engine.clock.now() - (last.ended or last.started))} ago"
        if last
        else "-"
    )
    seen = _seen(live.get(name)) if live else []
    return [
        name,
        current_lock(standing),
        since,
        told,
        *seen,
        "; ".join(_remarks(engine, standing, live)) or "-",
    ]


def _seen(found: Compared | LockflightError | None) -> list[str]:
    from lockflight.findings import refusals

    if found is None:
        return ["-", "-"]
    if isinstance(found, LockflightError):
        return ["?", "?"]
    count = len(refusals(found.findings))
    return [f"{found.ready}/{found.services} ready", f"yes ({count})" if count else "no"]


def _remarks(engine: Engine, standing: Standing, live: Live) -> list[str]:
    """What a person must know before the next promotion."""
    found = live.get(standing.environment)
    remarks = [f"HELD by {hold.person}: {hold.reason}" for hold in standing.holds]
    last = standing.unsettled
    if not isinstance(found, (LockflightError, type(None))) and found.holder is not None:
        remarks.append(f"promotion {found.holder.number} is at work")
    elif last is not None:
        state = (
            "LEFT MIXED by" if last.is_mixed else "unfinished:" if last.outcome == "unfinished" else "failed:"
        )
        remarks.append(f"{state} promotion {last.number} of lock {(last.lock or '-')[:12]}")
    objection = standing.objection(standing.current) if standing.current else None
    if objection:
        remarks.append(f"its lock: {objection}")
    if isinstance(found, LockflightError):
        remarks.append(f"{drift.said(found)}: {found.problems[0].message}")
    if standing.environment not in engine.manifest.environments:
        remarks.append(f"not in {MANIFEST} any more")
    return remarks


def _data(engine: Engine, standing: Standing, live: Live, numbers: Mapping[str, Metrics]) -> dict[str, Any]:
    name, unsettled = standing.environment, standing.unsettled
    data: dict[str, Any] = {
        "environment": name,
        "in_manifest": name in engine.manifest.environments,
        "lock": standing.current,
        "tags": tags_of(standing, standing.current),
        "since": standing.since,
        "last": promotion_data(standing.last) if standing.last else None,
        "holds": [word_data(hold) for hold in standing.holds],
        "unsettled": unsettled.number if unsettled else None,
        "mixed": bool(unsettled and unsettled.is_mixed),
        "objection": standing.objection(standing.current) if standing.current else None,
        "previous_good": standing.previous_good,
    }
    if name in live:
        data["live"] = drift.as_data(name, live[name])
    if name in numbers:
        data["metrics"] = _metrics_data(numbers[name])
    return data


def _since(text: str, now: datetime) -> datetime:
    from datetime import UTC

    length = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    try:
        if length is not None:
            return now - timedelta(days=int(length[1]) * _DAYS[length[2]])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        hint = "write 90d, 12w, 36h, or a date such as 2026-11-21"
        raise InputError(f"--since wants a length of time or a date, not '{text}'", hint=hint) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _metrics(engine: Engine, standings: Mapping[str, Standing], since: datetime) -> dict[str, Metrics]:
    from lockflight.ledger.metrics import metrics

    # What ended in this very second counts, too.
    until = engine.clock.now() + timedelta(seconds=1)
    made = _made(engine, standings, since)
    return {name: metrics(one.promotions, made, since, until) for name, one in standings.items()}


def _made(engine: Engine, standings: Mapping[str, Standing], since: datetime) -> dict[str, datetime]:
    """When what is in the locks of these promotions came about, as far as the archive tells."""
    from lockflight.ledger.archive import archived_lock
    from lockflight.ledger.metrics import made_at

    told = [
        one for standing in standings.values() for one in standing.promotions if one.outcome == "succeeded"
    ]
    made = {}
    for lock_id in sorted({one.lock for one in told if one.lock and (one.ended or one.started) >= since}):
        try:
            made[lock_id] = made_at(archived_lock(engine.ledger, lock_id))
        except InputError:  # 'audit' tells what is wrong with it
            continue
    return made


def _numbers(numbers: Mapping[str, Metrics]) -> str:
    from lockflight.cli.tables import table

    header = ["ENVIRONMENT", "CHANGES", "PER WEEK", "LEAD TIME", "FAILED", "TIME TO RESTORE"]
    rows = [
        [
            name,
            str(one.changes),
            "-" if one.per_day is None else f"{one.per_day * 7:.1f}",
            "-" if one.lead_time is None else age(one.lead_time),
            "-" if one.failure_rate is None else f"{one.failure_rate:.0%}",
            "-" if one.time_to_restore is None else age(one.time_to_restore),
        ]
        for name, one in numbers.items()
    ]
    return table(header, rows)


def _metrics_data(numbers: Metrics) -> dict[str, Any]:
    lead, restore = numbers.lead_time, numbers.time_to_restore
    return {
        "changes": numbers.changes,
        "deployments": numbers.deployments,
        "failures": numbers.failures,
        "per_day": numbers.per_day,
        "lead_time_seconds": lead.total_seconds() if lead is not None else None,
        "failure_rate": numbers.failure_rate,
        "time_to_restore_seconds": restore.total_seconds() if restore is not None else None,
    }
