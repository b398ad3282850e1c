"""The lease on a real engine: many processes at once, clean-ups of the engine, owners that sleep too long."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_compose import ComposeTarget
from lockflight.adapters.target_compose.lease_place import LEASE
from lockflight.environments import ComposeSettings
from lockflight.ports.target import Holder, Lease, LeaseLost
from tests.contracts.test_target import remove_all

TAKERS = 8


class Scene:
    def __init__(self, engine: docker.APIClient) -> None:
        self.engine = engine
        self.project = f"lf{uuid.uuid4().hex[:10]}"
        self.target = ComposeTarget(ComposeSettings(), os.environ, SystemClock(), project=self.project)

    @property
    def name(self) -> str:
        return f"lockflight-lease-{self.project}-staging"

    def take(self, owner: str = "me", seconds: int = 60, above: int = 0) -> Lease:
        found = self.target.take_lease("staging", owner, None, seconds, above)
        assert not isinstance(found, Holder), f"{found.owner} has it"
        return found

    def ran_out(self) -> Lease:
        lease = self.take("dead", 1)
        until("the end of a lease", lambda: self.target.holder("staging") is None)
        return lease

    def takers(self, code: str, *arguments: str) -> list[list[Any]]:
        """What each of the processes printed, line by line as JSON; all begin together."""
        words = [sys.executable, "-c", code, self.project, *arguments]
        environment = {**os.environ, "PYTHONPATH": "engine"}
        children = [
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
            for _ in range(TAKERS)
        ]
        with contextlib.ExitStack() as stack:
            for child in children:
                stack.enter_context(child)
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
            for child in children:
                assert child.stdin is not None
                child.stdin.write("go\n")
                child.stdin.flush()
            printed = [child.communicate(timeout=240)[0] for child in children]
        assert [child.returncode for child in children] == [0] * TAKERS
        return [[json.loads(line) for line in text.splitlines()] for text in printed]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with contextlib.closing(docker.APIClient(version="auto")) as engine:
        scene = Scene(engine)
        try:
            yield scene
        finally:
            remove_all(engine, scene.project)


def until(what: str, is_so: Callable[[], Any]) -> Any:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := is_so():
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not come")


BEGIN = """
import json, os, sys
from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_compose import ComposeTarget
from lockflight.environments import ComposeSettings
from lockflight.ports.target import Holder
target = ComposeTarget(ComposeSettings(), os.environ, SystemClock(), project=sys.argv[1])
target.holder("staging")
print("ready", flush=True)
sys.stdin.readline()
"""
ONCE = (
    BEGIN
    + """
found = target.take_lease("staging", f"taker {os.getpid()}", None, 60, 0)
print(json.dumps([not isinstance(found, Holder), found.number]))
"""
)
# The file can be made by one only: whoever finds it there has the lease together with somebody else.
AGAIN = (
    BEGIN
    + """
for _ in range(6):
    found = target.take_lease("staging", f"taker {os.getpid()}", None, 60, 0)
    if isinstance(found, Holder):
        continue
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
    found.confirm()
    os.unlink(sys.argv[2])
    found.release()
    print(found.number)
