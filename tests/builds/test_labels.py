"""What an image says about itself: every platform's labels, and nothing that an attestation says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lockflight.builds.labels import (
    NO_PLATFORM,
    ImageFacts,
    inspect,
    labelled,
    normal_platform,
    platform_name,
)
from lockflight.names import parse_reference
from lockflight.ports.registry import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from lockflight.testing.images import build_image, build_index
from lockflight.testing.registry import FakeRegistry
from tests.builds.raw import put_raw

CART = "registry.example/acme/cart"
TAGGED = parse_reference(f"{CART}:main")
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


def facts_of(registry: FakeRegistry) -> ImageFacts:
    """What is behind the tag."""
    facts = inspect(registry, TAGGED)
    assert facts is not None
    return facts


def test_an_image_that_is_not_there_has_no_facts(registry: FakeRegistry) -> None:
    assert inspect(registry, TAGGED) is None


def test_a_single_manifest_has_the_platform_of_its_configuration(registry: FakeRegistry) -> None:
    digest = registry.add_image(CART, "main", labels=LABELS, platforms=["linux/arm/v7"])
    facts = facts_of(registry)
    assert (facts.digest, facts.media_type) == (digest, OCI_MANIFEST)
    assert facts.platforms == {"linux/arm/v7": digest}
    assert facts.revisions == {"linux/arm/v7": A}


@pytest.mark.parametrize(("docker", "media_type"), [(False, OCI_INDEX), (True, DOCKER_LIST)])
def test_an_index_has_the_revision_of_every_platform_and_no_attestation(
    registry: FakeRegistry, docker: bool, media_type: str
) -> None:
    platforms = ["linux/arm64", "linux/amd64"]
    digest = registry.add_image(
        CART, "main", labels=LABELS, platforms=platforms, attestations=True, docker=docker
    )
    facts = inspect(registry, TAGGED.with_digest(digest))
    assert facts is not None
    assert (facts.digest, facts.media_type) == (digest, media_type)
    assert list(facts.platforms) == ["linux/amd64", "linux/arm64"]
    assert all(registry.manifest(TAGGED.with_digest(child)) for child in facts.platforms.values())
    assert facts.revisions == {"linux/amd64": A, "linux/arm64": A}
    assert facts.findings == ()


@pytest.mark.parametrize(
    "listed",
    [
        {"platform": {"os": "unknown", "architecture": "unknown"}},
        {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ],
)
def test_either_sign_of_an_attestation_is_enough(registry: FakeRegistry, listed: dict[str, Any]) -> None:
    child = registry.add_image(CART, labels=LABELS)
    other = registry.add_image(CART, labels={f"{PREFIX}revision": B})
    image = {"digest": child, "platform": {"os": "linux", "architecture": "amd64"}}
    entries = [{"digest": other, **listed}, image]
    put_raw(registry, CART, {"manifests": entries}, tag="main")
    facts = facts_of(registry)
    assert facts.platforms == {"linux/amd64": child}
    assert facts.revisions == {"linux/amd64": A}


def test_the_index_of_one_platform_with_attestations_is_what_is_deployed(registry: FakeRegistry) -> None:
    digest = registry.add_image(CART, "main", labels=LABELS, attestations=True)
    facts = facts_of(registry)
    assert (facts.digest, facts.media_type) == (digest, OCI_INDEX)
    assert facts.platforms["linux/amd64"] != digest


def test_revisions_that_differ_are_all_given(registry: FakeRegistry) -> None:
    registry.add_image(
        CART,
        "main",
        platforms=["linux/amd64", "linux/arm64", "linux/s390x"],
        platform_labels={
            "linux/amd64": {f"{PREFIX}revision": A},
            "linux/arm64": {f"{PREFIX}revision": B},
        },
    )
    facts = facts_of(registry)
    assert facts.revisions == {"linux/amd64": A, "linux/arm64": B, "linux/s390x": None}
    found, findings = labelled(facts, TAGGED)
    assert found.record.commit is None
    assert [(one.code, one.note) for one in findings] == [("labels-disagree", False)]
    assert A in findings[0].message
    assert B in findings[0].message


def test_annotations_stand_in_for_labels_that_are_missing(registry: FakeRegistry) -> None:
    child = build_image({f"{PREFIX}version": "1.0"}, annotations={f"{PREFIX}version": "no"})
    registry.add(CART, build_index([child], annotations={f"{PREFIX}revision": A}), "main")
    facts = facts_of(registry)
    assert facts.revisions == {"linux/amd64": A}
    assert facts.values("version") == {"linux/amd64": "1.0"}


def test_a_record_is_made_of_well_formed_labels(registry: FakeRegistry) -> None:
    digest = registry.add_image(CART, "main", labels=LABELS)
    found, findings = labelled(facts_of(registry), TAGGED)
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
    digest = registry.add_image(CART, "main", labels={**LABELS, f"{PREFIX}{label}": value})
    found, (finding,) = labelled(facts_of(registry), TAGGED)
    assert (finding.code, finding.found, finding.note) == ("malformed-label", value, not refuses)
    assert found.record.digest == digest


def test_a_platform_that_the_registry_lost_is_a_finding(registry: FakeRegistry) -> None:
    registry.add_image(CART, "main", labels=LABELS, platforms=["linux/amd64", "linux/arm64"])
    lost = facts_of(registry).platforms["linux/arm64"]
    registry.delete(CART, lost)
    facts = facts_of(registry)
    assert [(one.code, one.found) for one in facts.findings] == [("incomplete-image", lost)]
    assert facts.platforms["linux/arm64"] == lost
    assert facts.revisions == {"linux/amd64": A}


def test_a_configuration_that_the_registry_lost_is_a_finding(registry: FakeRegistry) -> None:
    registry.add_image(CART, "main", labels=LABELS)
    registry.repository(CART).blobs.clear()
    assert [one.code for one in facts_of(registry).findings] == ["incomplete-image"]


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        "text",
        {},
        {"config": 1},
        {"config": {"digest": "sha256:12"}},
        {"manifests": 1},
        {"manifests": [1, {}, {"digest": "sha256:12"}]},
    ],
)
def test_a_manifest_that_is_none_never_crashes(registry: FakeRegistry, manifest: Any) -> None:
    put_raw(registry, CART, manifest, tag="main")
    assert facts_of(registry).platforms == {}


@pytest.mark.parametrize(
    "config",
    [[], {}, {"os": 1}, {"config": 1}, {"config": {"Labels": [1]}}, {"config": {"Labels": {"a": 1}}}],
)
def test_a_configuration_that_is_none_never_crashes(registry: FakeRegistry, config: Any) -> None:
    digest = registry.repository(CART).put_blob(json.dumps(config).encode())
    put_raw(registry, CART, {"config": {"digest": digest}}, tag="main")
    assert facts_of(registry).labels == {NO_PLATFORM: {}}


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/amd64", "linux/amd64"),
        ("linux", "linux"),
        ("", ""),
    ],
)
def test_a_platform_that_a_person_wrote_gets_the_same_name(text: str, expected: str) -> None:
    assert normal_platform(text) == expected


@pytest.mark.parametrize(
    ("value", "what"),
    [("0cccb2c220c3", "is shortened"), ("main", "is no commit"), (A[:-1] + "G", "is no commit")],
)
def test_a_malformed_revision_contradicts_nothing_and_says_how_to_set_it(
    registry: FakeRegistry, value: str, what: str
) -> None:
    registry.add_image(CART, "main", labels={**LABELS, f"{PREFIX}revision": value})
    facts = facts_of(registry)
    _, (finding,) = labelled(facts, TAGGED)
    assert finding.message.endswith(what)
    assert finding.hint is not None
    assert "$(git rev-parse HEAD)" in finding.hint
    assert facts.wellformed_revisions == {}


def test_only_full_commits_are_wellformed_revisions(registry: FakeRegistry) -> None:
    registry.add_image(
        CART,
        "main",
        platforms=["linux/amd64", "linux/arm64"],
        platform_labels={
            "linux/amd64": {f"{PREFIX}revision": A},
            "linux/arm64": {f"{PREFIX}revision": "main"},
        },
    )
    assert facts_of(registry).wellformed_revisions == {"linux/amd64": A}


def test_an_index_within_an_index_is_called_so(registry: FakeRegistry) -> None:
    inner = put_raw(registry, CART, {"manifests": []})
    entry = {"digest": inner, "platform": {"os": "linux", "architecture": "amd64"}}
    put_raw(registry, CART, {"manifests": [entry]}, tag="main")
    (finding,) = facts_of(registry).findings
    assert (finding.code, finding.found) == ("unreadable-image", inner)
    assert "an index within its index" in finding.message
    assert finding.hint
