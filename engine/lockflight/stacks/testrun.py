"""The system tests of one lock: everything up, every suite, evidence, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from lockflight import names
from lockflight.config import Suite
from lockflight.errors import InputError, LockflightError, Problem
from lockflight.locks.convert.pinned import images_of
from lockflight.logs import log
from lockflight.places import MANIFEST
from lockflight.progress import Progress
from lockflight.stacks.addresses import planned
from lockflight.stacks.alone import room_for
from lockflight.stacks.bring_up import Observer, Running, addresses_file, bring_up, checked, get_images
from lockflight.stacks.outcome import TestOutcome, TestRun
from lockflight.stacks.prepare import Prepared, read_ahead
from lockflight.stacks.readiness import Watch
from lockflight.stacks.remove import forget, take_down
from lockflight.stacks.sameness import definitions_of, died, differences, not_as_checked, snapshot
from lockflight.stacks.suites.bench import Bench, View, is_in_the_network
from lockflight.stacks.suites.model import SuiteResult
from lockflight.stacks.suites.output import Mask
from lockflight.stacks.suites.placeholders import Values, filled
from lockflight.stacks.suites.run import SuiteWatcher, check_suites, run_suites
from lockflight.stacks.suites.verdict import not_run
from lockflight.stacks.surroundings import Surroundings
from lockflight.stacks.testimony import reason_for_none, testimony
from lockflight.stacks.trouble import look_closer, save_all_logs


class TestObserver(Observer, SuiteWatcher, Protocol):
    """Somebody who is told of everything that a test run does."""

    def took_down(self, stack: str) -> None: ...

    def kept(self, stack: str) -> None: ...

    def left(self, stack: str, why: str) -> None:
        """The stack could not be taken down, and is still there."""
        ...


def run_test(here: Surroundings, run: TestRun, observer: TestObserver, progress: Progress) -> TestOutcome:
    """Run it all. Whatever happens, the stack is taken down again unless it is to be kept."""
    chosen = chosen_suites(here, run.only)
    read_ahead(here, run.request)
    with room_for(here, run.request.name):
        prepared = checked(here, run.request, observer)
        images = {image.name: image.reference for image in images_of(prepared.lock)}
        began = here.clock.now()
        try:
            _check(here, prepared, chosen, images)
            wanted = [images[suite.image] for suite in chosen.values() if suite.image is not None]
            get_images(here, prepared, observer, progress, wanted)
        except BaseException:
            forget(here.root, prepared.name)
            raise
        try:
            outcome = _tested(here, run, prepared, chosen, observer)
        except BaseException as error:
            _cut_off(here, run, prepared, error, observer)
            raise
        left_over = _end(here, run, prepared, observer)
    evidence = testimony(here, run, outcome, began)
    silent = reason_for_none(here, run, prepared)
    return replace(outcome, evidence=evidence, no_evidence=silent, left_over=left_over)


def chosen_suites(here: Surroundings, only: Sequence[str]) -> dict[str, Suite]:
    """The suites that are to run, in the manifest's order."""
    suites = here.stack.suites
    if not suites:
        raise InputError(
            f"{MANIFEST} names no suite, so there is nothing to test with",
            hint="name the system tests under 'stack: {suites: …}'; 'lockflight stack up' only runs the stack",
        )
    for name in only:
        if name not in suites:
            hint = names.did_you_mean(name, suites) or f"the manifest has: {', '.join(suites)}"
            raise InputError(f"--suite: there is no suite '{name}'", hint=hint)
    return {name: suite for name, suite in suites.items() if not only or name in only}


def _check(
    here: Surroundings, prepared: Prepared, chosen: Mapping[str, Suite], images: Mapping[str, str]
) -> None:
    """What is wrong with the suites is said before anything starts."""
    problems = check_suites(
        chosen, here.root, here.environment, services=prepared.model["services"].keys(), images=images.keys()
    )
    problems = problems or list(_unfillable(prepared, chosen))
    if problems:
        raise InputError(problems)


def _unfillable(prepared: Prepared, chosen: Mapping[str, Suite]) -> Iterator[Problem]:
    """Variables of suites on this machine that ask for a port which no compose file publishes."""
    values = Values(planned(prepared.services, prepared.model), prepared.lock.id, prepared.name)
    for name, suite in chosen.items():
        if not is_in_the_network(suite):
            try:
                filled(name, suite, values)
            except InputError as error:
                yield from error.problems


