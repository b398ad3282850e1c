"""Drift: what is wanted against what runs, without any target."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.ports.target import Running, Wanted
from lockflight.promotions.drift import drift_of, ready_of, unexpected
from tests.locks.builders import digest

CART = f"ghcr.io/acme/cart@{digest('cart')}"
OTHER = f"ghcr.io/acme/cart@{digest('other')}"
WANTED = Wanted("cart", CART, "f" * 64)
RUNNING: dict[str, Any] = {
    "service": "cart", "references": (CART,), "shown": CART, "fingerprint": "f" * 64, "state": "healthy",
}  # fmt: skip


def running(**changes: Any) -> Running:
    return Running(**{**RUNNING, **changes})


def codes(wanted: Wanted, *observed: Running, **more: Any) -> list[str]:
    return [f"({one.code})" if one.note else one.code for one in drift_of([wanted], observed, **more)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"references": ("mirror.example/cart@" + digest("cart"),)}, []),
        ({"references": (OTHER,)}, ["other-digest"]),
        ({"references": (), "shown": "ghcr.io/acme/cart:latest"}, ["other-digest"]),
        ({"by_hand": True, "fingerprint": None}, ["by-hand"]),
        ({"fingerprint": "0" * 64}, ["(other-settings)"]),
        ({"replicas": 3, "ready": 3}, ["scaled"]),
        ({"replicas": 2, "ready": 1}, ["scaled", "unhealthy"]),
        ({"state": "restarting", "failed": True, "ready": 0}, ["unhealthy"]),
        ({"state": "starting", "ready": 0}, ["unhealthy"]),
        ({"references": (OTHER,), "by_hand": True, "fingerprint": None}, ["by-hand", "other-digest"]),
    ],
)
def test_every_difference_has_its_name(changes: dict[str, Any], found: list[str]) -> None:
    assert codes(WANTED, running(**changes)) == found


def test_a_service_that_does_not_run_is_missing() -> None:
    (finding,) = drift_of([WANTED], [])
    assert (finding.code, finding.expected, finding.found) == ("missing", CART, "nothing")


def test_a_migration_that_was_cleaned_up_is_a_note_and_one_that_failed_is_not() -> None:
    migration = Wanted("cart", CART, "f" * 64, one_shot=True)
    assert codes(migration) == ["(missing)"]
    assert codes(migration, running(one_shot=True, ready=0, state="done")) == []
    assert codes(migration, running(one_shot=True, ready=0, state="exited 1", failed=True)) == ["unhealthy"]


def test_an_extra_service_is_drift_unless_the_last_promotion_left_it_alone() -> None:
    extra = running(service="debug", references=(OTHER,), shown=OTHER)
    assert codes(WANTED, running(), extra) == ["extra"]
    assert codes(WANTED, running(), extra, known={"debug"}) == ["(extra)"]


def test_the_origin_of_a_digest_is_part_of_what_is_said() -> None:
    origins = {digest("other"): "it is in lock 3f9a1c02d4e5"}
    (finding,) = drift_of([WANTED], [running(references=(OTHER,), shown=OTHER)], origins=origins)
    assert finding.message == "runs another image than the lock says: it is in lock 3f9a1c02d4e5"
    assert (finding.expected, finding.found) == (CART, OTHER)


def test_only_what_should_not_run_is_looked_up() -> None:
    extra = running(service="debug", references=("x.example/y@" + digest("y"),))
    assert unexpected([WANTED], [running(), extra]) == {digest("y")}
    assert unexpected([WANTED], [running(references=(OTHER, CART))]) == set()


def test_ready_counts_services_that_are_whole_and_well() -> None:
    orders = Wanted("orders", CART, "f" * 64)
    assert ready_of([WANTED, orders], [running()]) == 1
    assert ready_of([WANTED], [running(replicas=2, ready=1)]) == 0
