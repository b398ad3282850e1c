"""What an image says about itself: every platform's labels, and nothing that an attestation says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from lockflight.testing.registry import FakeRegistry

from lockflight.builds.labels import NO_PLATFORM, inspect, labelled, platform_name
from lockflight.names import parse_reference
from lockflight.ports.registry import OCI_INDEX, OCI_MANIFEST
from tests.builds.images import push_image, push_index, push_manifest

CART = parse_reference("registry.example/acme/cart")
TAGGED = CART.with_tag("main")
A, B = "a" * 40, "b" * 40
PREFIX = "org.opencontainers.image."
LABELS = {
    f"{PREFIX}revision": A,
    f"{PREFIX}version": "1.4.2",
    f"{PREFIX}created": "2026-11-20T17:12:09.5Z",
    f"{PREFIX}source": "https://token@github.com/acme/cart",
}


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_an_image_that_is_not_there_has_no_facts(registry: FakeRegistry) -> None:
    assert inspect(registry, TAGGED) is None


def test_a_single_manifest_has_the_platform_of_its_configuration(registry: FakeRegistry) -> None:
    digest = push_image(registry, TAGGED, LABELS, platform="linux/arm/v7")
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert (facts.digest, facts.media_type) == (digest, OCI_MANIFEST)
    assert facts.platforms == {"linux/arm/v7": digest}
    assert facts.revisions == {"linux/arm/v7": A}


def test_an_index_has_the_revision_of_every_platform_and_no_attestation(registry: FakeRegistry) -> None:
    children = {
        name: push_image(registry, CART, LABELS, platform=name) for name in ("linux/arm64", "linux/amd64")
    }
    attestation = push_manifest(registry, CART, {"layers": []})
    digest = push_index(registry, TAGGED, children, attestations=(attestation,))
    facts = inspect(registry, CART.with_digest(digest))
    assert facts is not None
    assert (facts.digest, facts.media_type) == (digest, OCI_INDEX)
    assert facts.platforms == children
    assert list(facts.platforms) == ["linux/amd64", "linux/arm64"]
    assert facts.revisions == {"linux/amd64": A, "linux/arm64": A}
    assert facts.findings == ()


def test_revisions_that_differ_are_all_given(registry: FakeRegistry) -> None:
    children = {
        name: push_image(registry, CART, {f"{PREFIX}revision": revision} if revision else None, platform=name)
        for name, revision in {"linux/amd64": A, "linux/arm64": B, "linux/s390x": None}.items()
    }
    push_index(registry, TAGGED, children)
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert facts.revisions == {"linux/amd64": A, "linux/arm64": B, "linux/s390x": None}
    found, findings = labelled(facts, TAGGED)
    assert found.record.commit is None
    assert [(one.code, one.note) for one in findings] == [("labels-disagree", False)]
    assert A in findings[0].message
    assert B in findings[0].message


def test_annotations_stand_in_for_labels_that_are_missing(registry: FakeRegistry) -> None:
    child = push_image(registry, CART, {f"{PREFIX}version": "1.0"}, annotations={f"{PREFIX}version": "no"})
    push_index(registry, TAGGED, {"linux/amd64": child}, annotations={f"{PREFIX}revision": A})
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert facts.revisions == {"linux/amd64": A}
    assert facts.values("version") == {"linux/amd64": "1.0"}


def test_a_record_is_made_of_well_formed_labels(registry: FakeRegistry) -> None:
    digest = push_image(registry, TAGGED, LABELS)
    facts = inspect(registry, TAGGED)
    assert facts is not None
    found, findings = labelled(facts, TAGGED)
    assert findings == ()
    assert found.origin == "label"
    assert found.record.model_dump(exclude_none=True) == {
        "image": "registry.example/acme/cart",
        "tag": "main",
        "digest": digest,
        "media_type": OCI_MANIFEST,
        "platforms": {"linux/amd64": digest},
        "commit": A,
        "version": "1.4.2",
        "built": "2026-11-20T17:12:09Z",
        "repository": "https://github.com/acme/cart",
    }
    assert found.record.built == datetime(2026, 11, 20, 17, 12, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("label", "value", "refuses"),
    [
        ("revision", "7ef65d6", True),
        ("revision", "main", True),
        ("created", "yesterday", False),
        ("created", "2026-11-20T17:12:09", False),
        ("version", "1\n2", False),
    ],
)
def test_a_malformed_label_is_a_finding(
    registry: FakeRegistry, label: str, value: str, refuses: bool
) -> None:
    push_image(registry, TAGGED, {**LABELS, f"{PREFIX}{label}": value})
    facts = inspect(registry, TAGGED)
    assert facts is not None
    found, (finding,) = labelled(facts, TAGGED)
    assert (finding.code, finding.found, finding.note) == ("malformed-label", value, not refuses)
    assert found.record.digest == facts.digest


def test_a_platform_that_the_registry_lost_is_a_finding(registry: FakeRegistry) -> None:
    lost = f"sha256:{'0' * 64}"
    child = push_image(registry, CART, LABELS)
    push_index(registry, TAGGED, {"linux/amd64": child, "linux/arm64": lost})
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert [(one.code, one.found) for one in facts.findings] == [("incomplete-image", lost)]
    assert facts.platforms["linux/arm64"] == lost
    assert facts.revisions == {"linux/amd64": A}


def test_a_configuration_that_the_registry_lost_is_a_finding(registry: FakeRegistry) -> None:
    push_manifest(registry, TAGGED, {"config": {"digest": f"sha256:{'0' * 64}"}})
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert [one.code for one in facts.findings] == ["incomplete-image"]


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        "text",
        {},
        {"config": 1},
        {"config": {"digest": "sha256:12"}},
        {"manifests": 1},
        {"manifests": [1, {}]},
    ],
)
def test_a_manifest_that_is_none_never_crashes(registry: FakeRegistry, manifest: Any) -> None:
    push_manifest(registry, TAGGED, manifest)
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert facts.platforms == {}


@pytest.mark.parametrize(
    "config",
    [[], {}, {"os": 1}, {"config": 1}, {"config": {"Labels": [1]}}, {"config": {"Labels": {"a": 1}}}],
)
def test_a_configuration_that_is_none_never_crashes(registry: FakeRegistry, config: Any) -> None:
    blob = registry.push_blob(CART, str(config).replace("'", '"').encode())
    push_manifest(registry, TAGGED, {"config": {"digest": blob.digest}})
    facts = inspect(registry, TAGGED)
    assert facts is not None
    assert facts.labels == {NO_PLATFORM: {}}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("linux", "amd64", ""), "linux/amd64"),
        (("linux", "arm64", "v8"), "linux/arm64"),
        (("linux", "arm", "7"), "linux/arm/v7"),
        (("linux", "arm", "v6"), "linux/arm/v6"),
        (("unknown", "unknown", ""), None),
        (("linux", "", ""), None),
        (("Linux OS", "amd64", ""), None),
    ],
)
def test_platforms_have_one_name_each(words: tuple[str, str, str], expected: str | None) -> None:
    assert platform_name(*words) == expected
