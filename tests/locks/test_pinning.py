"""Which image of a lock a service of the stack runs."""

from __future__ import annotations

from typing import Any

import pytest

from lockflight.locks.model import LockedImage
from lockflight.locks.pinning import ComposeImage, Pinning, pin
from tests.locks.builders import digest, lock, service

POSTGRES = f"docker.io/library/postgres@{digest('pg')}"
CART = f"ghcr.io/acme/cart@{digest('cart')}"


def of(image: str | None, name: str = "app", *, built: bool = False, **of_lock: Any) -> Pinning:
    return pin(lock(**of_lock), {}, {name: ComposeImage(image, built)})


def reference(pinning: Pinning, name: str = "app") -> str:
    return pinning.pinned[name].reference


def test_a_service_is_pinned_by_its_name_whatever_the_compose_file_calls_its_image() -> None:
    assert reference(of("cart:dev", "cart"), "cart") == CART


def test_a_service_that_is_only_built_is_pinned_by_its_name() -> None:
    assert reference(of(None, "cart", built=True), "cart") == CART


def test_the_manifest_says_how_the_stack_calls_a_service() -> None:
    services = {"cart-api": ComposeImage("x"), "cart-worker": ComposeImage("x")}
    pinning = pin(lock(), {"cart": ["cart-api", "cart-worker"]}, services)
    assert {pinned.reference for pinned in pinning.pinned.values()} == {CART}


def test_a_name_that_the_manifest_gave_away_pins_nothing_by_itself() -> None:
    assert "cart" in pin(lock(), {"cart": ["cart-api"]}, {"cart": ComposeImage("somebody/else")}).unpinned


@pytest.mark.parametrize(
    "image", ["ghcr.io/acme/cart", "ghcr.io/acme/cart:latest", f"ghcr.io/acme/cart@{digest('old')}"]
)
def test_a_service_of_another_name_is_pinned_by_its_image(image: str) -> None:
    assert reference(of(image)) == CART


def test_a_third_party_image_is_pinned_by_its_compose_name() -> None:
    assert reference(of("postgres:16-alpine", "postgres"), "postgres") == POSTGRES


@pytest.mark.parametrize(
    "image", ["postgres:16-alpine", "docker.io/postgres:16-alpine", "library/postgres:16-alpine"]
)
def test_a_second_service_with_the_same_third_party_image_is_pinned_with_it(image: str) -> None:
    assert reference(of(image)) == POSTGRES


def test_another_tag_of_a_third_party_image_is_another_image() -> None:
    why = of("postgres:15").unpinned["app"]
    assert "docker.io/library/postgres:15" in why
    assert "16-alpine only" in why


def test_a_third_party_image_by_digest_is_pinned_only_to_that_digest() -> None:
    assert reference(of(f"postgres@{digest('pg')}")) == POSTGRES
    assert "app" in of(f"postgres@{digest('other')}").unpinned


def test_two_services_that_share_an_image_but_no_digest_pin_no_third_one() -> None:
    twin = service("twin", image="ghcr.io/acme/cart")
    why = of("ghcr.io/acme/cart", services={"cart": service("cart"), "twin": twin}).unpinned["app"]
    assert "cart and twin with different digests" in why


def test_one_image_under_two_tags_of_the_same_digest_is_one() -> None:
    images = {
        name: LockedImage(image="docker.io/library/redis", tag="7", digest=digest("redis"))
        for name in ("a", "b")
    }
    assert reference(of("redis:7", images=images)) == f"docker.io/library/redis@{digest('redis')}"


@pytest.mark.parametrize(
    ("image", "built", "why"),
    [
        ("mailhog/mailhog", False, "runs docker.io/mailhog/mailhog, which is not in the lock"),
        (None, True, "is built from source"),
        (None, False, "has no image"),
        ("not an image", False, "cannot be read"),
    ],
)
def test_what_cannot_be_pinned_says_why(image: str | None, built: bool, why: str) -> None:
    assert why in of(image, built=built).unpinned["app"]
