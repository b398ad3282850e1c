"""A lock that no longer is what is wanted, with every reason named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockflight.locks.model import Lock
from lockflight.locks.satisfies import Demand, reasons
from lockflight.locks.wanted import Wanted
from lockflight.names import parse_reference

from . import builders


def wanted(name: str) -> Wanted:
    return Wanted(
        service=name,
        commit=builders.commit(name),
        image=parse_reference(f"ghcr.io/acme/{name}:{builders.commit(name)}"),
        platforms=("linux/amd64",),
        api="openapi.yaml",
    )


DEMAND = Demand(
    project="shop",
    services=(wanted("cart"), wanted("orders")),
    images={"postgres": parse_reference("postgres:16-alpine")},
    config={"compose/stack.yaml": builders.digest("stack")},
    names=frozenset({"cart", "orders"}),
)


def codes(lock: Lock, demand: Demand) -> list[tuple[str, str]]:
    return [(reason.code, reason.subject) for reason in reasons(lock, demand)]


def test_a_lock_that_is_what_is_wanted_has_no_reason() -> None:
    assert reasons(builders.lock(), DEMAND) == []


def changed_service(**changes: object) -> Demand:
    return replace(DEMAND, services=(replace(wanted("cart"), **changes), wanted("orders")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (replace(DEMAND, project="store"), [("project-changed", "project")]),
        (changed_service(commit="f" * 40), [("commit-changed", "cart")]),
        (changed_service(image=parse_reference("ghcr.io/acme/basket:x")), [("image-changed", "cart")]),
        (changed_service(image=None), [("image-changed", "cart")]),
        (changed_service(platforms=("linux/riscv64",)), [("platform-missing", "cart")]),
        (changed_service(api="api/other.yaml"), [("api-changed", "cart")]),
        (replace(DEMAND, services=(wanted("cart"),), names=frozenset({"cart"})), [("service-removed", "orders")]),
        (replace(DEMAND, services=(*DEMAND.services, wanted("web"))), [("service-added", "web")]),
        (replace(DEMAND, images={}), [("image-removed", "postgres")]),
        (replace(DEMAND, images={**DEMAND.images, "redis": parse_reference("redis")}), [("image-added", "redis")]),
        (replace(DEMAND, images={"postgres": parse_reference("postgres:17")}), [("image-changed", "postgres")]),
        (replace(DEMAND, images={"postgres": parse_reference("mirror.example/postgres:16-alpine")}), [("image-changed", "postgres")]),
        (replace(DEMAND, config={}), [("config-removed", "compose/stack.yaml")]),
        (replace(DEMAND, config={"compose/stack.yaml": builders.digest("new")}), [("config-changed", "compose/stack.yaml")]),
        (replace(DEMAND, config={**DEMAND.config, "a.conf": builders.digest("a")}), [("config-added", "a.conf")]),
    ],
)  # fmt: skip
def test_every_difference_is_a_named_reason(demand: Demand, expected: list[tuple[str, str]]) -> None:
    assert codes(builders.lock(), demand) == expected


def test_a_service_that_nobody_can_tell_about_now_is_not_called_removed() -> None:
    assert reasons(builders.lock(), replace(DEMAND, services=(wanted("cart"),))) == []


def test_both_values_are_told() -> None:
    (reason,) = reasons(builders.lock(), changed_service(commit="f" * 40))
    assert (reason.expected, reason.found) == ("f" * 40, builders.commit("cart"))
    assert "f" * 40 in str(reason.as_problem())
    assert builders.commit("cart") in str(reason.as_problem())


def test_all_reasons_are_told_together() -> None:
    everything = Demand("store", (wanted("web"),), {}, {}, frozenset({"web"}))
    assert len(codes(builders.lock(), everything)) == 6
