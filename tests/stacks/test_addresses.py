"""Where suites find the services."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockflight.ports.stack_engine import Container, PublishedPort
from lockflight.stacks.addresses import (
    AddressedPort,
    planned,
    seen_from_the_network,
    seen_from_this_machine,
    variable_part,
)

MODEL: dict[str, Any] = {
    "services": {
        "web": {
            "ports": [{"target": 8443, "protocol": "tcp"}, {"target": 80}],
            "expose": ["9000", "80", "junk"],
        },
        "dns": {"ports": [{"target": 53, "protocol": "udp"}, {"target": 53, "protocol": "tcp"}]},
        "quiet": None,
    }
}


def container(service: str, *ports: tuple[int, str, str, int], one_off: bool = False) -> Container:
    published = tuple(PublishedPort(*port) for port in ports)
    return Container(f"{service}-1", f"{service}-1", service, "running", ports=published, one_off=one_off)


def test_the_first_port_of_the_compose_file_is_the_url() -> None:
    there = container("web", (80, "tcp", "127.0.0.1", 32001), (8443, "tcp", "127.0.0.1", 32002))
    variables = seen_from_this_machine(["web"], [there], MODEL).variables()
    assert variables == {
        "LOCKFLIGHT_URL_WEB": "https://127.0.0.1:32002",
        "LOCKFLIGHT_HOST_WEB": "127.0.0.1",
        "LOCKFLIGHT_PORT_WEB_8443": "32002",
        "LOCKFLIGHT_PORT_WEB_80": "32001",
    }


def test_a_port_on_every_interface_is_reached_over_loopback_and_only_once() -> None:
    there = container("web", (80, "tcp", "0.0.0.0", 8080), (80, "tcp", "::", 8080))  # noqa: S104
    (port,) = seen_from_this_machine(["web"], [there], MODEL).services["web"]
    assert (port.host, port.url) == ("127.0.0.1", "http://127.0.0.1:8080")


def test_both_protocols_of_one_port_have_their_variable() -> None:
    there = container("dns", (53, "udp", "127.0.0.1", 4001), (53, "tcp", "127.0.0.1", 4002))
    variables = seen_from_this_machine(["dns"], [there], MODEL).variables()
    assert variables["LOCKFLIGHT_PORT_DNS_53"] == "4002"
    assert variables["LOCKFLIGHT_PORT_DNS_53_UDP"] == "4001"
    assert variables["LOCKFLIGHT_URL_DNS"] == "udp://127.0.0.1:4001"


def test_a_service_that_publishes_nothing_has_no_variables_but_is_known() -> None:
    addresses = seen_from_this_machine(["quiet"], [container("quiet")], MODEL)
    assert (addresses.variables(), dict(addresses.services)) == ({}, {"quiet": ()})


def test_a_suite_s_own_container_is_no_service() -> None:
    there = container("web", (80, "tcp", "127.0.0.1", 1), one_off=True)
    assert seen_from_this_machine(["web"], [there], MODEL).services["web"] == ()


def test_in_the_network_services_are_reached_by_name_at_exposed_ports_too() -> None:
    ports = seen_from_the_network(["web"], MODEL).services["web"]
    assert [port.url for port in ports] == ["https://web:8443", "http://web:80", "http://web:9000"]


def test_only_published_ports_are_planned_for_this_machine() -> None:
    assert [port.target for port in planned(["web"], MODEL).services["web"]] == [8443, 80]


def test_services_whose_names_read_alike_have_no_variables() -> None:
    port = AddressedPort(80, "tcp", "127.0.0.1", 1, "http://127.0.0.1:1")
    addresses = type(planned([], MODEL))({"a-b": (port,), "a.b": (port,), "c": (port,)})
    assert set(addresses.variables()) == {"LOCKFLIGHT_URL_C", "LOCKFLIGHT_HOST_C", "LOCKFLIGHT_PORT_C_80"}


@given(st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}", fullmatch=True))
def test_every_service_name_becomes_a_part_of_a_variable(name: str) -> None:
    assert f"X_{variable_part(name)}".isidentifier()
