"""What keeps two stacks on one engine apart."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.findings import refusals
from lockflight.stacks.isolate import Isolation, Wish, isolate
from lockflight.stacks.override import Override, Reset

STACK = "shop-1234"


def of_service(settings: dict[str, Any], **wish: Any) -> tuple[dict[str, Any], Isolation]:
    isolation = isolate({"services": {"web": settings}}, Wish(STACK, **wish))
    return dict(isolation.services["web"]), isolation


def test_fixed_host_ports_become_free_ones_on_loopback() -> None:
    ports = [
        {"target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"},
        {"target": 53, "published": "5353", "protocol": "udp", "host_ip": "::"},
    ]
    service, _ = of_service({"ports": ports})
    assert service["ports"] == Override(
        (
            {"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"},
            {"target": 53, "host_ip": "127.0.0.1", "protocol": "udp"},
        )
    )


def test_a_port_that_is_published_twice_is_published_once() -> None:
    ports = [{"target": 80, "published": str(port)} for port in (8080, 9090)]
    service, _ = of_service({"ports": ports})
    assert len(service["ports"].entries) == 1


def test_a_person_may_want_the_ports_as_they_are_written() -> None:
    service, _ = of_service({"ports": [{"target": 80, "published": "8080"}]}, fixed_ports=True)
    assert "ports" not in service


def test_a_container_name_goes_but_stays_what_others_call_it() -> None:
    service, _ = of_service({"container_name": "my-web", "networks": {"front": None, "back": None}})
    assert service["container_name"] == Reset()
    assert service["networks"] == {"front": {"aliases": ["my-web"]}, "back": {"aliases": ["my-web"]}}


def test_a_container_name_is_an_alias_in_the_default_network_where_none_is_named() -> None:
    service, _ = of_service({"container_name": "my-web"})
    assert service["networks"] == {"default": {"aliases": ["my-web"]}}


def test_a_service_without_networks_of_its_own_gets_no_alias() -> None:
    service, _ = of_service({"container_name": "my-web", "network_mode": "service:cart"})
    assert "networks" not in service


@pytest.mark.parametrize("kind", ["networks", "volumes"])
def test_names_that_are_given_become_the_stack_s_own(kind: str) -> None:
    model = {
        "services": {},
        kind: {"data": {"name": "fixed"}, "mine": {"name": f"{STACK}_mine"}, "bare": None},
    }
    sections = getattr(isolate(model, Wish(STACK)), kind)
    assert sections == {"data": {"name": f"{STACK}_data"}, "mine": {}, "bare": {"name": f"{STACK}_bare"}}


@pytest.mark.parametrize("kind", ["networks", "volumes"])
@pytest.mark.parametrize("alone", [False, True])
def test_what_is_somebody_else_s_is_never_touched(kind: str, alone: bool) -> None:
    isolation = isolate(
        {"services": {}, kind: {"shared": {"name": "shared", "external": True}}}, Wish(STACK, alone)
    )
    assert getattr(isolation, kind) == {"shared": {"external": Reset(), "name": f"{STACK}_shared"}}
    assert [finding.subject for finding in isolation.findings] == [f"{kind}.shared"]
    assert not refusals(isolation.findings)


def test_having_no_network_is_no_network_of_somebody_else() -> None:
    isolation = isolate({"services": {}, "networks": {"n": {"name": "none", "external": True}}}, Wish(STACK))
    assert (isolation.networks, isolation.findings) == ({}, ())


NOT_ISOLATABLE: list[dict[str, Any]] = [
    {"network_mode": "host"},
    {"network_mode": "container:other"},
    {"network_mode": "a-network-of-somebody"},
    {"network_mode": "bridge"},
    {"network_mode": "default"},
    {"ipc": "host"},
    {"pid": "container:other"},
    {"ipc": "container:other"},
    {"volumes_from": ["container:other:ro"]},
    {"external_links": ["other"]},
    {"networks": {"default": {"ipv4_address": "10.9.0.2"}}},
]


@pytest.mark.parametrize("settings", NOT_ISOLATABLE, ids=str)
def test_what_exists_only_once_is_refused_by_name(settings: dict[str, Any]) -> None:
    _, isolation = of_service(settings)
    (finding,) = refusals(isolation.findings)
    assert (finding.code, finding.subject) == ("not-isolatable", "services.web")
    assert "alone: true" in str(finding.hint)


@pytest.mark.parametrize("settings", NOT_ISOLATABLE, ids=str)
def test_a_stack_that_is_alone_keeps_it(settings: dict[str, Any]) -> None:
    service, isolation = of_service({**settings, "ports": [{"target": 1}], "container_name": "c"}, alone=True)
    assert (service, refusals(isolation.findings)) == ({}, [])


def test_a_fixed_subnet_is_refused_by_name() -> None:
    network = {"name": "x", "ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}
    (finding,) = refusals(isolate({"services": {}, "networks": {"back": network}}, Wish(STACK)).findings)
    assert finding.subject == "networks.back"
    assert "10.9.0.0/24" in finding.message


def test_the_machine_s_own_network_by_another_door_is_refused() -> None:
    network = {"name": "host", "external": True}
    (finding,) = refusals(isolate({"services": {}, "networks": {"h": network}}, Wish(STACK)).findings)
    assert finding.subject == "networks.h"


def test_a_fixed_bridge_of_the_machine_is_refused_by_name() -> None:
    network = {"name": "x", "driver_opts": {"com.docker.network.bridge.name": "br-shop"}}
    model = {"services": {}, "networks": {"back": network}}
    (finding,) = refusals(isolate(model, Wish(STACK)).findings)
    assert (finding.code, finding.subject) == ("not-isolatable", "networks.back")
    assert "br-shop" in finding.message
    assert not refusals(isolate(model, Wish(STACK, alone=True)).findings)


@pytest.mark.parametrize("key", ["pid", "uts"])
def test_what_a_service_sees_of_the_machine_is_noted(key: str) -> None:
    _, isolation = of_service({key: "host"})
    (finding,) = isolation.findings
    assert (finding.code, finding.subject, finding.note) == ("shared-with-machine", "services.web", True)
    assert of_service({key: "host"}, alone=True)[1].findings == ()


@pytest.mark.parametrize("mode", [None, "none", "service:cart"])
def test_networks_of_the_stack_or_none_are_isolated(mode: str | None) -> None:
    assert of_service({"network_mode": mode})[1].findings == ()


def test_links_to_own_containers_are_links_in_the_stack() -> None:
    model = {
        "services": {
            "web": {"external_links": ["cc", "cc:shop"]},
            "plain": {"external_links": ["cc"]},
            "cart": {"container_name": "cc"},
        }
    }
    isolation = isolate(model, Wish(STACK))
    assert isolation.services["web"] == {"external_links": Reset(), "links": ["cart:shop"]}
    assert isolation.services["plain"] == {"external_links": Reset()}
    assert isolation.services["cart"]["networks"] == {"default": {"aliases": ["cc"]}}
    assert isolation.findings == ()
    assert isolate(model, Wish(STACK, alone=True)).services["web"] == {}


def test_a_link_that_would_wait_for_its_own_service_is_refused_by_name() -> None:
    web = {"external_links": ["cc:shop"]}
    cart = {"container_name": "cc", "depends_on": {"between": {}}}
    model = {"services": {"web": web, "cart": cart, "between": {"depends_on": {"web": {}}}}}
    (finding,) = refusals(isolate(model, Wish(STACK)).findings)
    assert (finding.code, finding.subject) == ("not-isolatable", "services.web")
    assert "cc:shop" in finding.message


def test_volumes_of_the_stack_s_own_container_are_those_of_its_service() -> None:
    services = {"data": {"container_name": "cc"}, "web": {"volumes_from": ["container:cc:ro", "other"]}}
    isolation = isolate({"services": services}, Wish(STACK))
    assert isolation.services["web"]["volumes_from"] == Override(("data:ro", "other"))
    assert not refusals(isolation.findings)
