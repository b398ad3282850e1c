"""The gates about what the environment runs on: `engine` and `swarm`."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.errors import InputError, OutsideError
from lockflight.ports.target import Running, TargetFacts
from lockflight.promotions.gates import engine, swarm
from lockflight.promotions.gates.model import Answer
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import ToldTarget, ask, gate, question

GB = 10**9


def facts(**changes: Any) -> TargetFacts:
    values: dict[str, Any] = {"disk": 12 * GB, "memory": 3 * GB, "cpus": 4, **changes}
    return TargetFacts("compose", "ssh://shop.example", values.pop("version", "26.1.5+dfsg1"), **values)


def well(wanted: dict[str, Any], told: TargetFacts) -> Answer:
    return ask("engine", wanted, question(target=ToldTarget(FakeClock(), told=told)))


def test_an_engine_with_everything_that_is_wanted_says_yes() -> None:
    answer = well({"version": "26.1", "disk": "12GB", "memory": "2.5GB", "cpus": 4}, facts())
    assert answer.verdict == "yes"
    assert answer.reason == (
        "ssh://shop.example answers: 26.1.5+dfsg1, 12 GB of disk free, 3 GB of memory free, 4 processors"
    )


def test_everything_that_is_amiss_is_named_at_once() -> None:
    answer = well({"version": "27", "disk": "20GB", "memory": "3500MB", "cpus": 8}, facts())
    assert answer.verdict == "no"
    assert answer.reason == (
        "ssh://shop.example: it is 26.1.5+dfsg1, and at least 27 is wanted; "
        "12 GB of disk are free, and 20 GB are wanted; 3 GB of memory are free, and 3.5 GB are wanted; "
        "it has 4 processors, and 8 are wanted"
    )


@pytest.mark.parametrize(
    ("has", "wanted", "verdict"),
    [
        ("24.0.7", "24.0", "yes"),
        ("24", "24.0", "yes"),
        ("24.0", "24", "yes"),
        ("v24.0", "24.0.0", "yes"),
        ("9.0", "24.0", "no"),
        ("24.0.7", "24.0.10", "no"),
        ("", "24.0", "no"),
    ],
)
def test_versions_are_compared_number_by_number(has: str, wanted: str, verdict: str) -> None:
    assert well({"version": wanted}, facts(version=has)).verdict == verdict


def test_what_the_target_does_not_tell_is_unknown_only_where_it_is_wanted() -> None:
    told = facts(disk=None, cpus=None)
    assert well({"memory": "1GB"}, told).verdict == "yes"
    answer = well({"disk": "1GB", "cpus": 2}, told)
    assert (answer.verdict, answer.reason) == ("unknown", "ssh://shop.example does not tell its disk, cpus")


@pytest.mark.parametrize("kind", ["engine", "swarm"])
def test_a_target_that_cannot_be_reached_is_unknown_and_says_why(kind: str) -> None:
    target = ToldTarget(FakeClock(), fails=OutsideError("no engine at ssh://shop.example", hint="is it on?"))
    answer = ask(kind, {}, question(target=target))
    assert (answer.verdict, answer.reason) == ("unknown", "no engine at ssh://shop.example")
    assert answer.details == {"hints": ["is it on?"]}


def test_a_version_that_is_none_is_the_manifests_fault() -> None:
    with pytest.raises(InputError, match="'newest' is no version"):
        well({"version": "newest"}, facts())


def service(
    replicas: int = 1, cpus: object = "0.5", memory: object = "512M", **update: Any
) -> dict[str, Any]:
    return {
        "deploy": {
            "replicas": replicas,
            "update_config": update,
            "resources": {"reservations": {"cpus": cpus, "memory": memory}},
        }
    }


def swarm_of(**changes: Any) -> TargetFacts:
    values: dict[str, Any] = {"managers": (2, 3), "nodes": (5, 6), "free_cpus": 2.0, "free_memory": 2 * GB}
    return TargetFacts("swarm", "ssh://swarm.example", "26.1", **{**values, **changes})


def asked(
    told: TargetFacts,
    services: dict[str, Any] | None = None,
    runs: dict[str, int] | None = None,
    **wanted: int,
) -> Answer:
    running = tuple(Running(name, (), name, replicas=count) for name, count in (runs or {}).items())
    target = ToldTarget(FakeClock(), told=told, model={"services": services or {}}, runs=running)
    return ask("swarm", wanted, question(target=target))


def test_a_swarm_in_quorum_with_room_says_yes() -> None:
    answer = asked(swarm_of(), {"cart": service(2)})
    assert (answer.verdict, answer.reason) == (
        "yes",
        "ssh://swarm.example: 2 of 3 managers reachable, 5 of 6 nodes ready",
    )
    assert answer.details["needed"] == {"cpus": 1.0, "memory": 2**30}


def test_half_of_the_managers_are_no_quorum() -> None:
    answer = asked(swarm_of(managers=(2, 4)))
    assert (answer.verdict, answer.reason) == (
        "no",
        "ssh://swarm.example: 2 of 4 managers can be reached, which is no quorum",
    )


def test_fewer_managers_or_nodes_than_wanted_say_no() -> None:
    answer = asked(swarm_of(), managers=3, nodes=6)
    assert answer.reason == (
        "ssh://swarm.example: 2 of 3 managers can be reached, and 3 are wanted; 5 nodes are ready, and 6 are wanted"
    )


def test_an_engine_that_is_no_swarm_says_no() -> None:
    assert asked(facts()).reason == "ssh://shop.example is no swarm"


def test_services_that_reserve_more_than_is_free_say_no() -> None:
    answer = asked(swarm_of(), {"cart": service(5, memory="0.5gb")})
    assert (answer.verdict, answer.reason) == (
        "no",
        "ssh://swarm.example: the services reserve 2.5 processors more, and 2 are free; "
        "the services reserve 2.68 GB of memory more, and 2 GB are free",
    )


def test_replicas_that_run_make_room_for_their_successors() -> None:
    assert asked(swarm_of(), {"cart": service(5)}, {"cart": 5}).details["needed"] == {
        "cpus": 0.0,
        "memory": 0,
    }
    assert asked(swarm_of(), {"cart": service(5)}, {"cart": 3}).details["needed"]["cpus"] == 1.0


def test_replicas_that_start_before_others_stop_need_room_of_their_own() -> None:
    runs = {"cart": 3}
    for update, cpus in (({}, 0.5), ({"parallelism": 2}, 1.0), ({"parallelism": 0}, 1.5)):
        services = {"cart": service(3, order="start-first", **update)}
        assert asked(swarm_of(), services, runs).details["needed"]["cpus"] == cpus


def test_a_global_service_is_on_every_node() -> None:
    services = {"agent": {"deploy": {**service()["deploy"], "mode": "global"}}}
    assert asked(swarm_of(), services).details["needed"]["cpus"] == 2.5


@pytest.mark.parametrize("services", [{"cart": None}, {"cart": {}}, {"cart": {"deploy": {"resources": {}}}}])
def test_a_service_that_reserves_nothing_needs_nothing(services: dict[str, Any]) -> None:
    assert asked(swarm_of(free_cpus=0.0, free_memory=0), services).verdict == "yes"


def test_a_swarm_that_does_not_tell_what_is_free_is_not_asked_for_room() -> None:
    assert asked(swarm_of(free_cpus=None, free_memory=None), {"cart": service(99)}).verdict == "yes"


def test_the_sentences_for_a_plan_say_what_is_wanted() -> None:
    wanted = {"version": "24.0", "disk": "2GB", "memory": "500MB", "cpus": 2}
    assert engine.explain(gate(engine=wanted).settings) == (
        "the target's engine answers, is at least 24.0, has 2 GB of free disk, 500 MB of free memory, 2 processors"
    )
    assert swarm.explain(gate(swarm={"nodes": 3}).settings) == (
        "a majority of the managers can be reached, at least 1; at least 3 nodes are ready; "
        "there is room for what the services reserve"
    )
