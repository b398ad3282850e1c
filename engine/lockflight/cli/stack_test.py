"""Run the stack pinned to the lock on this machine, run the manifest's suites against it, and take it down again:
after success, failure, Ctrl-C and SIGTERM alike. What the suites said becomes evidence, bound to the lock's id."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.stack_options import (
    add_running_options,
    ci_run,
    deadline,
    request,
    surroundings,
)
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, InputError, LockflightError

if TYPE_CHECKING:
    from lockflight.stacks.outcome import TestOutcome
    from lockflight.stacks.surroundings import Surroundings

EXAMPLES = """examples:
  lockflight stack test                         the lock in locks/current.yaml, every suite
  lockflight stack test --suite smoke --keep    one suite, and the stack stays up to be looked at
  lockflight stack test --artifacts out         logs, output and reports go to out/

A suite finds the services by its environment: LOCKFLIGHT_URL_CART, LOCKFLIGHT_PORT_CART_8080 and
LOCKFLIGHT_ADDRESSES (a JSON file with everything), or by the names that its 'env' in the manifest gives them.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_running_options(parser)
    parser.add_argument(
        "--suite", metavar="NAME", action="append", default=[],
        help="run only this suite; may be said again; no evidence comes of it",
    )  # fmt: skip
    parser.add_argument("--fail-fast", action="store_true", help="leave out the suites after one that failed")
    parser.add_argument("--keep", action="store_true", help="leave the stack up afterwards, to be looked at")
    parser.add_argument(
        "--artifacts", metavar="DIR", default=None,
        help="where logs, output and reports go; .lockflight/artifacts/STACK otherwise",
    )  # fmt: skip
    parser.add_argument(
        "--evidence", metavar="FILE", default=None,
        help="where the evidence goes; locks/evidence/ID/system-tests.json otherwise",
    )  # fmt: skip


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli.stack_test_view import TestNarrator, show_outcome
    from lockflight.stacks import naming
    from lockflight.stacks.outcome import TestRun
    from lockflight.stacks.testrun import run_test

    here = surroundings(context)
    if options.evidence is not None and context.path(options.evidence).is_dir():
        # Said now, and not when the suites have run.
        raise InputError(f"--evidence: {options.evidence} is a folder; name a file in it")
    wanted = request(context, options, naming.KEPT if options.keep else naming.TEST)
    narrator = TestNarrator(context)
    run = TestRun(
        wanted, deadline(options, here), _artifacts(context, options, here, wanted.name), tuple(options.suite),
        options.fail_fast, ci_run(context),
    )  # fmt: skip
    outcome = run_test(here, run, narrator, context.progress)
    failure: LockflightError | None = None
    try:
        evidence = _write_evidence(context, options, here, outcome)
    except LockflightError as error:
        # What the suites said took a while to find out, and is told all the same.
        evidence, failure = None, error
    show_outcome(context, outcome, run, evidence)
    failure = failure or outcome.left_over
    if failure is not None:
        raise failure
    return EXIT_DONE if outcome.passed else EXIT_REFUSED


def _artifacts(context: Context, options: argparse.Namespace, here: Surroundings, stack: str) -> Path:
    if options.artifacts is not None:
        return context.path(options.artifacts)
    from lockflight.stacks.remove import remove_old_artifacts

    remove_old_artifacts(here)
    return here.artifacts_of(stack)


def _write_evidence(
    context: Context, options: argparse.Namespace, here: Surroundings, outcome: TestOutcome
) -> str | None:
    """The file, as it is called in messages; None where no evidence came of it."""
    from lockflight.stacks.evidence import evidence_path, write_evidence

    if outcome.evidence is None:
        return None
    path = (
        context.path(options.evidence)
        if options.evidence
        else evidence_path(here.root, outcome.evidence.lock)
    )
    write_evidence(path, outcome.evidence)
    return str(path.relative_to(context.folder)) if path.is_relative_to(context.folder) else str(path)
