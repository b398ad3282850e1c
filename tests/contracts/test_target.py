"""The Target port's contract: the same tests on the fake, on docker compose with a real engine, and on a real swarm.

Another target joins by a `Subject` of its own in `subjects` below.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_compose import ComposeTarget
from lockflight.adapters.target_swarm import SwarmTarget
from lockflight.environments import ComposeSettings, SwarmSettings
from lockflight.errors import Refused
from lockflight.ports.clock import Clock
from lockflight.ports.target import (
    Deployment,
    Holder,
    Kind,
    Lease,
    LeaseLost,
    Operation,
    Running,
    ServiceFailed,
    ServiceReport,
    Target,
    Wanted,
)
from lockflight.progress import Silent
from lockflight.testing.clock import FakeClock
from lockflight.testing.target import Behaviour, FakeTarget
from tests.support.stack_images import Probe, StackImages

if TYPE_CHECKING:
    from tests.support.swarm import Swarm

# The fixture `swarm`.
pytest_plugins = ["tests.support.swarm"]

DEADLINE = 90.0
STAYS = "trap 'exit 0' TERM; sleep 3600 & wait"


@dataclass(frozen=True)
class Image:
    """What an image does: as a command in a real one, and as the fake is told."""

    command: tuple[str, ...]
    behaviour: Behaviour
    probe: Probe | None = None


IMAGES = {
    "web 1": Image(("sh", "-c", STAYS), Behaviour(healthy_after=0.2), Probe(("true",))),
    "web 2": Image(("sh", "-c", f"{STAYS}; true"), Behaviour(healthy_after=0.2), Probe(("true",))),
    "plain": Image(("sh", "-c", f"echo started; {STAYS}"), Behaviour(prints=("started",))),
    "sick": Image(
        ("sh", "-c", f"echo coughs; {STAYS}"),
        Behaviour(healthy_after=math.inf, unhealthy_after=0.5, probe="no answer", prints=("coughs",)),
        Probe(("sh", "-c", "echo no answer; exit 1"), retries=2),
    ),
    "crashes": Image(
        ("sh", "-c", "echo broken; exit 3"), Behaviour(exits_after=0, exit_code=3, prints=("broken",))
    ),
    "refuses": Image(("/no/such/program",), Behaviour(refuses="no such file or directory")),
    "migration 1": Image(("sh", "-c", "echo one; sleep 0.3"), Behaviour(exits_after=0.3, prints=("one",))),
    "migration 2": Image(("sh", "-c", "echo two; sleep 0.3"), Behaviour(exits_after=0.3, prints=("two",))),
    "bad migration": Image(
        ("sh", "-c", "echo no such table; exit 4"),
        Behaviour(exits_after=0.1, exit_code=4, prints=("no such table",)),
    ),
}
AFTER_MIGRATION = {"migration": {"condition": "service_completed_successfully"}}


@dataclass
class Subject:
    """A target under test, its images, and how a person would deploy something without lockflight."""

    target: Target
    clock: Clock
    folder: Path
    image: Callable[[str], str]
    missing: str
    by_hand: Callable[[Deployment, str, str], None]
    # Of every container of a deployment, by service.
    ids: Callable[[Deployment], Mapping[str, list[str]]]
    project: str = field(default_factory=lambda: f"lf{uuid.uuid4().hex[:10]}")

    def deployment(
        self, services: Mapping[str, str], more: Mapping[str, Any] | None = None, **changes: Any
    ) -> Deployment:
        """One of services with their images' names; `more` is what the compose file says of them."""
        environment = changes.pop("environment", "staging")
        compose = {
            name: {"image": "registry.example/never:pulled", **(more or {}).get(name, {})}
            for name in services
        }
        path = self.folder / f"{environment}.yaml"
        path.write_text(json.dumps({"services": compose}))
        images = {name: self.image(image) if image in IMAGES else image for name, image in services.items()}
        plain = Deployment(environment, self.project, "a" * 64, images, (path,), root=self.folder)
        return replace(plain, **changes)

    def bring(self, deployment: Deployment) -> list[str]:
        """What a promotion does, in its simplest form: pull, and apply what differs; what that was."""
        self.pull(deployment)
        done = []
        for wanted in self.target.wanted(deployment):
            kind = needed(wanted, self.running(deployment).get(wanted.service))
            if kind is not None:
                self.apply(deployment, kind, wanted.service)
                done.append(f"{kind} {wanted.service}")
        self.until_ready(deployment)
        return done

    def pull(self, deployment: Deployment) -> None:
        references = [wanted.reference for wanted in self.target.wanted(deployment)]
        self.target.pull(deployment, references, Silent())

    def apply(self, deployment: Deployment, kind: Kind, service: str) -> None:
        self.target.apply(deployment, Operation(kind, service, ("a test wants it",)))

    def running(self, deployment: Deployment) -> dict[str, Running]:
        return {one.service: one for one in self.target.observe(deployment)}

    def report(self, deployment: Deployment, service: str) -> ServiceReport:
        (report,) = self.target.report(deployment, [service])
        return report

    def until_ready(self, deployment: Deployment) -> None:
        services = [one.service for one in self.target.wanted(deployment)]
        self.until(
            "a ready deployment", lambda: all(one.ready for one in self.target.report(deployment, services))
        )

    def until(self, what: str, is_so: Callable[[], Any]) -> Any:
        """Look again and again until something is so, by the clock."""
        ends = self.clock.monotonic() + DEADLINE
        while self.clock.monotonic() < ends:
            found = is_so()
            if found:
                return found
            self.clock.sleep(0.05)
        pytest.fail(f"{what} did not come within {DEADLINE:g} s")

    def lease(
        self, seconds: int = 60, *, above: int = 0, owner: str = "me", environment: str = "staging"
    ) -> Lease:
        found = self.target.take_lease(environment, owner, f"https://runs/{owner}", seconds, above)
        assert not isinstance(found, Holder), f"{found.owner} has it"
        return found

    def lease_that_ran_out(self) -> Lease:
        lease = self.lease(1, owner="dead")
        self.until("the end of a lease", lambda: self.target.holder("staging") is None)
        return lease


