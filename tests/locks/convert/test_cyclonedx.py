"""The bill of materials: its shape, and where CycloneDX's own library is installed, its schema."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lockflight.locks.convert.cyclonedx import package_url, render, serial_number
from tests.locks.builders import commit, digest, lock, service

SETTINGS = service(
    "settings", image=None, tag=None, digest=None, platforms={}, media_type=None, repository=None
)
LOCK = lock(
    services={
        "cart": service("cart"),
        "pay": service("pay", repository="git@github.com:acme/pay.git", image="localhost:5000/acme/pay"),
        "settings": SETTINGS,
    }
)


def component(reference: str) -> dict[str, Any]:
    found = {entry["bom-ref"]: entry for entry in json.loads(render(LOCK))["components"]}
    return dict(found[reference])


def test_it_satisfies_the_schema_of_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(render(LOCK)) is None


def test_its_head_is_that_of_cyclonedx_1_6() -> None:
    document = json.loads(render(LOCK))

    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert document["serialNumber"] == serial_number(LOCK.id)
    assert document["metadata"]["timestamp"] == "2026-11-21T08:00:00Z"
    assert document["metadata"]["component"]["name"] == "shop"


def test_a_service_is_a_container_known_by_its_digest() -> None:
    cart = component("service:cart")

    assert (cart["type"], cart["name"], cart["version"]) == ("container", "ghcr.io/acme/cart", "1.4.2")
    assert cart["hashes"] == [{"alg": "SHA-256", "content": digest("cart").removeprefix("sha256:")}]
    assert cart["externalReferences"] == [
        {"type": "vcs", "url": "https://git.example/acme/cart", "comment": f"commit {commit('cart')}"}
    ]


def test_the_package_url_can_be_taken_apart_again() -> None:
    head, _, query = package_url("localhost:5000/Acme/cart".lower(), digest("cart"), "v1+x").partition("?")

    assert head == f"pkg:oci/cart@{digest('cart').replace(':', '%3A')}"
    assert unquote(head).endswith(digest("cart"))
    assert parse_qs(query) == {"repository_url": ["localhost:5000/acme/cart"], "tag": ["v1+x"]}


def test_a_repository_as_git_writes_it_becomes_a_url() -> None:
    assert component("service:pay")["externalReferences"][0]["url"] == "ssh://git@github.com/acme/pay.git"


def test_a_service_that_is_only_configuration_is_data_known_by_its_commit() -> None:
    settings = component("service:settings")

    assert (settings["type"], settings["version"]) == ("data", commit("settings"))
    assert "purl" not in settings
    assert "externalReferences" not in settings


def test_every_component_is_a_dependency_of_the_whole() -> None:
    document = json.loads(render(LOCK))

    references = [entry["bom-ref"] for entry in document["components"]]
    assert len(set(references)) == len(references)
    assert document["dependencies"] == [
        {"ref": document["metadata"]["component"]["bom-ref"], "dependsOn": references}
    ]


def test_another_lock_has_another_serial_number() -> None:
    assert serial_number(lock().id) != serial_number(LOCK.id)
