"""What only a swarm does: rolling updates, its own rollbacks and pauses, configs and secrets that never change."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_swarm import SwarmTarget
from lockflight.environments import SwarmSettings
from lockflight.errors import InputError, OutsideError, Refused
from lockflight.ports.target import Deployment, Kind, Operation, Running, ServiceFailed, ServiceReport
from lockflight.progress import Silent
from tests.contracts.test_target import STAYS
from tests.support.stack_images import Probe, StackImages

if TYPE_CHECKING:
    from tests.support.swarm import Swarm

# The fixture `swarm`.
pytest_plugins = ["tests.support.swarm"]
pytestmark = pytest.mark.slow

ROLLS_BACK = {"failure_action": "rollback", "monitor": "1s"}
PAUSES = {"failure_action": "pause", "monitor": "1s"}


class Scene:
    """A stack with a name of its own."""

    def __init__(self, folder: Path, swarm: Swarm, engine: Any, images: StackImages) -> None:
        self.folder = folder
        self.swarm = swarm
        self.engine = engine
        self.images = images
        self.project = f"lf{uuid.uuid4().hex[:10]}"
        self.good = images.image("sh", "-c", STAYS, probe=Probe(("true",)))
        self.better = images.image("sh", "-c", f"{STAYS}; true", probe=Probe(("true",)))
        self.sick = images.image("sh", "-c", f"echo coughs; {STAYS}", probe=Probe(("false",), retries=1))
        self.target = self.at()

    def at(self, **environment: str) -> SwarmTarget:
        variables = {**self.swarm.environment, **environment}
        return SwarmTarget(SwarmSettings(), variables, SystemClock(), project=self.project)

    def deployment(self, images: dict[str, str], more: dict[str, Any], **sections: Any) -> Deployment:
        services = {name: {"image": "never:pulled", **more.get(name, {})} for name in images}
        (self.folder / "compose.yaml").write_text(json.dumps({"services": services, **sections}))
        return Deployment(
            "staging", self.project, "a" * 64, images, (Path("compose.yaml"),), root=self.folder
        )

    def app(self, image: str, update: dict[str, Any], replicas: int = 2) -> Deployment:
        return self.deployment(
            {"app": image}, {"app": {"deploy": {"replicas": replicas, "update_config": update}}}
        )

    def apply(
        self, deployment: Deployment, service: str = "app", kind: Kind = "update", target: Any = None
    ) -> None:
        (target or self.target).apply(deployment, Operation(kind, service, ("a test wants it",)))

    def up(self, deployment: Deployment, target: SwarmTarget | None = None) -> None:
        target = target or self.target
        wanted = target.wanted(deployment)
        target.pull(deployment, [one.reference for one in wanted], Silent())
        for one in wanted:
            self.apply(deployment, one.service, "run" if one.one_shot else "update", target)
            self.until_ready(deployment, one.service, target)

    def until_ready(self, deployment: Deployment, service: str, target: SwarmTarget) -> None:
        until(f"a ready {service}", lambda: self.report(deployment, service, target).ready)

    def report(
        self, deployment: Deployment, service: str = "app", target: SwarmTarget | None = None
    ) -> ServiceReport:
        (report,) = (target or self.target).report(deployment, [service])
        return report

    def running(self, deployment: Deployment, service: str = "app") -> Running:
        return {one.service: one for one in self.target.observe(deployment)}[service]

    def fails(self, deployment: Deployment) -> str:
        """What is told of an update that goes wrong, at once or while one looks at it."""
        try:
            self.apply(deployment)
        except ServiceFailed as error:
            return str(error)
        found = until("a failure", lambda: _failed(self.report(deployment)))
        return f"{found.state}\n{found.story}"

    def service(self, name: str = "app") -> dict[str, Any]:
        return dict(self.engine.inspect_service(f"{self.project}-staging_{name}"))

    def tasks(self, name: str = "app") -> list[dict[str, Any]]:
        return list(self.engine.tasks(filters={"service": f"{self.project}-staging_{name}"}))


def _failed(report: ServiceReport) -> ServiceReport | None:
    return report if report.failed else None


def until(what: str, is_so: Callable[[], Any]) -> Any:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := is_so():
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not come")


@pytest.fixture
def scene(tmp_path: Path, swarm: Swarm, stack_images: StackImages) -> Iterator[Scene]:
    with contextlib.closing(swarm.client()) as engine:
        scene = Scene(tmp_path, swarm, engine, stack_images)
        try:
            yield scene
        finally:
            swarm.remove_all(scene.project)


# --- updates ---------------------------------------------------------------------------------------------------


def test_an_update_rolls_as_the_users_files_say(scene: Scene) -> None:
    update = {"order": "start-first", "parallelism": 1, "monitor": "500ms"}
    scene.up(scene.app(scene.good, update))
    second = replace(scene.app(scene.better, update), lock_id="b" * 64)
    least: list[int] = []

    def ready() -> bool:
        least.append(sum(task["Status"]["State"] == "running" for task in scene.tasks()))
        return scene.report(second).ready

    scene.target.pull(second, [scene.better], Silent())
    scene.apply(second)
    until("the end of the update", ready)
    assert min(least) >= 2
    assert scene.service()["Spec"]["UpdateConfig"]["Order"] == "start-first"
    found = scene.running(second)
    assert (found.lock_id, found.ready, found.replicas, found.state) == ("b" * 64, 2, 2, "healthy")
    assert found.references == (scene.better,)


def test_while_swarm_still_watches_an_update_it_is_not_ready(scene: Scene) -> None:
    scene.up(scene.app(scene.good, {}, 1))
    second = scene.app(scene.better, {"monitor": "20s"}, 1)
    scene.target.pull(second, [scene.better], Silent())
    scene.apply(second)
    running = until(
        "the new task", lambda: [task for task in scene.tasks() if _runs(task, scene.better)] or None
    )
    assert running
    assert (scene.report(second).state, scene.report(second).ready) == ("updating", False)


def _runs(task: dict[str, Any], image: str) -> bool:
    return bool(task["Spec"]["ContainerSpec"]["Image"] == image and task["Status"]["State"] == "running")


def test_swarms_own_rollback_is_a_failure_and_the_old_lock_is_well_again(scene: Scene) -> None:
    first, second = scene.app(scene.good, ROLLS_BACK), scene.app(scene.sick, ROLLS_BACK)
    scene.up(first)
    scene.target.pull(second, [scene.sick], Silent())
    said = scene.fails(replace(second, lock_id="b" * 64))
    assert "rolled back" in said
    assert "swarm says" in said
    # What swarm went back to is what the bundle goes back to: nothing is left to do, and it is well.
    until("the old one", lambda: scene.report(first).ready)
    found = scene.running(first)
    assert (found.lock_id, found.failed, found.references) == ("a" * 64, False, (scene.good,))
    assert scene.running(second).state == "rolled back"


def test_a_paused_update_is_a_failure_and_can_be_gone_back_from(scene: Scene) -> None:
    first, second = scene.app(scene.good, PAUSES), scene.app(scene.sick, PAUSES)
    scene.up(first)
    scene.target.pull(second, [scene.sick], Silent())
    said = scene.fails(second)
    assert "paused" in said
    assert "update paused due to failure" in said
    found = scene.running(second)
    assert (found.state, found.failed) == ("paused", True)
    scene.up(first)
    assert scene.running(first).references == (scene.good,)


def test_a_digest_that_no_node_can_have_fails_in_swarms_words(scene: Scene) -> None:
    scene.up(scene.app(scene.good, ROLLS_BACK))
    said = scene.fails(scene.app(scene.images.missing(), ROLLS_BACK))
    assert "No such image" in said
    first = scene.app(scene.good, ROLLS_BACK)
    until("the old one", lambda: scene.report(first).ready)


def test_a_service_that_no_node_has_room_for_says_so(scene: Scene) -> None:
    from lockflight.adapters.target_swarm import deploy

    more = {"deploy": {"resources": {"reservations": {"cpus": "4000"}}}}
    deployment = scene.deployment({"app": scene.good}, {"app": more})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploy, "_NO_NODE_SECONDS", 0.5)
        with pytest.raises(ServiceFailed, match="insufficient resources"):
            scene.apply(deployment)
    assert "insufficient resources" in scene.report(deployment).story


def test_the_same_operation_again_leaves_swarm_something_to_roll_back_to(scene: Scene) -> None:
    scene.up(scene.app(scene.good, {}, 1))
    second = scene.app(scene.better, {"monitor": "500ms"}, 1)
    scene.up(second)
    before = scene.service()
    scene.apply(second)
    scene.apply(replace(second, lock_id="c" * 64))
    assert scene.service()["Version"] == before["Version"]
    assert before["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] == scene.good


# --- one-shot services -----------------------------------------------------------------------------------------


def test_no_other_operation_runs_a_migration_again(scene: Scene) -> None:
    migration = scene.images.image("sh", "-c", "echo done")
    more = {"app": {"depends_on": {"migration": {"condition": "service_completed_successfully"}}}}
    first = scene.deployment({"app": scene.good, "migration": migration}, more)
    scene.up(first)
    before = [task["ID"] for task in scene.tasks("migration")]
    scene.up(replace(first, images={**first.images, "app": scene.better}))
    assert [task["ID"] for task in scene.tasks("migration")] == before
    assert len(before) == 1


def test_a_service_may_become_a_job_and_the_other_way_round(scene: Scene) -> None:
    image = scene.images.image("sh", "-c", "sleep 0.2")
    scene.up(scene.app(scene.good, {}, 1))
    job = scene.deployment({"app": image}, {"app": {"labels": {"dev.lockflight.one-shot": "true"}}})
    scene.up(job)
    assert (scene.running(job).state, scene.running(job).one_shot) == ("done", True)
    scene.up(scene.app(scene.good, {}, 1))
    assert (scene.running(job).state, scene.running(job).references) == ("healthy", (scene.good,))


RUNS = """
import os, sys
from pathlib import Path
from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_swarm import SwarmTarget
from lockflight.environments import SwarmSettings
from lockflight.ports.target import Deployment, Operation
project, folder, image = sys.argv[1:]
deployment = Deployment(
    "staging", project, "a" * 64, {"app": image}, (Path("compose.yaml"),), root=Path(folder)
)
target = SwarmTarget(SwarmSettings(), os.environ, SystemClock(), project=project)
target.apply(deployment, Operation("run", "app", ("a test wants it",)))
"""


def test_a_migration_goes_on_without_its_promoter_and_is_not_run_twice(scene: Scene) -> None:
    image = scene.images.image("sh", "-c", "sleep 2; echo migrated")
    one_shot = {"labels": {"dev.lockflight.one-shot": "true"}}
    deployment = scene.deployment({"app": image}, {"app": one_shot})
    scene.target.pull(deployment, [image], Silent())
    words = [sys.executable, "-c", RUNS, scene.project, str(scene.folder), image]
    with subprocess.Popen(words, env={**scene.swarm.environment, "PYTHONPATH": "engine"}) as promoter:
        until("the migration", lambda: scene.target.observe(deployment) and scene.tasks())
        promoter.kill()
    (before,) = (task["ID"] for task in scene.tasks())
    scene.apply(deployment, kind="run")
    (after,) = scene.tasks()
    assert (after["ID"], after["Status"]["State"]) == (before, "complete")


# --- configs and secrets ---------------------------------------------------------------------------------------


def test_a_config_with_another_content_comes_with_the_next_deployment(scene: Scene) -> None:
    shows = scene.images.image("sh", "-c", f"cat /greeting; {STAYS}")

    def deployed(text: str) -> Deployment:
        (scene.folder / "greeting.txt").write_text(text)
        more = {"configs": [{"source": "greeting", "target": "/greeting"}]}
        sections = {"greeting": {"file": "./greeting.txt"}}
        return scene.deployment({"app": shows}, {"app": more}, configs=sections)

    first = deployed("hello")
    scene.up(first)
    before = scene.running(first).fingerprint
    second = deployed("good $$ day")
    assert [one.fingerprint for one in scene.target.wanted(second)] != [before]
    scene.up(second)
    (config,) = scene.service()["Spec"]["TaskTemplate"]["ContainerSpec"]["Configs"]
    assert config["ConfigName"] == f"{scene.project}-staging_greeting-2"
    scene.up(deployed("hello"))
    (config,) = scene.service()["Spec"]["TaskTemplate"]["ContainerSpec"]["Configs"]
    assert config["ConfigName"] == f"{scene.project}-staging_greeting-1"


def test_a_secret_reaches_the_container_and_no_message(scene: Scene) -> None:
    shows = scene.images.image("sh", "-c", "cat /run/secrets/token; echo $PASSWORD; exit 3")
    more = {
        "secrets": ["token"],
        "environment": {"PASSWORD": "${PASSWORD}"},
        "labels": {"dev.lockflight.one-shot": "true"},
    }
    plain = scene.deployment({"app": shows}, {"app": more}, secrets={"token": {"environment": "TOKEN"}})
    deployment = replace(plain, secrets=("TOKEN", "PASSWORD"))
    values = {"TOKEN": "first-hidden", "PASSWORD": "second-hidden"}
    target = scene.at(**values)
    target.pull(deployment, [shows], Silent())
    with pytest.raises(ServiceFailed, match="exited 3") as caught:
        scene.apply(deployment, kind="run", target=target)
    assert "***" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "hidden" not in json.dumps(target.raw(deployment))
    labels = json.dumps([scene.service()["Spec"]["Labels"], scene.engine.secrets()])
    assert "hidden" not in labels
    (secret,) = scene.service()["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"]
    assert secret["SecretName"] == f"{scene.project}-staging_token-1"
    with pytest.raises(InputError, match="TOKEN"):
        scene.target.pull(deployment, [shows], Silent())
    # Another value is another secret; the one before is taken again when it comes back.
    names = []
    for token in ("other", "other", "first-hidden"):
        with pytest.raises(ServiceFailed):
            scene.apply(deployment, kind="run", target=scene.at(**{**values, "TOKEN": token}))
        (secret,) = scene.service()["Spec"]["TaskTemplate"]["ContainerSpec"]["Secrets"]
        names.append(secret["SecretName"].rpartition("-")[2])
    assert names == ["2", "2", "1"]


# --- images ----------------------------------------------------------------------------------------------------


def test_with_several_nodes_the_registry_is_asked_for_what_one_has_already(scene: Scene) -> None:
    from lockflight.adapters.stack_engine.connection import Connection
    from lockflight.adapters.target_swarm.pulling import Pulling

    environment = scene.swarm.environment
    pulling, missing = Pulling(Connection(environment), environment), [scene.images.missing() for _ in "ab"]
    pulling.ask([scene.good], Silent())
    with pytest.raises(Refused) as caught:
        pulling.ask([scene.good, *missing], Silent())
    assert len(caught.value.problems) == 2
    assert all(one in str(caught.value) for one in missing)


# --- what answers ----------------------------------------------------------------------------------------------


def test_facts_tell_the_managers_the_nodes_and_what_is_not_reserved(scene: Scene) -> None:
    before = scene.target.facts()
    assert (before.kind, before.managers, before.nodes) == ("swarm", (1, 1), (1, 1))
    more = {"deploy": {"resources": {"reservations": {"cpus": "0.25", "memory": "64M"}}}}
    scene.up(scene.deployment({"app": scene.good}, {"app": more}))
    after = scene.target.facts()
    assert before.free_cpus is not None
    assert after.free_cpus == pytest.approx(before.free_cpus - 0.25)
    assert before.free_memory is not None
    assert after.free_memory == before.free_memory - 64 * 2**20


def test_an_engine_that_is_no_manager_says_so() -> None:
    target = SwarmTarget(SwarmSettings(), os.environ, SystemClock(), project="any")
    with pytest.raises(OutsideError, match="no manager of a swarm"):
        target.facts()


def test_what_a_swarm_cannot_do_is_told_before_anything_is_touched(scene: Scene) -> None:
    deployment = scene.deployment({"app": scene.good}, {"app": {"mem_limit": "50m"}})
    with pytest.raises(InputError, match="mem_limit"):
        scene.target.wanted(deployment)


def test_what_compose_writes_in_its_newer_form_is_deployed(scene: Scene) -> None:
    more = {
        "ports": [{"target": 80, "published": "18099", "mode": "host"}],
        "volumes": [f"{scene.project}:/data", {"type": "tmpfs", "target": "/tmp"}],
        "extra_hosts": ["far=192.0.2.1"],
        "environment": {"COSTS": "5$$"},
        "depends_on": ["store"],
        "restart": "unless-stopped",
        "deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "50M"}}},
    }
    deployment = scene.deployment(
        {"app": scene.good, "store": scene.good}, {"app": more}, volumes={scene.project: {}}
    )
    scene.up(deployment)
    spec = scene.service()["Spec"]
    container = spec["TaskTemplate"]["ContainerSpec"]
    assert container["Env"] == ["COSTS=5$"]
    assert container["Hosts"] == ["192.0.2.1 far"]
    assert spec["TaskTemplate"]["Resources"]["Limits"]["NanoCPUs"] == 500_000_000
    assert [port["PublishedPort"] for port in spec["EndpointSpec"]["Ports"]] == [18099]


def test_a_service_on_every_node_needs_no_scaling(scene: Scene) -> None:
    deployment = scene.deployment({"app": scene.good}, {"app": {"deploy": {"mode": "global"}}})
    scene.up(deployment)
    found, (wanted,) = scene.running(deployment), scene.target.wanted(deployment)
    assert (found.replicas, found.ready) == (wanted.replicas, 1)


# --- several nodes ---------------------------------------------------------------------------------------------


def test_what_another_node_runs_is_seen_and_its_last_words_are_heard_and_its_loss_is_noticed(
    tmp_path: Path, two_nodes: tuple[Swarm, Swarm], stack_images: StackImages
) -> None:
    manager, worker = two_nodes
    with contextlib.closing(manager.client()) as engine, contextlib.closing(worker.client()) as elsewhere:
        scene = Scene(tmp_path, manager, engine, stack_images)
        facts = scene.target.facts()
        assert (facts.managers, facts.nodes) == ((1, 1), (1, 2))
        # Both at once, so that one wait does for two things.
        broken = stack_images.image("sh", "-c", "echo far away; exit 3")
        deployment = scene.deployment(
            {"app": scene.good, "broken": broken}, {"broken": {"labels": {"dev.lockflight.one-shot": "true"}}}
        )
        scene.target.pull(deployment, [scene.good, broken], Silent())
        scene.apply(deployment, "app", "create")
        scene.until_ready(deployment, "app", scene.target)
        found = scene.running(deployment)
        assert (found.references, found.state, found.ready) == ((scene.good,), "running", 1)
        assert [one["Image"] for one in elsewhere.containers()] == [scene.good]
        with pytest.raises(ServiceFailed, match="exited 3") as caught:
            scene.apply(deployment, "broken", "run")
        assert "far away" in str(caught.value)
        worker.cut()
        until("its loss", lambda: "no suitable node" in scene.report(deployment).story)
        assert (scene.running(deployment).ready, scene.target.facts().nodes) == (0, (0, 2))