def needed(wanted: Wanted, found: Running | None) -> Kind | None:
    if found is None:
        return "run" if wanted.one_shot else "create"
    if wanted.reference not in found.references or wanted.fingerprint != found.fingerprint:
        return "run" if wanted.one_shot else "update"
    return "scale" if wanted.replicas != found.replicas else None


@contextmanager
def fake_subject(request: pytest.FixtureRequest, folder: Path) -> Generator[Subject]:
    del request
    clock = FakeClock()
    target = FakeTarget(clock)

    def image(kind: str) -> str:
        digest = hashlib.sha256(kind.encode()).hexdigest()
        return target.add(f"registry.example/busybox@sha256:{digest}", IMAGES[kind].behaviour)

    def by_hand(deployment: Deployment, service: str, reference: str) -> None:
        target.put(f"{deployment.project}-{deployment.environment}", service, reference)

    def ids(deployment: Deployment) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in target.there.get(f"{deployment.project}-{deployment.environment}", []):
            found.setdefault(one.service, []).append(one.id)
        return found

    yield Subject(target, clock, folder, image, f"registry.example/gone@sha256:{'e' * 64}", by_hand, ids)


@contextmanager
def compose_subject(request: pytest.FixtureRequest, folder: Path) -> Generator[Subject]:
    images: StackImages = request.getfixturevalue("stack_images")
    engine = docker.APIClient(version="auto")

    def listed(deployment: Deployment) -> list[dict[str, Any]]:
        label = f"com.docker.compose.project={deployment.project}-{deployment.environment}"
        return list(engine.containers(all=True, filters={"label": label}))

    def ids(deployment: Deployment) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in listed(deployment):
            found.setdefault(one["Labels"]["com.docker.compose.service"], []).append(one["Id"])
        return {service: sorted(own) for service, own in found.items()}

    def by_hand(deployment: Deployment, service: str, reference: str) -> None:
        path = folder / "by-hand.yaml"
        path.write_text(json.dumps({"services": {service: {"image": reference}}}))
        project = f"{deployment.project}-{deployment.environment}"
        words = ["docker", "compose", "-f", str(path), "-p", project, "up", "--detach", "--quiet-pull"]
        subprocess.run(words, check=True, capture_output=True)

    def image(kind: str) -> str:
        return images.image(*IMAGES[kind].command, probe=IMAGES[kind].probe)

    clock = SystemClock()
    subject = Subject(None, clock, folder, image, images.missing(), by_hand, ids)  # type: ignore[arg-type]
    subject.target = ComposeTarget(ComposeSettings(), os.environ, clock, project=subject.project)
    try:
        yield subject
    finally:
        remove_all(engine, subject.project)
        engine.close()


