"""What one image text in a compose file says about names and tags."""

from __future__ import annotations

import pytest

from lockflight.setup.image_templates import naming_of
from lockflight.setup.image_texts import PLACEHOLDER, ImageText, read_image

COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"


def read(text: str, **known: str) -> ImageText:
    found = read_image(text, known)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ghcr.io/acme/cart:1", "ghcr.io/acme/cart"),
        ("acme/cart", "docker.io/acme/cart"),
        ("localhost:5000/cart:x", "localhost:5000/cart"),
        ("${REGISTRY:-ghcr.io/acme}/cart:1", "ghcr.io/acme/cart"),
        ("${SET}/cart:1", "quay.io/us/cart"),
        ("${REGISTRY}/cart:1", f"{PLACEHOLDER}/cart"),
        ("${REGISTRY:?say it}/shop/cart:1", f"{PLACEHOLDER}/shop/cart"),
        ("ghcr.io/${ORGANISATION}/cart", f"{PLACEHOLDER}/cart"),
        ("cart:dev", f"{PLACEHOLDER}/cart"),
    ],
)
def test_the_name_is_read_as_far_as_it_can_be_known(text: str, name: str) -> None:
    assert read(text, SET="quay.io/us").name == name


@pytest.mark.parametrize(
    "text", ["${IMAGE}", "ghcr.io/acme/${NAME}:1", "", "Not An Image", "ghcr.io/acme/${", "a:${b"]
)
def test_a_name_that_variables_hide_is_not_guessed(text: str) -> None:
    assert read_image(text, {}) is None


@pytest.mark.parametrize(
    ("tag", "template"),
    [
        ("${SHA}", "{sha}"),
        ("main-native-${CART_SHA}", "main-native-{sha}"),
        ("main-${GIT_COMMIT:?which}-x", "main-{sha}-x"),
        ("sha-${SHORT_SHA:-latest}", "sha-{sha:7}"),
        (COMMIT, "{sha}"),
        ("sha-7ef65d6", "sha-{sha:7}"),
        (f"main-native-{COMMIT[:12]}", "main-native-{sha:12}"),
        ("latest", None),
        ("1.4.2", None),
        ("20261121", None),
        ("${VERSION}", None),
        ("${TAG:-latest}", None),
        ("deadbeefs", None),
    ],
)
def test_a_tag_with_a_commit_in_it_becomes_a_template(tag: str, template: str | None) -> None:
    found = read(f"ghcr.io/acme/cart:{tag}")
    assert found.tag == template
    assert found.tag_written == tag


def test_a_template_from_a_variable_is_a_guess_and_one_from_a_commit_is_not() -> None:
    assert read("ghcr.io/acme/cart:x-${SHA}").tag_is_guess
    assert not read(f"ghcr.io/acme/cart:{COMMIT}").tag_is_guess


def test_images_that_agree_make_one_template_and_others_keep_their_own() -> None:
    images = {"cart": read("ghcr.io/acme/shop-cart"), "orders": read("ghcr.io/acme/shop-orders")}
    odd = read("quay.io/else/web")
    naming = naming_of([*images.items(), ("web", odd)])
    assert naming.image == "ghcr.io/acme/shop-{service}"
    assert naming.image_of("cart", images["cart"]) is None
    assert naming.image_of("web", odd) == "quay.io/else/web"


def test_a_registry_that_a_person_names_takes_the_place_of_what_is_open() -> None:
    hidden = read("${REGISTRY}/shop/cart:1")
    naming = naming_of([("cart", hidden)], registry="ghcr.io/acme")
    assert naming.image == "ghcr.io/acme/shop/{service}"
    assert not naming.is_placeholder


def test_a_service_whose_registry_is_open_lies_where_the_others_lie() -> None:
    naming = naming_of([("cart", read("ghcr.io/acme/cart")), ("web", read("${R}/web"))])
    assert naming.image_of("web", read("${R}/web")) is None


def test_a_name_inside_another_word_is_no_template() -> None:
    assert naming_of([("a", read("ghcr.io/acme/cart"))]).image == "ghcr.io/acme/{service}"