"""
)


def test_of_eight_at_once_one_wins_and_the_others_hear_who(scene: Scene) -> None:
    answers = [lines[0] for lines in scene.takers(ONCE)]
    assert sorted(won for won, _ in answers) == [False] * (TAKERS - 1) + [True]
    assert {number for _, number in answers} == {1}


def test_of_eight_at_once_one_takes_over_what_ran_out(scene: Scene) -> None:
    dead = scene.ran_out()
    answers = [lines[0] for lines in scene.takers(ONCE)]
    assert sorted(won for won, _ in answers) == [False] * (TAKERS - 1) + [True]
    assert {number for _, number in answers} == {dead.number + 1}
    with pytest.raises(LeaseLost):
        dead.confirm()


def test_a_lease_that_changes_hands_quickly_is_never_had_twice_and_no_number_comes_again(
    scene: Scene, tmp_path: Path
) -> None:
    numbers = [number for lines in scene.takers(AGAIN, str(tmp_path / "held")) for number in lines]
    assert len(numbers) == len(set(numbers)) > 1
    assert scene.take().number > max(numbers)


# --- what the engine's keepers do ------------------------------------------------------------------------------


def container_of(scene: Scene) -> str:
    return str(scene.engine.inspect_container(scene.name)["Id"])


@pytest.mark.parametrize("ask", [lambda lease: lease.confirm(), lambda lease: lease.renew()])
def test_an_owner_keeps_a_lease_that_a_clean_up_took_away(scene: Scene, ask: Callable[[Lease], None]) -> None:
    lease = scene.take(above=4)
    scene.engine.remove_container(container_of(scene))
    assert scene.target.holder("staging") is None
    ask(lease)
    holder = scene.target.holder("staging")
    assert holder is not None
    assert (holder.number, holder.owner) == (lease.number, "me") == (5, "me")
    lease.release()
    assert scene.target.holder("staging") is None


def test_the_number_is_remembered_when_a_clean_up_takes_the_container(scene: Scene) -> None:
    lease = scene.take(above=7)
    scene.engine.remove_container(container_of(scene))
    heir = scene.take("heir")
    assert heir.number == 9
    with pytest.raises(LeaseLost, match="heir"):
        lease.confirm()


def test_only_the_latest_number_is_kept(scene: Scene) -> None:
    for _ in range(3):
        scene.take().release()
    volumes = scene.engine.volumes(filters={"label": f"{LEASE}={scene.name}"})["Volumes"]
    assert [volume["Name"] for volume in volumes] == [f"{scene.name}-3"]
    assert scene.engine.containers(all=True, filters={"name": scene.name}) == []


def test_the_lease_takes_up_no_room_and_runs_nothing(scene: Scene) -> None:
    scene.take()
    inspected = scene.engine.inspect_container(scene.name)
    assert inspected["State"]["Status"] == "created"
    (image,) = scene.engine.images("lockflight-lease:empty")
    assert (image["Id"], image["Size"]) == (inspected["Image"], 0)


def test_the_empty_image_is_made_again_when_a_clean_up_took_it(scene: Scene) -> None:
    scene.take().release()
    with contextlib.suppress(docker.errors.APIError):
        scene.engine.remove_image("lockflight-lease:empty", force=True)
    assert scene.take().number == 2


def test_a_container_of_somebody_else_under_the_name_keeps_nobody_out_for_ever(scene: Scene) -> None:
    scene.take().release()
    scene.engine.create_container("lockflight-lease:empty", name=scene.name, command=["x"])
    assert scene.target.holder("staging") is None
    assert scene.take().number == 2


def test_a_heartbeat_that_was_cut_off_leaves_the_first_end(scene: Scene) -> None:
    from lockflight.adapters.target_compose.lease_place import _tar

    lease = scene.take()
    before = scene.target.holder("staging")
    scene.engine.put_archive(scene.name, "/", _tar({"lease.json": b'{"expi'}))
    assert scene.target.holder("staging") == before
    lease.renew()
    assert scene.target.holder("staging") is not None


def test_an_owner_whose_lease_ran_out_makes_it_longer_before_it_goes_on(scene: Scene) -> None:
    lease = scene.take("slow", 1)
    until("the end of a lease", lambda: scene.target.holder("staging") is None)
    lease.confirm()
    holder = scene.target.holder("staging")
    assert holder is not None
    assert holder.owner == "slow"


def test_two_environments_that_share_a_compose_project_share_its_lease(scene: Scene) -> None:
    settings = ComposeSettings(project=f"{scene.project}-one")
    shared = [ComposeTarget(settings, os.environ, SystemClock(), project=scene.project) for _ in range(2)]
    first = shared[0].take_lease("staging", "a", None, 60, 0)
    second = shared[1].take_lease("production", "b", None, 60, 0)
    assert not isinstance(first, Holder)
    assert isinstance(second, Holder)
    assert second.owner == "a"