def remove_all(engine: docker.APIClient, project: str) -> None:
    """Everything whose name begins with the project's, which no other test uses."""
    for entry in engine.containers(all=True, filters={"name": project}):
        engine.remove_container(entry["Id"], v=True, force=True)
    for entry in engine.networks(names=[project]):
        engine.remove_network(entry["Id"])
    for entry in engine.volumes(filters={"name": project}).get("Volumes") or []:
        engine.remove_volume(entry["Name"])


@contextmanager
def swarm_subject(request: pytest.FixtureRequest, folder: Path) -> Generator[Subject]:
    swarm: Swarm = request.getfixturevalue("swarm")
    images: StackImages = request.getfixturevalue("stack_images")
    engine = swarm.client()

    def ids(deployment: Deployment) -> dict[str, list[str]]:
        stack = f"{deployment.project}-{deployment.environment}"
        filters = {"label": f"com.docker.stack.namespace={stack}"}
        names = {one["ID"]: one["Spec"]["Name"] for one in engine.services(filters=filters)}
        found: dict[str, list[str]] = {}
        for task in engine.tasks(filters=filters):
            if task["ServiceID"] in names and task["DesiredState"] not in {"shutdown", "remove"}:
                service = names[task["ServiceID"]].removeprefix(f"{stack}_")
                found.setdefault(service, []).append(task["ID"])
        return {service: sorted(own) for service, own in found.items()}

    def by_hand(deployment: Deployment, service: str, reference: str) -> None:
        path = folder / "by-hand.yaml"
        path.write_text(json.dumps({"services": {service: {"image": reference}}}))
        stack = f"{deployment.project}-{deployment.environment}"
        words = ["docker", "stack", "deploy", "--detach=false", "--compose-file", str(path), stack]
        subprocess.run(words, check=True, capture_output=True, env=swarm.environment)

    def image(kind: str) -> str:
        return images.image(*IMAGES[kind].command, probe=IMAGES[kind].probe)

    clock = SystemClock()
    subject = Subject(None, clock, folder, image, images.missing(), by_hand, ids)  # type: ignore[arg-type]
    subject.target = SwarmTarget(SwarmSettings(), swarm.environment, clock, project=subject.project)
    try:
        yield subject
    finally:
        swarm.remove_all(subject.project)
        engine.close()


subjects = {"fake": fake_subject, "compose": compose_subject, "swarm": swarm_subject}


@pytest.fixture(params=["fake", "compose", pytest.param("swarm", marks=pytest.mark.slow)])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with subjects[request.param](request, tmp_path) as one:
        yield one


# --- what is wanted --------------------------------------------------------------------------------------------


def test_what_is_wanted_comes_in_the_order_in_which_one_needs_the_other(subject: Subject) -> None:
    deployment = subject.deployment(
        {"app": "web 1", "migration": "migration 1", "store": "web 1"},
        {
            "app": {"depends_on": AFTER_MIGRATION, "deploy": {"replicas": 2}},
            "migration": {"depends_on": ["store"]},
        },
    )
    app, migration, store = sorted(subject.target.wanted(deployment), key=lambda one: one.service)
    assert subject.target.wanted(deployment) == (store, migration, app)
    assert app.reference == deployment.images["app"]
    assert (app.needs, migration.needs, store.needs) == (("migration",), ("store",), ())
    assert (app.one_shot, migration.one_shot, store.one_shot) == (False, True, False)
    assert (app.replicas, store.replicas) == (2, 1)


def test_a_service_that_is_not_pinned_is_not_deployed(subject: Subject) -> None:
    deployment = subject.deployment({"app": "web 1", "store": "web 1"}, {"app": {"depends_on": ["store"]}})
    only = replace(deployment, images={"app": deployment.images["app"]})
    (app,) = subject.target.wanted(only)
    assert (app.service, app.needs) == ("app", ())
    assert subject.bring(only) == ["create app"]
    assert set(subject.running(only)) == {"app"}


def test_the_fingerprint_changes_with_the_settings_and_not_with_the_image(subject: Subject) -> None:
    def fingerprint(image: str, **settings: Any) -> str:
        (wanted,) = subject.target.wanted(subject.deployment({"app": image}, {"app": settings}))
        return wanted.fingerprint

    plain = fingerprint("web 1")
    assert plain == fingerprint("web 2") == fingerprint("web 1", deploy={"replicas": 3})
    assert plain != fingerprint("web 1", environment={"GREETING": "hello"})