def _tested(
    here: Surroundings, run: TestRun, prepared: Prepared, chosen: Mapping[str, Suite], observer: TestObserver
) -> TestOutcome:
    definitions = definitions_of(here, prepared, chosen)
    running = bring_up(here, prepared, run.deadline, observer)
    outcome = TestOutcome(running, here.engine.facts(), definitions=definitions)
    bench = _bench(here, run, running)
    if running.started.ready:
        outcome = _with_suites(here, run, outcome, chosen, bench, observer)
    else:
        left_out = _left_out(chosen, bench, "the stack was not ready")
        outcome = replace(outcome, suites=left_out, troubles=look_closer(here.engine, running.started.wrong))
    if outcome.passed:
        return outcome
    return replace(outcome, log_files=_saved_logs(here, run))


def _saved_logs(here: Surroundings, run: TestRun) -> tuple[Path, ...]:
    secrets = {name for suite in here.stack.suites.values() for name in suite.secrets}
    mask = Mask(here.environment, secrets)
    return save_all_logs(here.engine, run.request.name, run.artifacts / "logs", mask)


def _with_suites(
    here: Surroundings,
    run: TestRun,
    outcome: TestOutcome,
    chosen: Mapping[str, Suite],
    bench: Bench,
    observer: TestObserver,
) -> TestOutcome:
    prepared = outcome.running.prepared
    before = snapshot(here, prepared, chosen)
    outcome = replace(outcome, images=before.images)
    wrong = not_as_checked(here, prepared, before.images)
    if wrong:
        return replace(outcome, suites=_left_out(chosen, bench, wrong[0]), problems=wrong)
    results = run_suites(chosen, bench, observer, fail_fast=run.fail_fast)
    after = snapshot(here, prepared, chosen)
    problems = (
        *differences(before, after, outcome.definitions),
        *not_as_checked(here, prepared, after.images),
    )
    states = Watch.of(prepared.model, prepared.services).look(tuple(after.containers.values()), 0.0)
    wrong_states = [state for state in states if state.service in died(before, after)]
    return replace(
        outcome,
        suites=results,
        problems=tuple(dict.fromkeys(problems)),
        troubles=look_closer(here.engine, wrong_states),
    )


def _left_out(chosen: Mapping[str, Suite], bench: Bench, why: str) -> tuple[SuiteResult, ...]:
    """What is not the lock, or does not run, is not worth testing."""
    return tuple(not_run(name, bench.where(suite), f"was not run: {why}") for name, suite in chosen.items())


def _bench(here: Surroundings, run: TestRun, running: Running) -> Bench:
    prepared = running.prepared
    told = {"LOCKFLIGHT_STACK": prepared.name, "LOCKFLIGHT_LOCK": prepared.lock.id}
    file = {"LOCKFLIGHT_ADDRESSES": str(addresses_file(here, prepared.name))}
    return Bench(
        root=here.root,
        folder=run.artifacts,
        environment=here.environment,
        lock_id=prepared.lock.id,
        stack=prepared.name,
        from_this_machine=View(running.here, {**running.here.variables(), **told, **file}),
        from_the_network=View(running.inside, {**running.inside.variables(), **told}),
        engine=here.engine,
        call=prepared.call,
        clock=here.clock,
        images={image.name: image.reference for image in images_of(prepared.lock)},
        labels=prepared.labels,
    )


def _cut_off(
    here: Surroundings, run: TestRun, prepared: Prepared, error: BaseException, observer: TestObserver
) -> None:
    """After Ctrl-C, SIGTERM or a failure: what the engine still does must not keep the failure from being told."""
    if run.keep:
        observer.kept(prepared.name)
        return
    try:
        seconds = 1 if isinstance(error, KeyboardInterrupt) else None
        take_down(here.engine, here.root, prepared.name, seconds, of_a_test=True)
        observer.took_down(prepared.name)
    except LockflightError as trouble:
        log.event("not taken down", stack=prepared.name, why=str(trouble))
        observer.left(prepared.name, str(trouble))
    except KeyboardInterrupt:
        observer.left(prepared.name, "interrupted again")


def _end(
    here: Surroundings, run: TestRun, prepared: Prepared, observer: TestObserver
) -> LockflightError | None:
    """Take it down. A failure of that must not hide what the suites said, so it is handed on and told last."""
    if run.keep:
        observer.kept(prepared.name)
        return None
    try:
        take_down(here.engine, here.root, prepared.name, of_a_test=True)
    except KeyboardInterrupt as error:
        # Whoever does not want to wait for services that end slowly still wants nothing left behind.
        _cut_off(here, run, prepared, error, observer)
        raise
    except LockflightError as error:
        return error
    observer.took_down(prepared.name)
    return None
