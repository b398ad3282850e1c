"""The lease on a real swarm: many processes at once, and what happens to the config behind its owner's back."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.adapters.target_swarm import SwarmTarget
from lockflight.environments import SwarmSettings
from lockflight.ports.target import Holder, Lease, LeaseLost

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.support.swarm import Swarm

# The fixture `swarm`.
pytest_plugins = ["tests.support.swarm"]

TAKERS = 6


class Scene:
    def __init__(self, swarm: Swarm, engine: Any) -> None:
        self.swarm = swarm
        self.engine = engine
        self.project = f"lf{uuid.uuid4().hex[:10]}"
        self.target = self.at(SwarmSettings())

    def at(self, settings: SwarmSettings) -> SwarmTarget:
        return SwarmTarget(settings, self.swarm.environment, SystemClock(), project=self.project)

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
        environment = {**self.swarm.environment, "PYTHONPATH": "engine"}
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
def scene(swarm: Swarm) -> Iterator[Scene]:
    with contextlib.closing(swarm.client()) as engine:
        scene = Scene(swarm, engine)
        try:
            yield scene
        finally:
            swarm.remove_all(scene.project)


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
from lockflight.adapters.target_swarm import SwarmTarget
from lockflight.environments import SwarmSettings
from lockflight.ports.target import Holder
target = SwarmTarget(SwarmSettings(), os.environ, SystemClock(), project=sys.argv[1])
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
for _ in range(10):
    found = target.take_lease("staging", f"taker {os.getpid()}", None, 60, 0)
    if isinstance(found, Holder):
        continue
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
    found.renew()
    found.confirm()
    os.unlink(sys.argv[2])
    found.release()
    print(found.number)
"""
)


def test_of_many_at_once_one_wins_and_the_others_hear_who(scene: Scene) -> None:
    answers = [lines[0] for lines in scene.takers(ONCE)]
    assert sorted(won for won, _ in answers) == [False] * (TAKERS - 1) + [True]
    assert {number for _, number in answers} == {1}


def test_of_many_at_once_one_takes_over_what_ran_out(scene: Scene) -> None:
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


def test_of_an_owner_that_wakes_up_and_an_heir_one_is_told_no(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner read its config before the heir took it, and writes it afterwards."""
    from lockflight.adapters.target_swarm.lease_place import LeasePlace

    dead = scene.ran_out()
    write = LeasePlace.write
    heirs: list[Lease] = []

    def late(place: LeasePlace, entry: Any, over: Any) -> bool:
        if not heirs:
            monkeypatch.setattr(LeasePlace, "write", write)
            heirs.append(scene.take("heir"))
        return write(place, entry, over)

    monkeypatch.setattr(LeasePlace, "write", late)
    with pytest.raises(LeaseLost, match="heir"):
        dead.renew()
    heirs[0].confirm()


def test_an_owner_makes_a_lease_again_that_somebody_removed(scene: Scene) -> None:
    lease = scene.take(above=4)
    scene.engine.remove_config(scene.name)
    assert scene.target.holder("staging") is None
    lease.confirm()
    holder = scene.target.holder("staging")
    assert holder is not None
    assert (holder.number, holder.owner) == (lease.number, "me") == (5, "me")
    lease.release()
    assert scene.target.holder("staging") is None


def test_an_owner_whose_removed_lease_was_taken_by_another_notices(scene: Scene) -> None:
    lease = scene.take()
    scene.engine.remove_config(scene.name)
    heir = scene.take("heir")
    # Swarm has forgotten the numbers; the owners are told apart anyway.
    assert heir.number == lease.number
    with pytest.raises(LeaseLost, match="heir"):
        lease.confirm()
    lease.release()
    heir.confirm()


def test_a_config_of_somebody_else_under_the_name_keeps_nobody_out_for_ever(scene: Scene) -> None:
    scene.engine.create_config(scene.name, b"something", labels={"mine": "yes"})
    assert scene.target.holder("staging") is None
    assert scene.take().number == 1


def test_one_config_is_all_that_a_lease_leaves(scene: Scene) -> None:
    for _ in range(3):
        scene.take().release()
    found = scene.engine.configs(filters={"name": scene.name})
    assert [one["Spec"]["Name"] for one in found] == [scene.name]


def test_two_environments_that_share_a_stack_share_its_lease(scene: Scene) -> None:
    settings = SwarmSettings(stack=f"{scene.project}-one")
    first = scene.at(settings).take_lease("staging", "a", None, 60, 0)
    second = scene.at(settings).take_lease("production", "b", None, 60, 0)
    assert not isinstance(first, Holder)
    assert isinstance(second, Holder)
    assert second.owner == "a"
