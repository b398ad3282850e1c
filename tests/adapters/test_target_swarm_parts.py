"""The swarm target's pure parts: what tasks mean, command lines, room on the nodes."""

from __future__ import annotations

from typing import Any

from lockflight.adapters.target_compose.states import State
from lockflight.adapters.target_swarm import commands, facts
from lockflight.adapters.target_swarm.tasks import Task, slots_of, state_of

MEBIBYTE = 2**20


def task(number: int, state: str, desired: str = "running", **more: Any) -> Task:
    settings = {"slot": "1", "image": "i", "labels": {}, **more}
    return Task(
        id=str(number), state=state, desired=desired, created=f"2026-01-01T00:00:0{number}", **settings
    )


def judged(*tasks: Task, one_shot: bool = False, tries: int = 2) -> State:
    (slot,) = slots_of(tasks)
    return state_of(slot, one_shot=one_shot, tries=tries)


def exited(number: int, code: int = 3) -> Task:
    error = f"task: non-zero exit ({code})"
    return task(number, "failed", "shutdown", exit_code=code, container="c", error=error)


def test_a_replica_that_ended_once_is_given_a_second_chance() -> None:
    assert judged(exited(1), task(2, "ready")) == State("restarting, exited 3")
    assert judged(exited(1), exited(2), task(3, "ready")) == State("exited 3", failed=True)
    assert judged(exited(1), exited(2), task(3, "running")) == State("running", ready=True)


def test_a_replica_that_is_not_started_again_has_no_second_chance() -> None:
    assert judged(exited(1), tries=1) == State("exited 3", failed=True)


def test_what_could_not_start_has_failed_at_once() -> None:
    gone = task(1, "rejected", error="No such image: i")
    assert judged(gone, task(2, "preparing")) == State("rejected", failed=True)
    broken = task(1, "failed", error="starting container failed: no such file", exit_code=127, container="c")
    assert judged(broken, task(2, "ready")) == State("failed", failed=True)


def test_failures_of_another_version_do_not_count() -> None:
    old = task(
        1, "failed", "shutdown", image="old", exit_code=3, container="c", error="task: non-zero exit (3)"
    )
    assert judged(old, task(2, "starting")) == State("starting")


def test_a_service_that_ended_well_is_done_only_when_that_is_its_work() -> None:
    ended = task(1, "complete", "complete", exit_code=0, container="c")
    assert judged(ended, one_shot=True) == State("done", ready=True)
    assert judged(ended, tries=1) == State("exited 0", failed=True)
    assert judged(task(1, "running"), one_shot=True) == State("running")


def test_what_swarm_ended_for_its_health_is_unhealthy_even_if_it_ended_well() -> None:
    ended = task(1, "complete", "shutdown", exit_code=0, container="c", health="unhealthy")
    assert judged(ended, tries=1) == State("unhealthy", failed=True)


def test_slots_that_were_scaled_away_do_not_count() -> None:
    assert slots_of([task(1, "running", "remove")]) == []


def test_a_stack_comes_by_stdin_and_its_neighbours_stay() -> None:
    assert commands.deploy("docker", "shop") == [
        "docker", "stack", "deploy", "--with-registry-auth", "--prune=false", "--resolve-image", "never",
        "--compose-file", "-", "shop",
    ]  # fmt: skip
    assert commands.check("docker") == ["docker", "stack", "config", "--compose-file", "-"]


def node(name: str, state: str = "ready", availability: str = "active", reach: str = "") -> dict[str, Any]:
    return {
        "ID": name,
        "Status": {"State": state},
        "Spec": {"Availability": availability},
        "Description": {"Resources": {"NanoCPUs": 2_000_000_000, "MemoryBytes": 1000 * MEBIBYTE}},
        **({"ManagerStatus": {"Reachability": reach}} if reach else {}),
    }


def reserving(name: str, state: str = "running") -> dict[str, Any]:
    reservations = {"NanoCPUs": 500_000_000, "MemoryBytes": 100 * MEBIBYTE}
    return {"NodeID": name, "Status": {"State": state}, "Spec": {"Resources": {"Reservations": reservations}}}


def test_room_is_what_useful_nodes_have_and_nobody_has_reserved() -> None:
    nodes = [
        node("a", reach="reachable"),
        node("b", state="down", reach="unreachable"),
        node("c", availability="drain", reach="reachable"),
        node("d"),
    ]
    tasks = [reserving("a"), reserving("b"), reserving("d", "starting"), reserving("d", "failed")]
    found = facts.of("tcp://one", "20.10.24", nodes, tasks)
    assert (found.managers, found.nodes) == ((2, 3), (2, 4))
    assert (found.free_cpus, found.free_memory) == (3.0, 1800 * MEBIBYTE)
