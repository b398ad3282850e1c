"""The Registry port's contract: the same tests on the fake, and on the real adapter with three registries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.adapters.system_clock import SystemClock
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Content,
    Descriptor,
    Registry,
    RegistryUnavailable,
    WrongContent,
)
from lockflight.testing import images
from lockflight.testing.images import build, build_artifact, build_image, build_index, digest_of, push
from lockflight.testing.registry import FakeRegistry, RegistryServer
from lockflight.testing.registry_store import Repository
from tests.support.registry_process import RealRegistry

RECORD = "application/vnd.lockflight.record.v1+json"
OTHER = "application/vnd.example.other"
NOWHERE = "sha256:" + "0" * 64
_numbers = itertools.count()


@dataclass(frozen=True)
class Subject:
    """A registry under test, the host its images are named by, and how to spoil what lies in it."""

    registry: Registry
    host: str
    # Put other bytes behind a digest of a repository, behind the registry's back.
    spoil: Callable[[ImageReference, str, bytes], None]

    def image(self, tag: str | None = None) -> ImageReference:
        """A place in a repository that no other test uses."""
        return ImageReference(self.host, f"contract/{next(_numbers)}", tag)


@pytest.fixture(params=["fake", "server", "server without referrers", "docker-registry"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with ExitStack() as stack:
        if request.param == "fake":
            fake = FakeRegistry()
            yield Subject(fake, "registry.example", lambda image, *rest: fake.tamper(image.name, *rest))
            return
        client = OciRegistry(clock=SystemClock())
        stack.callback(client.close)
        if request.param == "docker-registry":
            real: RealRegistry = request.getfixturevalue("real_registry")
            yield Subject(client, real.host, lambda _image, *rest: _spoil_file(real, *rest))
            return
        server = stack.enter_context(RegistryServer(referrers_api=request.param == "server"))
        yield Subject(client, server.host, lambda image, *rest: _spoil(server.repository(image.path), *rest))
        assert not server.errors


def _spoil(repository: Repository, digest: str, body: bytes) -> None:
    if digest in repository.manifests:
        repository.manifests[digest] = Content(digest, repository.manifests[digest].media_type, body)
    else:
        repository.blobs[digest] = body


def _spoil_file(real: RealRegistry, digest: str, body: bytes) -> None:
    hexadecimal = digest.removeprefix("sha256:")
    blobs = real.root / "docker/registry/v2/blobs/sha256"
    (blobs / hexadecimal[:2] / hexadecimal / "data").write_bytes(body)


def _places(subject: Subject) -> tuple[ImageReference, ImageReference]:
    image = subject.image("main")
    return image, ImageReference(image.registry, image.path)


KINDS = {
    OCI_MANIFEST: build({"a": "b"}),
    DOCKER_MANIFEST: build({"a": "b"}, docker=True),
    OCI_INDEX: build({"a": "b"}, platforms=("linux/amd64", "linux/arm64/v8"), attestations=True),
    DOCKER_LIST: build_index([build_image({}, docker=True)], docker=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_pushed_is_found_by_tag_and_by_digest(subject: Subject, kind: str) -> None:
    image, bare = _places(subject)
    built = KINDS[kind]
    assert push(subject.registry, image, built) == Descriptor(built.digest, kind, len(built.body))
    for place in (image, bare.with_digest(built.digest), image.with_digest(built.digest)):
        assert subject.registry.resolve(place) == Descriptor(built.digest, kind, len(built.body))
        assert subject.registry.manifest(place) == Content(built.digest, kind, built.body)


def test_an_index_leads_to_its_manifests_and_their_configurations(subject: Subject) -> None:
    image, bare = _places(subject)
    built = build({"revision": "abc"}, platforms=("linux/amd64", "linux/arm64"), attestations=True)
    push(subject.registry, image, built)
    for child in built.children:
        content = subject.registry.manifest(bare.with_digest(child.digest))
        assert content == child.content
        for blob in child.blobs:
            assert subject.registry.blob(image, digest_of(blob)) == blob


def test_what_is_not_there_is_none(subject: Subject) -> None:
    image, bare = _places(subject)
    for place in (image, bare.with_digest(NOWHERE)):
        assert subject.registry.resolve(place) is None
        assert subject.registry.manifest(place) is None
    assert subject.registry.blob(image, NOWHERE) is None
    assert subject.registry.referrers(bare.with_digest(NOWHERE), RECORD) == ()


def test_in_a_repository_that_exists_what_is_not_there_is_none_too(subject: Subject) -> None:
    image, bare = _places(subject)
    push(subject.registry, image, build())
    for place in (bare.with_tag("other"), bare, bare.with_digest(NOWHERE)):
        assert subject.registry.resolve(place) is None
        assert subject.registry.manifest(place) is None
    assert subject.registry.blob(image, NOWHERE) is None
    assert subject.registry.referrers(bare.with_tag("other"), RECORD) == ()


def test_an_image_without_tag_and_digest_means_latest(subject: Subject) -> None:
    _, bare = _places(subject)
    built = build({"latest": "yes"})
    push(subject.registry, bare.with_tag("latest"), built)
    found = subject.registry.resolve(bare)
    assert found is not None
    assert found.digest == built.digest


def test_a_tag_that_moves_is_seen_to_move(subject: Subject) -> None:
    image, bare = _places(subject)
    first, second = build({"build": "1"}), build({"build": "2"})
    for built in (first, second):
        push(subject.registry, image, built)
        found = subject.registry.resolve(image)
        assert found is not None
        assert found.digest == built.digest
    assert subject.registry.manifest(bare.with_digest(first.digest)) == first.content


def test_pushing_the_same_again_changes_nothing(subject: Subject) -> None:
    image, _ = _places(subject)
    built = build({"same": "same"})
    assert push(subject.registry, image, built) == push(subject.registry, image, built)
    assert subject.registry.manifest(image) == built.content


def test_a_blob_says_its_digest_and_size(subject: Subject) -> None:
    image = subject.image()
    for body in (b"", b"{}", b"x" * 100_000):
        stored = subject.registry.push_blob(image, body)
        assert (stored.digest, stored.size) == (digest_of(body), len(body))
        assert subject.registry.blob(image, stored.digest) == body


def test_a_manifest_without_a_tag_is_found_by_its_digest_alone(subject: Subject) -> None:
    _, bare = _places(subject)
    built = build({"untagged": "yes"})
    push(subject.registry, bare, built)
    assert subject.registry.manifest(bare.with_digest(built.digest)) == built.content
    assert subject.registry.resolve(bare) is None


def test_a_manifest_whose_configuration_is_not_there_is_refused(subject: Subject) -> None:
    image, _ = _places(subject)
    built = build({"never": "pushed " + image.path})
    with pytest.raises(RegistryUnavailable, match=image.path):
        subject.registry.push_manifest(image, built.body, built.media_type)
    assert subject.registry.resolve(image) is None


def test_a_manifest_with_a_flipped_bit_is_refused(subject: Subject) -> None:
    image, bare = _places(subject)
    built = build({"where": image.path})
    push(subject.registry, image, built)
    subject.spoil(image, built.digest, built.body.replace(b'"schemaVersion"', b'"schemaVersioN"'))
    # docker-registry itself may notice and call it broken; what it must not be is believed.
    with pytest.raises((WrongContent, RegistryUnavailable)):
        subject.registry.manifest(bare.with_digest(built.digest))


def test_a_blob_with_a_flipped_bit_is_refused(subject: Subject) -> None:
    image = subject.image()
    body = f"config of {image.path}".encode()
    stored = subject.registry.push_blob(image, body)
    subject.spoil(image, stored.digest, body.replace(b"config", b"confih"))
    with pytest.raises(WrongContent, match=stored.digest):
        subject.registry.blob(image, stored.digest)


def test_referrers_are_found_by_type_and_by_subject(subject: Subject) -> None:
    image, bare = _places(subject)
    built, other_image = build({"of": "interest"}), build({"of": "no interest"})
    push(subject.registry, image, built)
    push(subject.registry, bare.with_tag("other"), other_image)
    records = [
        build_artifact(RECORD, f"record {number}".encode(), subject=built.content) for number in range(3)
    ]
    for artifact in records:
        push(subject.registry, bare, artifact)
    push(subject.registry, bare, build_artifact(OTHER, b"other", subject=built.content))
    push(subject.registry, bare, build_artifact(RECORD, b"elsewhere", subject=other_image.content))
    found = subject.registry.referrers(bare.with_digest(built.digest), RECORD)
    assert [one.digest for one in found] == [artifact.digest for artifact in records]
    assert {(one.artifact_type, one.media_type) for one in found} == {(RECORD, OCI_MANIFEST)}
    assert [one.size for one in found] == [len(artifact.body) for artifact in records]
    assert subject.registry.referrers(image, RECORD) == found


def test_a_referrer_brings_its_annotations_and_the_oldest_comes_first(subject: Subject) -> None:
    image, bare = _places(subject)
    built = build({"aged": "yes"})
    push(subject.registry, image, built)
    created = "org.opencontainers.image.created"
    for moment in ("2026-11-21T08:00:00Z", "2026-11-20T08:00:00Z"):
        annotations = {created: moment}
        artifact = build_artifact(RECORD, moment.encode(), subject=built.content, annotations=annotations)
        push(subject.registry, bare, artifact)
    found = subject.registry.referrers(bare.with_digest(built.digest), RECORD)
    assert [one.annotations for one in found] == [
        {created: "2026-11-20T08:00:00Z"},
        {created: "2026-11-21T08:00:00Z"},
    ]


def test_pushing_a_referrer_again_lists_it_once(subject: Subject) -> None:
    image, bare = _places(subject)
    built = build({"listed": "once"})
    push(subject.registry, image, built)
    artifact = build_artifact(RECORD, b"record", subject=built.content)
    for _ in range(3):
        push(subject.registry, bare, artifact)
    assert len(subject.registry.referrers(bare.with_digest(built.digest), RECORD)) == 1


def test_an_artefact_without_a_type_of_its_own_has_that_of_its_configuration(subject: Subject) -> None:
    image, bare = _places(subject)
    built = build({"typed": "by configuration"})
    push(subject.registry, image, built)
    artifact = images.with_body(
        build_artifact(RECORD, b"record", subject=built.content), {"artifactType": None}
    )
    push(subject.registry, bare, artifact)
    found = subject.registry.referrers(bare.with_digest(built.digest), images.EMPTY_TYPE)
    assert [one.digest for one in found] == [artifact.digest]


def test_a_referrer_may_come_before_what_it_speaks_of(subject: Subject) -> None:
    _, bare = _places(subject)
    built = build({"comes": "later"})
    push(subject.registry, bare, build_artifact(RECORD, b"early", subject=built.content))
    assert len(subject.registry.referrers(bare.with_digest(built.digest), RECORD)) == 1


def test_names_of_every_shape_work(subject: Subject) -> None:
    for path in ("one", "two/parts", "a/b/c/d", "with.dots/and_under__scores/and--dashes"):
        image = parse_reference(f"{subject.host}/{path}:v1.2_3-x")
        push(subject.registry, image, build({"path": path}))
        assert subject.registry.resolve(image) is not None
