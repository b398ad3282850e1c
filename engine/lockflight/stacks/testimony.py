"""What a test of a stack says as evidence: only what was seen, and only where it says as much as it seems to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from lockflight import __version__
from lockflight.config import Suite
from lockflight.locks.convert.pinned import images_of
from lockflight.ports.stack_engine import RunningImage
from lockflight.stacks.evidence import Evidence, RunningService, SuiteEvidence, Tests
from lockflight.stacks.outcome import TestOutcome, TestRun
from lockflight.stacks.prepare import Prepared
from lockflight.stacks.suites.definition import definition_digest
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.surroundings import Surroundings


def testimony(
    here: Surroundings, run: TestRun, outcome: TestOutcome, chosen: Mapping[str, Suite], began: datetime
) -> Evidence | None:
    """None where it would say less than it seems: not all suites, or other files than the locked ones."""
    prepared = outcome.running.prepared
    if run.only or prepared.changed_config:
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
        suites={
            result.name: _of_suite(here, prepared, result, chosen[result.name]) for result in outcome.suites
        },
        services=_running(prepared, outcome.images),
        unlocked=list(prepared.unlocked),
        problems=[problem[:1000] for problem in outcome.problems],
    )


def _of_suite(here: Surroundings, prepared: Prepared, result: SuiteResult, suite: Suite) -> SuiteEvidence:
    tests = result.tests
    image = None
    if suite.service is not None and suite.service in prepared.pinned:
        image = prepared.pinned[suite.service].reference
    elif suite.image is not None:
        image = next(one.reference for one in images_of(prepared.lock) if one.name == suite.image)
    return SuiteEvidence(
        outcome=result.outcome,
        where=result.where,
        exit_code=result.exit_code,
        seconds=round(result.seconds, 3),
        tests=Tests(tests=tests.tests, failures=tests.failures, errors=tests.errors, skipped=tests.skipped)
        if tests
        else None,
        definition=definition_digest(suite, here.root, image=image, ignored=here.git.is_ignored),
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
