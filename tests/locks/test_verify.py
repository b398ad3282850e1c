"""A lock held against its registries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockflight.builds.labels import REVISION
from lockflight.findings import refusals
from lockflight.locks.file import seal
from lockflight.locks.model import Lock, LockContent, LockedImage, LockedService
from lockflight.locks.verify import verify
from lockflight.names import parse_reference
from lockflight.ports.registry import RegistryUnavailable
from lockflight.progress import Silent
from lockflight.testing.registry import FakeRegistry

from . import builders

CART = builders.commit("cart")
NAME = "ghcr.io/acme/cart"


@pytest.fixture
def registry() -> FakeRegistry:
    fake = FakeRegistry()
    fake.add_image(NAME, CART, labels={REVISION: CART}, platforms=("linux/amd64", "linux/arm64"))
    fake.add_image("docker.io/library/postgres", "16-alpine")
    return fake


def locked(registry: FakeRegistry) -> Lock:
    """A lock of exactly what the registry has now."""
    digest = registry.repository(NAME).tags[CART]
    index = registry.repository(NAME).manifests[digest]
    import json

    platforms = {
        f"{entry['platform']['os']}/{entry['platform']['architecture']}": entry["digest"]
        for entry in json.loads(index.body)["manifests"]
    }
    postgres = registry.repository("docker.io/library/postgres").tags["16-alpine"]
    return seal(
        LockContent(
            project="shop", created=datetime(2026, 11, 21, tzinfo=UTC), generator="test",
            services={
                "cart": LockedService(commit=CART, image=NAME, tag=CART, digest=digest, platforms=platforms),
                "settings": LockedService(commit=builders.commit("settings")),
            },
            images={"db": LockedImage(image="docker.io/library/postgres", tag="16-alpine", digest=postgres)},
        )
    )  # fmt: skip


def found(lock: Lock, registry: FakeRegistry) -> list[tuple[str, str]]:
    return sorted((f.code, f.subject) for f in refusals(verify(lock, registry, Silent()).findings))


def test_a_lock_of_what_is_there_is_proven(registry: FakeRegistry) -> None:
    checked = verify(locked(registry), registry, Silent())
    assert (checked.findings, checked.failures, checked.images) == ((), (), 2)


def test_a_moved_tag_is_told_with_both_digests(registry: FakeRegistry) -> None:
    lock = locked(registry)
    other = registry.add_image(NAME, CART, labels={REVISION: CART, "newer": "yes"})
    (finding,) = verify(lock, registry, Silent()).findings
    assert (finding.code, finding.expected, finding.found) == (
        "tag-moved",
        lock.services["cart"].digest,
        other,
    )


def test_a_digest_that_a_clean_up_removed_is_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.delete(NAME, str(lock.services["cart"].digest))
    assert found(lock, registry) == [("digest-missing", "cart"), ("tag-missing", "cart")]


def test_a_third_party_digest_that_is_gone_is_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.delete("docker.io/library/postgres", lock.images["db"].digest)
    assert found(lock, registry) == [("digest-missing", "db")]


def test_a_third_party_tag_may_move_on(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.add_image("docker.io/library/postgres", "16-alpine", labels={"newer": "yes"})
    assert found(lock, registry) == []


def test_a_platform_image_that_a_clean_up_removed_is_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.delete(NAME, lock.services["cart"].platforms["linux/arm64"])
    assert ("incomplete-image", "cart") in found(lock, registry)


def test_a_label_that_names_another_commit_is_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    service = lock.services["cart"].model_copy(update={"commit": "f" * 40})
    assert found(lock.model_copy(update={"services": {"cart": service}}), registry) == [
        ("revision-mismatch", "cart")
    ]


def test_platforms_that_are_not_those_of_the_index_are_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    service = lock.services["cart"].model_copy(
        update={"platforms": {"linux/amd64": builders.digest("other")}}
    )
    assert found(lock.model_copy(update={"services": {"cart": service}}), registry) == [
        ("incomplete-image", "cart"),
        ("platform-mismatch", "cart"),
        ("platform-mismatch", "cart"),
    ]


def test_bytes_that_are_not_those_of_the_digest_are_named(registry: FakeRegistry) -> None:
    lock = locked(registry)
    del registry.repository(NAME).tags[CART]
    registry.tamper(NAME, str(lock.services["cart"].digest), b"{}")
    assert ("wrong-content", "cart") in found(lock, registry)


def test_a_registry_that_is_down_is_a_failure_and_no_finding(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io does not answer")
    checked = verify(lock, registry, Silent())
    assert (checked.findings, [str(failure) for failure in checked.failures]) == (
        (),
        ["ghcr.io does not answer"],
    )


def test_a_proof_asks_as_little_as_it_can(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.asked.clear()
    verify(lock, registry, Silent())
    resolved = [question for question in registry.asked if question.startswith("resolve")]
    assert sorted(resolved) == sorted(
        [
            f"resolve {parse_reference(NAME)}:{CART}",
            f"resolve docker.io/library/postgres@{lock.images['db'].digest}",
            # One for each platform: the index alone runs nowhere.
            *(f"resolve {NAME}@{digest}" for digest in lock.services["cart"].platforms.values()),
        ]
    )


def test_what_is_gone_is_told_with_both_values(registry: FakeRegistry) -> None:
    lock = locked(registry)
    registry.delete(NAME, str(lock.services["cart"].digest))
    told = {f.code: (f.expected, f.found) for f in verify(lock, registry, Silent()).findings}
    assert told["digest-missing"] == (lock.services["cart"].digest, "nothing")
    assert told["tag-missing"] == (lock.services["cart"].tag, "nothing")