def test_the_raw_deployment_names_what_it_runs_by_digest(subject: Subject) -> None:
    deployment = subject.deployment({"app": "web 1"})
    raw = subject.target.raw(deployment)
    assert raw["name"] == f"{subject.project}-staging"
    assert raw["services"]["app"]["image"] == deployment.images["app"]


# --- deploying -------------------------------------------------------------------------------------------------


def test_a_first_deployment_runs_what_the_lock_says(subject: Subject) -> None:
    deployment = subject.deployment({"app": "web 1", "store": "plain"}, {"app": {"depends_on": ["store"]}})
    assert subject.target.observe(deployment) == ()
    assert subject.bring(deployment) == ["create store", "create app"]
    app, store = subject.target.observe(deployment)
    assert (app.service, app.state, app.ready, app.replicas) == ("app", "healthy", 1, 1)
    assert (store.service, store.state, store.failed) == ("store", "running", False)
    assert deployment.images["app"] in app.references
    assert (app.lock_id, app.by_hand) == (deployment.lock_id, False)
    wanted = {one.service: one.fingerprint for one in subject.target.wanted(deployment)}
    assert {"app": app.fingerprint, "store": store.fingerprint} == wanted


def test_what_already_runs_is_not_touched(subject: Subject) -> None:
    deployment = subject.deployment({"app": "web 1", "store": "plain"})
    subject.bring(deployment)
    before = subject.ids(deployment)
    assert subject.bring(replace(deployment, lock_id="b" * 64)) == []
    # The same operation once more, as after a cut, changes nothing either.
    subject.apply(deployment, "update", "app")
    subject.apply(deployment, "create", "store")
    assert subject.ids(deployment) == before


def test_an_update_of_one_service_touches_only_that_one(subject: Subject) -> None:
    first = subject.deployment({"app": "web 1", "store": "web 1"}, {"app": {"depends_on": ["store"]}})
    subject.bring(first)
    before = subject.ids(first)
    second = replace(first, lock_id="b" * 64, images={**first.images, "store": subject.image("web 2")})
    assert subject.bring(second) == ["update store"]
    after = subject.ids(second)
    assert after["app"] == before["app"]
    assert after["store"] != before["store"]
    running = subject.running(second)
    assert (running["app"].lock_id, running["store"].lock_id) == ("a" * 64, "b" * 64)
    assert second.images["store"] in running["store"].references


def test_changed_settings_are_a_reason_to_deploy(subject: Subject) -> None:
    subject.bring(subject.deployment({"app": "web 1", "store": "plain"}))
    changed = subject.deployment(
        {"app": "web 1", "store": "plain"}, {"app": {"environment": {"GREETING": "hello"}}}
    )
    assert subject.bring(changed) == ["update app"]
    assert subject.bring(changed) == []


def test_scaling_keeps_what_runs(subject: Subject) -> None:
    one = subject.deployment({"app": "web 1"})
    subject.bring(one)
    (before,) = subject.ids(one)["app"]
    three = subject.deployment({"app": "web 1"}, {"app": {"deploy": {"replicas": 3}}}, lock_id="b" * 64)
    assert subject.bring(three) == ["scale app"]
    assert before in subject.ids(three)["app"]
    assert (subject.running(three)["app"].replicas, subject.running(three)["app"].ready) == (3, 3)
    again = subject.deployment({"app": "web 1"}, {"app": {"deploy": {"replicas": 1}}})
    assert subject.bring(again) == ["scale app"]
    assert subject.running(again)["app"].replicas == 1


def test_what_somebody_deployed_by_hand_is_seen_as_such_and_replaced(subject: Subject) -> None:
    deployment = subject.deployment({"app": "web 2"})
    subject.pull(subject.deployment({"app": "web 1"}))
    subject.by_hand(deployment, "app", subject.image("web 1"))
    found = subject.running(deployment)["app"]
    assert (found.by_hand, found.lock_id, found.fingerprint) == (True, None, None)
    assert subject.image("web 1") in found.references
    assert found.shown
    subject.pull(deployment)
    assert subject.bring(deployment) == ["update app"]
    found = subject.running(deployment)["app"]
    assert (found.by_hand, found.lock_id, found.replicas) == (False, deployment.lock_id, 1)
    assert subject.image("web 2") in found.references


