"""Records lie beside their image in the registry, found by its digest; nothing foreign is believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lockflight.builds.file import record_text
from lockflight.builds.model import ApiSpec, Found, Record
from lockflight.builds.shelf import ARTIFACT_TYPE, disagreements, find_records, push_record
from lockflight.errors import InputError, Refused
from lockflight.names import ImageReference, parse_reference
from lockflight.testing.images import build_artifact
from lockflight.testing.registry import FakeRegistry
from tests.builds.raw import put_raw

CART = parse_reference("registry.example/acme/cart")
COMMIT = "7ef65d6449fb9e0f573eee46308e04d66912638e"
BUILT = datetime(2026, 11, 20, 17, 12, 9, tzinfo=UTC)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def image(registry: FakeRegistry) -> ImageReference:
    return CART.with_digest(registry.add_image(CART.name, "main"))


def record_of(image: ImageReference, **fields: Any) -> Record:
    return Record(service="cart", commit=COMMIT, image=image.name, digest=image.digest, built=BUILT, **fields)


def put_beside(registry: FakeRegistry, image: ImageReference, body: bytes, **changes: Any) -> str:
    """An artefact of our type beside the image, with anything in it."""
    subject = registry.manifest(image)
    artefact = build_artifact(ARTIFACT_TYPE, body, subject=subject)
    for blob in artefact.blobs:
        registry.push_blob(image, blob)
    return put_raw(registry, image.name, {**json.loads(artefact.body), **changes})


def test_a_record_is_found_by_the_digest_of_its_image(registry: FakeRegistry, image: ImageReference) -> None:
    record = record_of(image, tag="main", version="1.4.2")
    pushed = push_record(registry, record)
    shelf = find_records(registry, image)
    assert [(one.record, one.origin) for one in shelf.records] == [
        (record, f"record registry:{pushed.digest}")
    ]
    assert shelf.findings == ()


def test_the_same_record_again_stores_nothing_new(registry: FakeRegistry, image: ImageReference) -> None:
    first = push_record(registry, record_of(image))
    repository = registry.repository(CART.name)
    stored = {*repository.manifests, *repository.blobs}
    second = push_record(registry, record_of(image))
    assert first.digest == second.digest
    assert {*repository.manifests, *repository.blobs} == stored
    assert len(find_records(registry, image).records) == 1


def test_a_record_s_artefact_says_what_it_is(registry: FakeRegistry, image: ImageReference) -> None:
    pushed = push_record(registry, record_of(image))
    content = registry.manifest(CART.with_digest(pushed.digest))
    assert content is not None
    manifest = json.loads(content.body)
    subject = registry.manifest(image)
    assert subject is not None
    assert manifest["artifactType"] == ARTIFACT_TYPE
    assert manifest["subject"] == {
        "mediaType": subject.media_type,
        "digest": image.digest,
        "size": len(subject.body),
    }
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": "2026-11-20T17:12:09Z",
        "org.opencontainers.image.revision": COMMIT,
    }
    assert manifest["layers"][0]["size"] == len(record_text(record_of(image)).encode())


def test_an_image_that_the_registry_does_not_have_gets_no_record(registry: FakeRegistry) -> None:
    with pytest.raises(Refused, match=r"the registry has no registry\.example/acme/cart@sha256:00"):
        push_record(registry, record_of(CART.with_digest(f"sha256:{'0' * 64}")))


def test_a_record_without_a_digest_cannot_be_stored(registry: FakeRegistry) -> None:
    with pytest.raises(InputError, match="says no image and digest"):
        push_record(registry, Record(service="cart", commit=COMMIT, image=CART.name))


def test_an_image_without_records_has_none(registry: FakeRegistry, image: ImageReference) -> None:
    shelf = find_records(registry, image)
    assert (shelf.records, shelf.findings) == ((), ())


def test_two_records_of_one_image_are_both_found(registry: FakeRegistry, image: ImageReference) -> None:
    push_record(registry, record_of(image))
    push_record(registry, record_of(image, version="1.4.2"))
    assert {one.record.version for one in find_records(registry, image).records} == {None, "1.4.2"}


def test_artefacts_of_others_are_passed_over(registry: FakeRegistry, image: ImageReference) -> None:
    put_beside(registry, image, b"{}", artifactType="application/vnd.dev.cosign.artifact.sig.v1+json")
    shelf = find_records(registry, image)
    assert (shelf.records, shelf.findings) == ((), ())


@pytest.mark.parametrize(
    "changes", [{"digest": f"sha256:{'0' * 64}"}, {"image": "registry.example/acme/web"}, {"digest": None}]
)
def test_a_record_of_another_image_is_not_believed(
    registry: FakeRegistry, image: ImageReference, changes: dict[str, Any]
) -> None:
    stranger = record_of(image).model_copy(update=changes)
    put_beside(registry, image, record_text(stranger).encode())
    shelf = find_records(registry, image)
    assert shelf.records == ()
    assert [one.code for one in shelf.findings] == ["record-of-another-image"]


def test_records_that_were_copied_along_with_their_image_are_believed(
    registry: FakeRegistry, image: ImageReference
) -> None:
    original = record_of(image).model_copy(update={"image": "ghcr.io/acme/cart"})
    put_beside(registry, image, record_text(original).encode())
    (one,) = find_records(registry, image).records
    assert one.record.image == "registry.example/acme/cart"


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (b"{", {}),
        (b"\xff", {}),
        (b"[]", {}),
        (b'{"lockflight_record": 2}', {}),
        (b'{"lockflight_record": 1, "commit": "abc"}', {}),
        (b"{}", {"layers": 1}),
        (b"{}", {"layers": []}),
        (b"{}", {"layers": [{"mediaType": ARTIFACT_TYPE, "digest": "../../etc/passwd"}]}),
        (b"{}", {"layers": [{"mediaType": ARTIFACT_TYPE, "digest": f"sha256:{'0' * 64}"}]}),
    ],
)
def test_an_unreadable_record_is_a_finding(
    registry: FakeRegistry, image: ImageReference, body: bytes, changes: dict[str, Any]
) -> None:
    artefact = put_beside(registry, image, body, **changes)
    shelf = find_records(registry, image)
    assert shelf.records == ()
    (finding,) = shelf.findings
    assert finding.code == "unreadable-record"
    assert artefact in finding.message


ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def said(origin: str, **fields: Any) -> Found:
    image = CART.with_digest(ONE)
    return Found(record_of(image).model_copy(update=fields), origin)


@pytest.mark.parametrize(
    ("field", "one", "other", "shown"),
    [
        ("api", ApiSpec(path="a.yaml", digest=ONE), ApiSpec(path="a.yaml", digest=OTHER), (ONE, OTHER)),
        ("platforms", {"linux/amd64": ONE}, {"linux/amd64": OTHER}, (ONE, OTHER)),
    ],
)
def test_records_that_disagree_about_what_is_locked_are_told(
    field: str, one: Any, other: Any, shown: tuple[str, str]
) -> None:
    (finding,) = disagreements([said("record a", **{field: one}), said("record b", **{field: other})])
    assert (finding.code, finding.note) == ("records-disagree", False)
    for word in ("record a", "record b", *shown):
        assert word in finding.message


def test_records_that_disagree_about_version_or_time_are_only_noted() -> None:
    later = BUILT.replace(hour=23)
    found = disagreements([said("a", version="1", built=BUILT), said("b", version="2", built=later)])
    assert [(one.code, one.note) for one in found] == [("records-disagree", True)] * 2


@pytest.mark.parametrize(
    "fields", [{}, {"api": None}, {"commit": "b" * 40, "version": "2"}, {"platforms": {"linux/arm64": OTHER}}]
)
def test_records_that_only_say_less_or_are_of_another_commit_disagree_in_nothing(
    fields: dict[str, Any],
) -> None:
    whole = said("a", version="1", api=ApiSpec(path="a", digest=ONE), platforms={"linux/amd64": ONE})
    other = Found(whole.record.model_copy(update=fields), "b")
    assert disagreements([whole, other]) == ()
