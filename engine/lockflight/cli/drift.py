"""Hold what runs against the last success in the ledger: another digest, missing, extra, scaled, unhealthy, started by
hand. An unexpected digest is looked up in the archived locks. Exit code 1 says that something drifted, so that a
schedule in CI can call it; 3 that a target could not be asked."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lockflight.cli.context import Context
from lockflight.cli.ledger_view import add_environments_argument, all_standings, chosen_environments
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, LockflightError, OutsideError

if TYPE_CHECKING:
    from lockflight.findings import Finding
    from lockflight.ledger.status import Standing
    from lockflight.promotions.drift import Compared
    from lockflight.promotions.order import World
    from lockflight.wiring import Engine

EXAMPLES = """examples:
  lockflight drift                       every environment
  lockflight drift production --json     one of them, for a program
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_environments_argument(parser)


def run(context: Context, options: argparse.Namespace) -> int:
    engine = context.engine
    chosen = chosen_environments(engine, options.environments)
    standings = all_standings(engine)
    found = look(context, engine, [standings[name] for name in chosen])
    if context.as_json:
        context.json(
            {"drift": any(_drifts(one) for one in found.values()),
             "environments": [as_data(name, one) for name, one in found.items()]}
        )  # fmt: skip
    else:
        context.result(_text(found))
    _tell(context, found)
    return exit_code(found)


def look(
    context: Context, engine: Engine, standings: Sequence[Standing]
) -> dict[str, Compared | LockflightError]:
    """Every environment, all at once; one that cannot be looked at does not hide the others."""
    from lockflight.concurrency import each
    from lockflight.promotions.drift import compare

    def answer(standing: Standing) -> tuple[str, Compared | LockflightError]:
        try:
            return standing.environment, compare(_world(context, engine, standing.environment), standing)
        except LockflightError as error:
            return standing.environment, error

    answers, _ = each(answer, standings, context.progress, "looking at environments")
    return dict(answers)


def _world(context: Context, engine: Engine, environment: str) -> World:
    """Without what only a promotion needs, such as the digests of suites, which take their time."""
    from lockflight.cli.promotion_view import Teller
    from lockflight.promotions.order import World

    return World(
        manifest=engine.manifest, root=engine.root, variables=context.environment, clock=engine.clock,
        target=engine.target(environment), ledger=engine.ledger, registry=engine.registry,
        progress=context.progress, watcher=Teller(context),
    )  # fmt: skip


def exit_code(found: Mapping[str, Compared | LockflightError]) -> int:
    """Drift says most; then the first failure."""
    if any(_drifts(one) for one in found.values()):
        return EXIT_REFUSED
    failures = [one for one in found.values() if isinstance(one, LockflightError)]
    return failures[0].exit_code if failures else EXIT_DONE


def as_data(environment: str, found: Compared | LockflightError) -> dict[str, Any]:
    """One environment for a program."""
    from lockflight.cli import failures, findings_view

    if isinstance(found, LockflightError):
        problems = [failures.as_data(problem) for problem in found.problems]
        return {"environment": environment, "lock": None, "drift": None, "findings": [], "problems": problems}
    return {
        "environment": environment,
        "lock": found.lock_id,
        "drift": found.drifts,
        "services": {"ready": found.ready, "total": found.services},
        "findings": [findings_view.as_data(finding) for finding in found.findings],
        "problems": [],
    }


def said(found: Compared | LockflightError) -> str:
    """One environment in a line."""
    from lockflight.cli.tables import plural
    from lockflight.findings import refusals

    if isinstance(found, OutsideError):
        return "could not be asked"
    if isinstance(found, LockflightError):
        return "could not be compared"
    if found.lock_id is None:
        return "no lock was promoted here yet, so there is nothing to compare"
    ready = f"{found.ready} of {plural(found.services, 'service')} ready"
    if not found.drifts:
        return f"as lock {found.lock_id[:12]} says ({ready})"
    return f"{plural(len(refusals(found.findings)), 'difference')} from lock {found.lock_id[:12]} ({ready})"


def _drifts(found: Compared | LockflightError) -> bool:
    return not isinstance(found, LockflightError) and found.drifts


def _text(found: Mapping[str, Compared | LockflightError]) -> str:
    from lockflight.cli.tables import table

    lines = "".join(f"{environment}: {said(one)}\n" for environment, one in found.items())
    rows = [_row(environment, finding) for environment, finding in _findings(found)]
    header = ["ENVIRONMENT", "SERVICE", "DRIFT", "WHAT"]
    return lines + (f"\n{table(header, rows, wrap_last=True)}" if rows else "")


def _row(environment: str, finding: Finding) -> list[str]:
    message = finding.as_problem().message.removeprefix(f"{finding.subject}: ")
    code = f"({finding.code})" if finding.note else finding.code
    service = "-" if finding.subject == environment else finding.subject
    return [environment, service, code, message]


def _findings(found: Mapping[str, Compared | LockflightError]) -> list[tuple[str, Finding]]:
    return [
        (environment, finding)
        for environment, one in found.items()
        if not isinstance(one, LockflightError)
        for finding in one.findings
    ]


def _tell(context: Context, found: Mapping[str, Compared | LockflightError]) -> None:
    """What goes beside the result: failures, what to do, and the job's summary and annotations."""
    from dataclasses import replace

    from lockflight.cli.failures import print_problems, say
    from lockflight.cli.findings_view import show_findings

    for one in found.values():
        if isinstance(one, LockflightError):
            print_problems(one.problems)
    if context.in_github_actions:
        listed = _findings(found)
        show_findings(context, [replace(one, subject=f"{name}/{one.subject}") for name, one in listed])
        _summarize(context, found)
    for environment, one in found.items():
        if not isinstance(one, LockflightError) and one.drifts:
            hint = (
                f"'lockflight promote {environment}' with that lock puts it back; or promote what is wanted"
            )
            say(f"{environment}: drifted from lock {(one.lock_id or '')[:12]}", hint)


def _summarize(context: Context, found: Mapping[str, Compared | LockflightError]) -> None:
    from lockflight.cli.github import add_summary
    from lockflight.cli.tables import code, markdown, markdown_table

    lines = [f"- {code(environment)}: {markdown(said(one))}" for environment, one in found.items()]
    rows = [[code(cell) for cell in row[:3]] + row[3:] for row in (_row(*one) for one in _findings(found))]
    listed = markdown_table(["environment", "service", "drift", "what"], rows) if rows else ""
    heading = "### Drift" if any(_drifts(one) for one in found.values()) else "### No drift"
    add_summary(context, "\n".join([heading, "", *lines, "", listed]))