def test_services_that_the_lock_does_not_know_are_shown_and_can_be_removed(subject: Subject) -> None:
    both = subject.deployment({"app": "web 1", "old": "plain"})
    subject.bring(both)
    app = subject.ids(both)["app"]
    one = subject.deployment({"app": "web 1"})
    assert set(subject.running(one)) == {"app", "old"}
    subject.apply(one, "remove", "old")
    assert subject.ids(one) == {"app": app}
    # Once more is harmless.
    subject.apply(one, "remove", "old")
    assert set(subject.running(one)) == {"app"}


def test_two_environments_on_one_engine_know_nothing_of_each_other(subject: Subject) -> None:
    staging = subject.deployment({"app": "web 1"})
    production = subject.deployment({"app": "web 2"}, environment="production")
    subject.bring(staging)
    before = subject.ids(staging)
    assert subject.target.observe(production) == ()
    assert subject.bring(production) == ["create app"]
    assert subject.ids(staging) == before
    subject.apply(production, "remove", "app")
    assert subject.ids(staging) == before


# --- images ----------------------------------------------------------------------------------------------------


def test_images_that_cannot_be_had_are_all_named_and_nothing_changes(subject: Subject) -> None:
    subject.bring(subject.deployment({"app": "web 1", "store": "web 1"}))
    other = subject.missing[:-8] + "0" * 8
    wrong = subject.deployment({"app": subject.missing, "store": other, "third": "plain"})
    before = subject.ids(wrong)
    with pytest.raises(Refused) as caught:
        subject.pull(wrong)
    assert subject.missing in str(caught.value)
    assert other in str(caught.value)
    assert len(caught.value.problems) == 2
    assert subject.ids(wrong) == before


def test_nothing_is_pulled_by_an_operation(subject: Subject) -> None:
    deployment = subject.deployment({"app": subject.missing})
    with pytest.raises(ServiceFailed, match=r"(?i)no such image") as caught:
        subject.apply(deployment, "create", "app")
    assert "app" in str(caught.value)


# --- one-shot services -----------------------------------------------------------------------------------------


def migrated(subject: Subject, migration: str, app: str = "web 1") -> Deployment:
    return subject.deployment({"app": app, "migration": migration}, {"app": {"depends_on": AFTER_MIGRATION}})


def test_a_one_shot_service_runs_again_only_when_it_changed(subject: Subject) -> None:
    first = migrated(subject, "migration 1")
    assert subject.bring(first) == ["run migration", "create app"]
    found = subject.running(first)["migration"]
    assert (found.state, found.one_shot, found.failed, found.ready) == ("done", True, False, 1)
    before = subject.ids(first)
    assert subject.bring(first) == []
    assert subject.bring(migrated(subject, "migration 1", "web 2")) == ["update app"]
    assert subject.ids(first)["migration"] == before["migration"]
    assert subject.bring(migrated(subject, "migration 2", "web 2")) == ["run migration"]
    assert subject.ids(first)["migration"] != before["migration"]


def test_a_run_that_ended_well_is_not_made_twice(subject: Subject) -> None:
    deployment = migrated(subject, "migration 1")
    subject.bring(deployment)
    before = subject.ids(deployment)
    subject.apply(deployment, "run", "migration")
    assert subject.ids(deployment) == before


def test_a_one_shot_service_that_fails_says_its_last_words(subject: Subject) -> None:
    deployment = migrated(subject, "bad migration")
    subject.pull(deployment)
    with pytest.raises(ServiceFailed) as caught:
        subject.apply(deployment, "run", "migration")
    assert "migration" in str(caught.value)
    assert "exited 4" in str(caught.value)
    assert "no such table" in str(caught.value)
    found = subject.running(deployment)["migration"]
    assert (found.state, found.failed, found.ready) == ("exited 4", True, 0)
    # It may be tried again, and fails again.
    with pytest.raises(ServiceFailed, match="no such table"):
        subject.apply(deployment, "run", "migration")


# --- how services are ------------------------------------------------------------------------------------------


def brought_until_failed(subject: Subject, image: str) -> ServiceReport:
    deployment = subject.deployment({"app": image})
    subject.pull(deployment)
    subject.apply(deployment, "create", "app")

    def failed() -> ServiceReport | None:
        report = subject.report(deployment, "app")
        return report if report.failed else None

    found = subject.until("a failure", failed)
    assert isinstance(found, ServiceReport)
    running = subject.running(deployment)["app"]
    assert (running.state, running.failed, running.ready) == (found.state, True, 0)
    return found


