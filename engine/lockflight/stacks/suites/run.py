"""Running the suites of a stack in order, each to its end, with somebody who looks on."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol

from lockflight import durations
from lockflight.config import Suite
from lockflight.errors import InputError, Problem
from lockflight.stacks.suites.bench import Bench
from lockflight.stacks.suites.container import ContainerRun, check_container_suite
from lockflight.stacks.suites.host import HostCommand, check_host_suite, run_command
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.suites.output import Mask, Output
from lockflight.stacks.suites.placeholders import problems_of
from lockflight.stacks.suites.reports import HostReports, Reports, container_problems, save
from lockflight.stacks.suites.verdict import judged, not_run


class SuiteWatcher(Protocol):
    """Somebody who looks on while the suites run."""

    def started(self, name: str, where: str) -> None: ...

    def output(self, data: bytes) -> None:
        """A line of the suite's output, or a part of a very long one, with no secret in it; it may command
        a terminal, and comes from another thread when the suite runs in a container."""
        ...

    def ended(self, result: SuiteResult) -> None: ...


def check_suites(
    suites: Mapping[str, Suite],
    root: Path,
    environment: Mapping[str, str],
    *,
    services: Collection[str],
    images: Collection[str],
) -> list[Problem]:
    """Everything that is wrong with the suites and can be told before anything starts."""
    problems: list[Problem] = []
    for name, suite in suites.items():
        problems += problems_of(name, suite, services)
        if suite.runs_in_a_container:
            problems += check_container_suite(
                name, suite, root, environment, services=services, images=images
            )
        else:
            problems += check_host_suite(name, suite, root, environment)
    return problems


def run_suites(
    suites: Mapping[str, Suite], bench: Bench, watcher: SuiteWatcher, *, fail_fast: bool = False
) -> tuple[SuiteResult, ...]:
    """A result for every suite, in order. One that fails keeps no other from running, unless `fail_fast`:
    who repairs a stack wants the whole picture."""
    results: list[SuiteResult] = []
    failed = ""
    for name, suite in suites.items():
        if failed and fail_fast:
            results.append(not_run(name, bench.where(suite), f"was left out because '{failed}' failed"))
            watcher.ended(results[-1])
            continue
        results.append(run_suite(name, suite, bench, watcher))
        if not results[-1].passed:
            failed = failed or name
    return tuple(results)


def run_suite(name: str, suite: Suite, bench: Bench, watcher: SuiteWatcher) -> SuiteResult:
    """One suite, wherever it runs."""
    watcher.started(name, bench.where(suite))
    run = _in_a_container if suite.runs_in_a_container else _on_this_machine
    try:
        result = run(name, suite, bench, watcher)
    except InputError as error:
        result = not_run(name, bench.where(suite), f"could not be started: {error}")
    watcher.ended(result)
    return result


def _on_this_machine(name: str, suite: Suite, bench: Bench, watcher: SuiteWatcher) -> SuiteResult:
    command = HostCommand(
        tuple(suite.command or ()),
        bench.root / (suite.directory or "."),
        {**bench.environment, **bench.variables(name, suite)},
        durations.seconds(suite.timeout),
    )
    mask = Mask(bench.environment)
    reports = HostReports(bench.root, suite.junit, suite.directory or ".")
    with _output(name, bench, watcher, mask) as output:
        ending = run_command(command, output, bench.clock)
    found = Reports()
    if not ending.not_started:
        found = save(reports.written(), _saved_reports(name, bench), mask, reports.problems())
    return judged(name, bench.where(suite), command.seconds, ending, found, output)


def _in_a_container(name: str, suite: Suite, bench: Bench, watcher: SuiteWatcher) -> SuiteResult:
    mask = Mask(bench.environment, suite.secrets)
    with _output(name, bench, watcher, mask) as output, ContainerRun(name, suite, bench, output) as run:
        ending = run.run()
        copied = run.reports()
    # Two patterns may fit the same file.
    files = {file.path: file for fitting in copied.values() for file in fitting}
    found = save(files.values(), _saved_reports(name, bench), mask, container_problems(copied))
    limit = durations.seconds(suite.timeout)
    return judged(name, bench.where(suite), limit, ending, found, output)


def _output(name: str, bench: Bench, watcher: SuiteWatcher, mask: Mask) -> closing[Output]:
    # Reports of an earlier run would be taken for this one's by whoever looks into the folder.
    shutil.rmtree(_saved_reports(name, bench), ignore_errors=True)
    return closing(Output(bench.folder / name / "output.log", watcher.output, mask))


def _saved_reports(name: str, bench: Bench) -> Path:
    return bench.folder / name / "reports"
