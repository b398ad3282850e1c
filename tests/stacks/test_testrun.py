"""A test of a stack from its first look to its last, with the engine in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.errors import InputError, NotYet, OutsideError, Refused
from lockflight.stacks.naming import KEPT
from lockflight.stacks.owner import this_process
from lockflight.stacks.suites.definition import definition_digest
from lockflight.stacks.suites.model import SuiteResult
from lockflight.testing.stack_engine import Behaviour, FakeContainer
from tests.stacks.stages import COMPOSE, HEALTHY, Stage, reference, stage


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other stacks of this machine, such as those of other tests, are not in the way."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("machine")))


@pytest.fixture
def shop(tmp_path: Path) -> Stage:
    return stage(tmp_path)


def test_a_stack_that_is_well_is_tested_and_taken_down(shop: Stage) -> None:
    outcome = shop.test()

    assert outcome.passed
    assert shop.observer.told == ["prepared", "pulled 0", "started smoke", "smoke passed", "took down"]
    assert shop.left() == []
    assert not (shop.here.root / ".lockflight" / "stacks" / outcome.running.prepared.name).exists()


def test_the_evidence_says_what_ran_by_digest(shop: Stage) -> None:
    evidence = shop.test().evidence

    assert evidence is not None
    assert (evidence.lock, evidence.passed) == (shop.lock.id, True)
    assert {name: service.image for name, service in evidence.services.items()} == {
        name: reference(shop.lock, name) for name in ("cart", "orders")
    }
    assert evidence.suites["smoke"].outcome == "passed"
    assert evidence.suites["smoke"].definition.startswith("sha256:")


def test_services_are_seen_becoming_ready(shop: Stage) -> None:
    shop.test()
    assert shop.observer.states[-1] == {"cart": "healthy", "orders": "healthy"}
    assert {"cart": "starting", "orders": "starting"} in shop.observer.states


def test_a_service_that_ends_badly_fails_at_once_and_nothing_is_tested(shop: Stage) -> None:
    shop.behaves("orders", Behaviour(exits_after=1, exit_code=3, prints=("no config",)))

    outcome = shop.test()

    assert not outcome.passed
    assert outcome.running.started.reason == "orders exited 3"
    (trouble,) = outcome.troubles
    assert (trouble.service, trouble.log) == ("orders", "no config")
    assert [result.outcome for result in outcome.suites] == ["not-run"]
    assert shop.left() == []


def test_the_evidence_of_a_stack_that_never_ran_replaces_an_older_one(shop: Stage) -> None:
    shop.behaves("orders", Behaviour(exits_after=1, exit_code=3))
    evidence = shop.test().evidence
    assert evidence is not None
    assert not evidence.passed


def test_a_service_that_never_becomes_healthy_is_late(shop: Stage) -> None:
    shop.behaves("cart", Behaviour(healthy_after=math.inf, probe="connection refused"))

    outcome = shop.test(deadline=30)

    assert outcome.running.started.reason == "not ready within 30 s: cart is starting"
    assert [(trouble.service, trouble.probe) for trouble in outcome.troubles] == [
        ("cart", "connection refused")
    ]
    assert [path.name for path in outcome.log_files] == sorted(path.name for path in outcome.log_files)
    assert shop.left() == []


def test_a_service_that_was_killed_for_memory_says_so(shop: Stage) -> None:
    shop.behaves("cart", Behaviour(exits_after=1, exit_code=137, out_of_memory=True))
    (trouble,) = shop.test().troubles
    assert "more memory than its limit" in trouble.what


def test_a_service_that_ends_while_suites_run_fails_the_test(tmp_path: Path) -> None:
    # The suite takes no time by the fake clock, so the service ends when it is looked at for the last time.
    shop = stage(tmp_path)
    shop.behaves("orders", Behaviour(healthy_after=1, exits_after=math.inf))
    original = shop.engine.running_images

    def and_end_it(stack: str) -> object:
        found = original(stack)
        for container in shop.engine.there.values():
            if container.service == "orders":
                container.killed = shop.clock.monotonic()
        return found

    shop.engine.running_images = and_end_it  # type: ignore[method-assign, assignment]
    outcome = shop.test()

    assert not outcome.passed
    assert [result.outcome for result in outcome.suites] == ["passed"]
    assert outcome.problems == ("orders is not as it was before the suites: exited 137",)


def test_one_shot_services_that_end_with_0_are_ready(shop: Stage) -> None:
    shop.behaves("orders", Behaviour(exits_after=1, exit_code=0))
    assert shop.test().passed


def test_a_failing_suite_fails_the_test_and_saves_the_logs(tmp_path: Path) -> None:
    shop = stage(tmp_path, stack='suites: {bad: {command: ["false"]}, good: {command: ["true"]}}')

    outcome = shop.test()

    assert [result.outcome for result in outcome.suites] == ["failed", "passed"]
    assert not outcome.passed
    assert sorted(path.name.rsplit("-", 2)[1] for path in outcome.log_files) == ["cart", "orders"]
    assert shop.left() == []


def test_all_images_that_are_missing_are_named_at_once_and_nothing_starts(shop: Stage) -> None:
    shop.engine.images.clear()
    shop.engine.here.clear()

    with pytest.raises(Refused) as failure:
        shop.test()

    for service in ("cart", "orders"):
        assert reference(shop.lock, service) in str(failure.value)
    assert shop.left() == []
    assert not list((shop.here.root / ".lockflight" / "stacks").iterdir())


def test_an_image_that_cannot_be_pulled_is_the_world_s_failure(shop: Stage) -> None:
    shop.engine.here.clear()
    shop.engine.unpullable[reference(shop.lock, "cart")] = "denied"
    with pytest.raises(OutsideError, match="denied"):
        shop.test()


def test_what_is_not_here_is_pulled_before_anything_starts(shop: Stage) -> None:
    shop.engine.here.clear()
    assert shop.test().passed
    assert "pulled 2" in shop.observer.told


def test_an_engine_that_stops_in_the_middle_is_the_failure_that_is_told(shop: Stage) -> None:
    original = shop.engine.containers

    def stopped(stack: str) -> object:
        if shop.clock.monotonic() > 1:
            shop.engine.fails = OutsideError("the engine does not answer")
        return original(stack)

    shop.engine.containers = stopped  # type: ignore[method-assign, assignment]
    with pytest.raises(OutsideError, match="the engine does not answer"):
        shop.test()
    assert shop.observer.told[-1].startswith("left: ")


def test_an_interruption_takes_the_stack_down(shop: Stage) -> None:
    original = shop.engine.containers

    def interrupted(stack: str) -> object:
        if shop.clock.monotonic() > 1:
            shop.engine.containers = original  # type: ignore[method-assign]
            raise KeyboardInterrupt
        return original(stack)

    shop.engine.containers = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        shop.test()
    assert shop.observer.told[-1] == "took down"
    assert shop.left() == []


def test_a_stack_that_is_kept_stays(shop: Stage) -> None:
    outcome = shop.test(purpose=KEPT)
    assert shop.observer.told[-1] == "kept"
    assert outcome.running.prepared.name in {found.name for found in shop.engine.stacks("shop")}


def test_a_part_of_the_suites_makes_no_evidence(tmp_path: Path) -> None:
    shop = stage(tmp_path, stack='suites: {one: {command: ["true"]}, two: {command: ["true"]}}')
    outcome = shop.test(only=("two",))
    assert [result.name for result in outcome.suites] == ["two"]
    assert outcome.evidence is None


def test_files_that_are_not_as_locked_refuse_the_test_or_make_no_evidence(shop: Stage) -> None:
    path = shop.here.root / "stack.yaml"
    path.write_text(path.read_text() + "# changed\n")
    with pytest.raises(Refused, match="has other content"):
        shop.test()
    assert shop.test(allow_changed_config=True).evidence is None


@pytest.mark.parametrize(
    ("suites", "said"),
    [
        ("{x: {command: [no-such-program-here]}}", "no-such-program-here"),
        ("{x: {image: cart-tests}}", "the lock has no image 'cart-tests'"),
        ('{x: {command: ["true"], env: {U: "{url.crat}"}}}', "no service 'crat'"),
        ('{x: {command: ["true"], env: {U: "{url.orders}"}}}', "'orders' publishes no port"),
        ("{x: {image: cart, secrets: [NOT_SET_HERE]}}", "NOT_SET_HERE"),
    ],
)
def test_what_is_wrong_with_a_suite_is_said_before_anything_starts(
    tmp_path: Path, suites: str, said: str
) -> None:
    shop = stage(tmp_path, stack=f"suites: {suites}")
    with pytest.raises(InputError, match=said):
        shop.test()
    assert shop.observer.states == []


def test_a_stack_without_suites_is_not_tested_by_saying_yes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no suite"):
        stage(tmp_path, stack="").test()


def test_an_unknown_suite_is_said_with_what_was_probably_meant(shop: Stage) -> None:
    with pytest.raises(InputError) as failure:
        shop.test(only=("smok",))
    assert failure.value.problems[0].hint == "did you mean 'smoke'?"


def test_a_container_that_runs_another_image_than_the_locked_one_is_not_tested(shop: Stage) -> None:
    original = shop.engine.running_images

    def others(stack: str) -> object:
        return tuple(
            type(image)(
                image.service, image.container, image.image_id, ("ghcr.io/acme/x@sha256:" + "0" * 64,)
            )
            for image in original(stack)
        )

    shop.engine.running_images = others  # type: ignore[method-assign, assignment]
    outcome = shop.test()
    assert not outcome.passed
    assert len(outcome.problems) == 2
    assert [result.outcome for result in outcome.suites] == ["not-run"]


def test_leftovers_of_a_killed_run_are_removed_by_the_next(shop: Stage) -> None:
    name = shop.test(purpose=KEPT).running.prepared.name
    here = this_process().rsplit("/", 2)[0]
    killed = {"dev.lockflight.purpose": "test", "dev.lockflight.owner": f"{here}/1/1"}
    for container in shop.engine.there.values():
        container.labels = {**container.labels, **killed}
    for there in (shop.engine.networks_there, shop.engine.volumes_there):
        there.update({key: {**labels, **killed} for key, labels in there.items()})

    shop.test()

    assert f"removed {name}" in shop.observer.told
    assert shop.left() == []


def test_a_stack_that_must_be_alone_waits_for_others_to_go(tmp_path: Path) -> None:
    shop = stage(tmp_path, stack='alone: true\nsuites: {smoke: {command: ["true"]}}')
    assert shop.test(purpose=KEPT).passed
    with pytest.raises(NotYet, match="must be alone on the engine"):
        shop.test()


def test_a_name_of_somebody_else_s_compose_project_is_refused(shop: Stage) -> None:
    original = shop.engine.strangers

    def theirs(name: str) -> tuple[str, ...]:
        return (*original(name), "their-web-1")

    shop.engine.strangers = theirs  # type: ignore[method-assign]
    with pytest.raises(InputError, match="their-web-1"):
        shop.test()
    assert shop.left() == []


def test_what_the_suites_said_is_told_although_the_stack_cannot_be_taken_down(shop: Stage) -> None:
    def cannot(stack: str, seconds: int | None = None, *, strangers: bool = False) -> None:
        raise OutsideError(f"{stack} could not be removed: {seconds} {strangers}")

    shop.engine.down = cannot  # type: ignore[method-assign]
    outcome = shop.test()
    assert outcome.evidence is not None
    assert outcome.evidence.passed
    assert "could not be removed" in str(outcome.left_over)


def meddling(shop: Stage, meddle: Callable[[], None]) -> Stage:
    """Somebody does something to the stack when the suite has ended."""
    original = shop.observer.ended

    def and_meddle(result: SuiteResult) -> None:
        original(result)
        meddle()

    shop.observer.ended = and_meddle  # type: ignore[method-assign]
    return shop


def cart(shop: Stage) -> FakeContainer:
    return next(one for one in shop.engine.there.values() if one.service == "cart")


def test_files_that_change_after_they_were_checked_fail_the_test(shop: Stage) -> None:
    path = shop.here.root / "stack.yaml"
    outcome = meddling(shop, lambda: append(path, "# changed\n")).test()
    assert outcome.problems == ("stack.yaml was changed after it was checked",)
    assert outcome.evidence is not None
    assert not outcome.evidence.passed


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_container_that_is_removed_while_suites_run_fails_the_test(shop: Stage) -> None:
    outcome = meddling(shop, lambda: shop.engine.remove(cart(shop).id)).test()
    assert "cart: its container was removed or replaced while the suites ran" in outcome.problems


def test_a_container_that_is_replaced_by_another_image_fails_the_test(shop: Stage) -> None:
    other = shop.engine.add("ghcr.io/acme/other@sha256:" + "7" * 64)

    def replace_it() -> None:
        cart(shop).image = other

    outcome = meddling(shop, replace_it).test()
    assert any("runs ghcr.io/acme/other@sha256:7777" in problem for problem in outcome.problems)


def test_a_service_that_ends_with_0_while_suites_run_fails_the_test(shop: Stage) -> None:
    def end_it() -> None:
        container = cart(shop)
        container.behaviour = replace(
            container.behaviour, exits_after=shop.clock.monotonic() - (container.started or 0)
        )

    outcome = meddling(shop, end_it).test()
    assert outcome.problems == ("cart is not as it was before the suites: exited 0",)


def test_what_runs_beside_the_stack_unchecked_fails_the_test(shop: Stage) -> None:
    calls = iter([(), ("sneak-1",)])

    def came_later(_name: str) -> tuple[str, ...]:
        return next(calls)

    shop.engine.strangers = came_later  # type: ignore[method-assign, assignment]
    outcome = shop.test()
    assert outcome.problems == ("sneak-1 runs beside the stack, and nobody has checked it",)
    assert [result.outcome for result in outcome.suites] == ["not-run"]


def test_a_suite_that_changes_itself_fails_the_test(tmp_path: Path) -> None:
    (tmp_path / "t.sh").write_text("#!/bin/sh\necho '# more' >> t.sh\n")
    (tmp_path / "t.sh").chmod(0o755)
    shop = stage(tmp_path, stack="suites: {smoke: {command: [./t.sh]}}")
    before = definition_digest(shop.here.stack.suites["smoke"], tmp_path)
    outcome = shop.test()
    assert outcome.problems == ("the suite 'smoke' was changed while the suites ran",)
    assert outcome.evidence is not None
    assert outcome.evidence.suites["smoke"].definition == before


def test_other_profiles_than_the_manifest_s_make_no_evidence(shop: Stage) -> None:
    outcome = shop.test(profiles=("debug",))
    assert outcome.evidence is None
    assert "other profiles" in outcome.no_evidence


def test_the_evidence_says_which_variables_were_the_machine_s_own(tmp_path: Path) -> None:
    compose = COMPOSE + '    environment: {MODE: "${MODE:-prod}", OTHER: "${OTHER:-x}", COST: "$$MONEY"}\n'
    shop = stage(tmp_path, compose, environment={"PATH": "/usr/bin:/bin", "MODE": "debug", "MONEY": "1"})
    evidence = shop.test().evidence
    assert evidence is not None
    assert evidence.machine_variables == ["MODE"]


def test_an_image_that_is_here_is_asked_for_again_where_a_platform_is_wanted(tmp_path: Path) -> None:
    """The engine may have the image of another platform under the same digest."""
    shop = stage(tmp_path, environment={"PATH": "/usr/bin:/bin", "DOCKER_DEFAULT_PLATFORM": "linux/amd64"})
    assert shop.test().passed
    assert "pulled 2" in shop.observer.told


def test_without_its_registry_what_is_here_still_runs(tmp_path: Path) -> None:
    shop = stage(tmp_path, environment={"PATH": "/usr/bin:/bin", "DOCKER_DEFAULT_PLATFORM": "linux/amd64"})
    shop.engine.images = {}
    behaviour = HEALTHY
    for service in ("cart", "orders"):
        shop.engine.unpullable[reference(shop.lock, service)] = "no route to host"
        shop.engine.images[reference(shop.lock, service)] = behaviour
    assert shop.test().passed
