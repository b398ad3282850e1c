"""The compose override, read back by the real Docker Compose."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.errors import InputError
from lockflight.locks.convert.compose import StackNames, left_out, not_pinned, render
from lockflight.locks.model import LockedImage
from lockflight.locks.pinning import ComposeImage
from tests.compose_files.compose_cli import compose
from tests.locks.builders import digest, lock, service

STACK = """
services:
  cart-api: {image: "ghcr.io/acme/cart:dev", environment: {LEVEL: debug}}
  cart-worker: {image: "ghcr.io/acme/cart:dev", command: work}
  orders: {image: "orders:dev", build: ./orders}
  postgres: {image: "postgres:16-alpine"}
"""
NAMES = StackNames(
    compose_names={"cart": ["cart-api"], "orders": ["orders"]},
    services={
        "cart-api": ComposeImage("ghcr.io/acme/cart:dev"),
        # Pinned by its image: the manifest does not speak of it.
        "cart-worker": ComposeImage("ghcr.io/acme/cart:dev"),
        "orders": ComposeImage("orders:dev", is_built=True),
        "postgres": ComposeImage("postgres:16-alpine"),
    },
)


def test_compose_runs_exactly_the_digests_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    (tmp_path / "override.yaml").write_text(render(lock(), NAMES))

    answer = compose(tmp_path, ["-f", "stack.yaml", "-f", "override.yaml"], {})

    assert answer.config is not None, answer.words
    services = answer.config["services"]
    assert {name: service["image"] for name, service in services.items()} == {
        "cart-api": f"ghcr.io/acme/cart@{digest('cart')}",
        "cart-worker": f"ghcr.io/acme/cart@{digest('cart')}",
        "orders": f"ghcr.io/acme/orders@{digest('orders')}",
        "postgres": f"docker.io/library/postgres@{digest('pg')}",
    }
    assert "build" not in services["orders"]
    assert services["cart-api"]["environment"] == {"LEVEL": "debug"}
    assert services["cart-worker"]["command"] == ["work"]


def test_without_a_manifest_the_names_of_the_lock_are_used(tmp_path: Path) -> None:
    (tmp_path / "override.yaml").write_text(render(lock(), StackNames()))

    answer = compose(tmp_path, ["-f", "override.yaml"], {})

    assert answer.config is not None, answer.words
    assert sorted(answer.config["services"]) == ["cart", "orders", "postgres"]


def test_names_that_yaml_would_take_for_something_else_stay_names(tmp_path: Path) -> None:
    odd = {name: service(name, image="ghcr.io/acme/x") for name in ("on", "123", "1.5", "null")}
    (tmp_path / "override.yaml").write_text(render(lock(services=odd), StackNames()))

    answer = compose(tmp_path, ["-f", "override.yaml"], {})

    assert answer.config is not None, answer.words
    assert set(odd) < set(answer.config["services"])


def test_nothing_is_added_to_a_stack_that_is_at_hand() -> None:
    small = StackNames(services={"cart": ComposeImage("x")})

    assert "orders" not in render(lock(), small)
    assert left_out(lock(), small) == ["orders", "postgres"]


def test_what_the_lock_does_not_have_is_named() -> None:
    stack = StackNames(services={"cart": ComposeImage("x"), "mail": ComposeImage("mailhog")})

    assert list(not_pinned(lock(), stack)) == ["mail"]


def test_a_service_that_is_only_configuration_is_not_pinned() -> None:
    settings = service("settings", image=None, tag=None, digest=None, platforms={}, media_type=None)

    text = render(lock(services={"settings": settings}, images={}), StackNames())

    assert text.endswith("services: {}\n")


def test_a_service_and_a_third_party_image_of_one_name_are_refused() -> None:
    images = {"cart": LockedImage(image="docker.io/library/cart", digest=digest("other"))}

    with pytest.raises(InputError, match="compose service 'cart' would stand for two images"):
        render(lock(images=images), StackNames())
