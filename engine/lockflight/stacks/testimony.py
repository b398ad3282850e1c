"""What a test of a stack says as evidence: only what was seen, and only where it says as much as it seems to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from lockflight import __version__
from lockflight.ports.stack_engine import RunningImage
from lockflight.stacks.evidence import Evidence, RunningService, SuiteEvidence, Tests
from lockflight.stacks.outcome import TestOutcome, TestRun
from lockflight.stacks.prepare import Prepared, machine_variables, not_covered
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.surroundings import Surroundings


def testimony(here: Surroundings, run: TestRun, outcome: TestOutcome, began: datetime) -> Evidence | None:
    """None where it would say less than it seems."""
    prepared = outcome.running.prepared
    if reason_for_none(here, run, prepared):
        return None
    return Evidence(
        lock=prepared.lock.id,
        project=prepared.lock.project,
        passed=outcome.passed,
        started=began,
        finished=here.clock.now(),
        engine=outcome.facts.engine,
        compose=outcome.facts.compose,
        generator=f"lockflight {__version__}",
        run=run.ci_run,
        suites={result.name: _of_suite(outcome, result) for result in outcome.suites},
        services=_running(prepared, outcome.images),
        unlocked=list(prepared.unlocked),
        machine_variables=list(machine_variables(here)),
        not_covered=list(not_covered(here, prepared)),
        problems=[problem[:1000] for problem in outcome.problems],
    )


def reason_for_none(here: Surroundings, run: TestRun, prepared: Prepared) -> str:
    """Why no evidence comes of a test; empty where it does."""
    if run.only:
        return "only some of the suites were run"
    if prepared.changed_config:
        return f"not as it was locked: {', '.join(prepared.changed_config)}"
    profiles = run.request.profiles
    if profiles and set(profiles) != set(here.stack.profiles):
        return "other profiles were active than the manifest names"
    return ""


def _of_suite(outcome: TestOutcome, result: SuiteResult) -> SuiteEvidence:
    tests = result.tests
    return SuiteEvidence(
        outcome=result.outcome,
        where=result.where,
        exit_code=result.exit_code,
        seconds=round(result.seconds, 3),
        tests=Tests(tests=tests.tests, failures=tests.failures, errors=tests.errors, skipped=tests.skipped)
        if tests
        else None,
        definition=outcome.definitions[result.name],
    )


def _running(prepared: Prepared, images: Sequence[RunningImage]) -> dict[str, RunningService]:
    """Of locked services the reference that the lock and the engine agree on; of others what the engine says."""
    containers = Counter(image.service for image in images)
    said = {image.service: (image.digests or (image.image_id,))[0] for image in images}
    return {
        service: RunningService(
            image=prepared.pinned[service].reference if service in prepared.pinned else said[service],
            containers=count,
        )
        for service, count in sorted(containers.items())
    }