def test_an_unhealthy_service_is_reported_with_its_probe_and_its_last_lines(subject: Subject) -> None:
    report = brought_until_failed(subject, "sick")
    assert (report.state, report.ready) == ("unhealthy", False)
    assert "no answer" in report.story
    assert "coughs" in report.story


def test_a_service_that_ended_is_reported_with_its_exit_code(subject: Subject) -> None:
    report = brought_until_failed(subject, "crashes")
    assert (report.state, report.ready) == ("exited 3", False)
    assert "broken" in report.story


def test_a_service_that_is_not_there_is_reported_missing(subject: Subject) -> None:
    report = subject.report(subject.deployment({"app": "web 1"}), "app")
    assert (report.state, report.ready, report.failed) == ("missing", False, False)
    assert report.story


def test_a_service_that_the_engine_cannot_start_fails_in_its_words(subject: Subject) -> None:
    deployment = subject.deployment({"app": "refuses"})
    subject.pull(deployment)
    with pytest.raises(ServiceFailed, match="no such file or directory"):
        subject.apply(deployment, "create", "app")
    assert not subject.report(deployment, "app").ready


def test_a_target_says_what_answers(subject: Subject) -> None:
    facts = subject.target.facts()
    assert facts.kind
    assert facts.address
    assert facts.version[0].isdigit()


# --- the lease -------------------------------------------------------------------------------------------------


def test_only_one_has_the_lease_and_the_others_hear_who(subject: Subject) -> None:
    assert subject.target.holder("staging") is None
    lease = subject.lease(owner="first")
    found = subject.target.take_lease("staging", "second", None, 60, 0)
    assert isinstance(found, Holder)
    assert (found.number, found.owner, found.run) == (lease.number, "first", "https://runs/first")
    assert found.expires - found.since == timedelta(seconds=60)
    assert subject.target.holder("staging") == found
    lease.confirm()
    lease.release()
    assert subject.target.holder("staging") is None


def test_environments_have_leases_of_their_own(subject: Subject) -> None:
    subject.lease(environment="staging").confirm()
    subject.lease(environment="production").confirm()


def test_numbers_rise_above_all_that_were_before(subject: Subject) -> None:
    first = subject.lease(above=7)
    assert first.number == 8
    first.release()
    # The target remembers by itself; the caller may know of more.
    second = subject.lease()
    assert second.number == 9
    second.release()
    third = subject.lease(above=20)
    assert third.number == 21
    third.release()
    assert subject.lease(above=3).number == 22


def test_a_lease_that_ran_out_is_taken_over_and_its_owner_notices(subject: Subject) -> None:
    dead = subject.lease_that_ran_out()
    heir = subject.lease(owner="heir")
    assert heir.number > dead.number
    with pytest.raises(LeaseLost, match="heir"):
        dead.confirm()
    with pytest.raises(LeaseLost, match="heir"):
        dead.renew()
    dead.release()
    heir.confirm()
    holder = subject.target.holder("staging")
    assert holder is not None
    assert holder.owner == "heir"


def test_an_owner_notices_also_when_his_successor_is_gone_already(subject: Subject) -> None:
    dead = subject.lease_that_ran_out()
    subject.lease(owner="heir").release()
    with pytest.raises(LeaseLost):
        dead.confirm()
    with pytest.raises(LeaseLost):
        dead.renew()
    assert subject.target.holder("staging") is None


def test_a_lease_that_ran_out_stays_its_owners_while_nobody_wants_it(subject: Subject) -> None:
    lease = subject.lease_that_ran_out()
    lease.confirm()
    lease.renew()
    holder = subject.target.holder("staging")
    assert holder is not None
    assert (holder.number, holder.owner) == (lease.number, "dead")


def test_a_renewed_lease_lasts_longer(subject: Subject) -> None:
    lease = subject.lease(30)
    first = subject.target.holder("staging")
    assert first is not None

    def renewed() -> Holder | None:
        lease.renew()
        holder = subject.target.holder("staging")
        return holder if holder is not None and holder.expires > first.expires else None

    later = subject.until("a later end", renewed)
    assert (later.number, later.owner, later.since) == (first.number, first.owner, first.since)


def test_a_lease_is_released_once_and_again_without_harm(subject: Subject) -> None:
    lease = subject.lease()
    lease.release()
    lease.release()
    other = subject.lease(owner="other")
    lease.release()
    other.confirm()
