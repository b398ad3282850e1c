"""Containers as the engine's lists and descriptions show them, told in the port's words."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.adapters.stack_engine import containers, stacks
from lockflight.ports import stack_engine as port
from lockflight.ports.stack_engine import PublishedPort


@pytest.mark.parametrize(
    ("status", "health", "code"),
    [
        ("Created", "none", None),
        ("Up Less than a second", "none", None),
        ("Up Less than a second (health: starting)", "starting", None),
        ("Up 3 seconds (health: starting)", "starting", None),
        ("Up About a minute (healthy)", "healthy", None),
        ("Up 5 weeks (unhealthy)", "unhealthy", None),
        ("Up 2 hours (Paused)", "none", None),
        ("Up 2 hours (healthy) (Paused)", "healthy", None),
        ("Exited (0) Less than a second ago", "none", 0),
        ("Exited (137) 2 seconds ago", "none", 137),
        ("Exited (-1) 3 days ago", "none", -1),
        ("Exited (255) About an hour ago", "none", 255),
        ("Restarting (1) 5 seconds ago", "none", 1),
        ("Restarting (0) Less than a second ago", "none", 0),
        ("Removal In Progress", "none", None),
        ("Dead", "none", None),
        ("", "none", None),
    ],
)
def test_a_status_tells_health_and_exit_code(status: str, health: str, code: int | None) -> None:
    assert (containers.health_in(status), containers.exit_code_in(status)) == (health, code)


def entry(**more: Any) -> dict[str, Any]:
    return {"Id": "a" * 64, "Names": ["/shop-web-1"], "State": "running", "Status": "Up 1 second", **more}


@pytest.mark.parametrize(
    ("labels", "service", "one_off"),
    [
        ({"com.docker.compose.service": "web", "com.docker.compose.oneoff": "False"}, "web", False),
        ({"com.docker.compose.service": "web", "com.docker.compose.oneoff": "True"}, "web", True),
        ({"com.docker.compose.service": "web"}, "web", False),
        ({port.STACK: "shop"}, "", True),
        (None, "", True),
    ],
)
def test_runs_beside_the_stack_are_told_from_its_services(labels: Any, service: str, one_off: bool) -> None:
    found = containers.container(entry(Labels=labels), "127.0.0.1")
    assert (found.service, found.one_off) == (service, one_off)


def test_a_container_has_its_own_name_and_not_that_of_a_link() -> None:
    assert containers.container(entry(Names=["/other/web", "/shop-web-1"]), "127.0.0.1").name == "shop-web-1"
    assert containers.container(entry(Names=None), "127.0.0.1").name == "a" * 12


PORTS = [
    {"IP": "::", "PrivatePort": 80, "PublicPort": 32768, "Type": "tcp"},
    {"IP": ".".join("0000"), "PrivatePort": 80, "PublicPort": 32768, "Type": "tcp"},
    {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 5353, "Type": "udp"},
    {"IP": "::", "PrivatePort": 81, "PublicPort": 8181, "Type": "tcp"},
    {"PrivatePort": 9000, "Type": "tcp"},
]


def test_published_ports_are_told_once_and_as_this_machine_reaches_them() -> None:
    assert containers.ports(PORTS, "127.0.0.1") == (
        PublishedPort(53, "udp", "127.0.0.1", 5353),
        PublishedPort(80, "tcp", "127.0.0.1", 32768),
        PublishedPort(81, "tcp", "::1", 8181),
    )


def test_ports_of_an_engine_elsewhere_are_reached_by_its_name() -> None:
    assert [one.host for one in containers.ports(PORTS, "build.example")] == [
        "127.0.0.1",
        "build.example",
        "build.example",
    ]


def test_the_details_of_a_container_tell_its_last_probe() -> None:
    inspected = {
        "State": {
            "Status": "running", "ExitCode": 0, "OOMKilled": False, "Error": "",
            "Health": {"Log": [{"ExitCode": 0, "Output": "fine"}, {"ExitCode": 1, "Output": "no\x1b[31m\nanswer\n"}]},
        },
        "RestartCount": 2,
        "HostConfig": {"Memory": 1024},
    }  # fmt: skip
    found = containers.details(inspected)
    assert (found.exit_code, found.restarts, found.memory_limit, found.probe_exit_code) == (None, 2, 1024, 1)
    assert "\x1b" not in found.probe
    assert found.probe.endswith("\nanswer")


def test_a_container_that_could_not_start_tells_why() -> None:
    found = containers.details({"State": {"Status": "created", "ExitCode": 128, "Error": "port is taken"}})
    assert (found.exit_code, found.error, found.memory_limit, found.probe) == (
        None,
        "port is taken",
        None,
        "",
    )


def test_stacks_are_told_from_whatever_is_left_of_them() -> None:
    whole = {port.STACK: "b", port.PROJECT: "shop", port.LOCK: "1", port.PURPOSE: "up", port.ALONE: "true"}
    found = stacks.found([whole, {port.STACK: "b"}], [{port.STACK: "a", port.OWNER: "h:1:2"}, whole])
    assert [(one.name, one.project, one.owner, one.alone, one.containers) for one in found] == [
        ("a", "", "h:1:2", False, 0),
        ("b", "shop", None, True, 2),
    ]
