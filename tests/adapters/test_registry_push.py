"""Pushing through everything that can go wrong, and the list of referrers that clients keep themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import OCI_INDEX, OCI_MANIFEST, RegistryUnavailable, WrongContent
from lockflight.testing import faults
from lockflight.testing.clock import FakeClock
from lockflight.testing.faults import Fault, Reply
from lockflight.testing.images import build, build_artifact, digest_of, push
from lockflight.testing.registry import RegistryServer
from lockflight.testing.registry_auth import Door
from tests.adapters.test_registry_misbehaviour import BUILT, PATH, put
from tests.conftest import OpenRegistry
from tests.support.docker_config import write_config

RECORD = "application/vnd.lockflight.record.v1+json"
ARTIFACT = build_artifact(RECORD, b"record", subject=BUILT.content)
OTHER = build_artifact(RECORD, b"record of somebody else", subject=BUILT.content)
LIST_TAG = BUILT.digest.replace(":", "-")
BODY = b"a blob"


@pytest.fixture
def old_server() -> Iterator[RegistryServer]:
    """A registry without a referrers API."""
    with RegistryServer(referrers_api=False) as server:
        put(server)
        yield server
    assert not server.errors


def repository_of(server: RegistryServer) -> ImageReference:
    return parse_reference(f"{server.host}/{PATH}")


PASSING: list[tuple[str, Fault]] = [
    ("HEAD", faults.status(503)),
    ("POST", faults.status(503)),
    ("POST", faults.drop()),
    ("PUT", faults.status(500)),
    ("PUT", faults.status(429)),
    ("PUT", faults.drop()),
]


@pytest.mark.parametrize(("method", "fault"), PASSING)
def test_an_upload_that_broke_is_made_again_from_its_beginning(
    method: str, fault: Fault, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    registry_server.faults.answer_next(fault, method=method, path="/blobs/")
    stored = open_registry().push_blob(repository_of(registry_server), BODY)
    assert registry_server.repository(PATH).blobs == {stored.digest: BODY}
    assert len(clock.slept) == 1


def test_a_blob_that_is_there_is_not_sent_again(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    for _ in range(3):
        client.push_blob(repository_of(registry_server), BODY)
    assert [one.method for one in registry_server.requests].count("PUT") == 1


def test_an_upload_whose_answer_was_lost_is_not_sent_again(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    registry_server.faults.answer_next(faults.drop(), method="PUT")
    open_registry().push_blob(repository_of(registry_server), BODY)
    assert [one.method for one in registry_server.requests].count("PUT") == 1


@pytest.mark.parametrize("is_absolute", [False, True])
def test_an_upload_goes_on_at_the_place_that_the_registry_names(
    is_absolute: bool, open_registry: OpenRegistry
) -> None:
    with RegistryServer(absolute_locations=is_absolute) as server:
        open_registry().push_blob(repository_of(server), BODY)
        (sent,) = (one for one in server.requests if one.method == "PUT")
    assert (sent.value("_state"), sent.value("digest")) == ("abc", digest_of(BODY))


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_an_upload_at_another_host_goes_without_credentials(
    kind: Any, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    door = Door({"ada": "marked-password"}, kind)
    with RegistryServer(door=door) as guarded, RegistryServer() as elsewhere:
        away = Reply(202, {"Location": f"{elsewhere.url}/v2/{PATH}/blobs/uploads/one?_state=abc"})
        guarded.faults.answer_next(faults.instead(away), times=None, method="POST")
        credentials = write_config(tmp_path, {guarded.host: ("ada", "marked-password")})
        open_registry(credentials=credentials).push_blob(repository_of(guarded), BODY)
        assert elsewhere.repository(PATH).blobs == {digest_of(BODY): BODY}
        assert {one.authorization for one in elsewhere.requests} == {None}
        begun = [one for one in guarded.requests if one.method == "POST" and one.path != "/token"]
        assert begun[-1].authorization is not None


@pytest.mark.parametrize(
    ("method", "reply", "message"),
    [
        ("POST", Reply(404), "answered 404"),
        ("POST", Reply(405), "answered 405"),
        ("POST", Reply(202), "in a circle|points to|answered"),
        ("POST", Reply(202, {"Location": "ftp://x/"}), "points to an address that is none"),
        ("PUT", Reply(400), "answered 400"),
        ("PUT", Reply(413), "answered 413"),
    ],
)
def test_a_registry_that_takes_no_blob_is_told(
    method: str, reply: Reply, message: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    registry_server.faults.answer_next(faults.instead(reply), times=None, method=method)
    with pytest.raises(RegistryUnavailable, match=message):
        open_registry().push_blob(repository_of(registry_server), BODY)


def test_a_registry_that_stored_something_else_is_not_believed(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry()
    registry_server.faults.answer_next(faults.other_digest(), times=2, method="PUT")
    with pytest.raises(WrongContent, match=faults.WRONG_DIGEST):
        client.push_manifest(image, BUILT.body, BUILT.media_type)
    with pytest.raises(WrongContent, match=faults.WRONG_DIGEST):
        client.push_blob(image, BODY)


@pytest.mark.parametrize("fault", [faults.status(503), faults.drop()])
def test_a_manifest_is_pushed_again_when_the_answer_was_lost(
    fault: Fault, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(fault, method="PUT", path="/manifests/")
    stored = open_registry().push_manifest(image, BUILT.body, BUILT.media_type)
    assert stored.digest == BUILT.digest


def test_a_manifest_with_missing_parts_is_told_with_a_hint(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = repository_of(registry_server).with_tag("main")
    with pytest.raises(RegistryUnavailable, match=r"answered 400 .*\(MANIFEST_BLOB_UNKNOWN\)") as caught:
        open_registry().push_manifest(image, BUILT.body, BUILT.media_type)
    assert "everything that the manifest names" in (caught.value.problems[0].hint or "")


def test_where_the_registry_lists_referrers_no_tag_is_made(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    put(registry_server)
    client = open_registry()
    push(client, repository_of(registry_server), ARTIFACT)
    assert set(registry_server.repository(PATH).tags) == {"main"}
    found = client.referrers(repository_of(registry_server).with_digest(BUILT.digest), RECORD)
    assert [one.digest for one in found] == [ARTIFACT.digest]


def test_where_it_does_not_the_list_lies_under_the_tag_that_oci_names(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    push(client, repository_of(old_server), ARTIFACT)
    content = old_server.repository(PATH).manifest(LIST_TAG)
    assert content is not None
    assert content.media_type == OCI_INDEX
    (entry,) = json.loads(content.body)["manifests"]
    assert entry == {
        "mediaType": OCI_MANIFEST,
        "digest": ARTIFACT.digest,
        "size": len(ARTIFACT.body),
        "artifactType": RECORD,
    }


def test_what_others_listed_under_the_tag_stays_there(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    place = repository_of(old_server)
    signature = build_artifact("application/vnd.example.signature", b"signed", subject=BUILT.content)
    for artifact in (signature, OTHER, ARTIFACT):
        push(client, place, artifact)
    found = client.referrers(place.with_digest(BUILT.digest), RECORD)
    assert [one.digest for one in found] == [OTHER.digest, ARTIFACT.digest]
    assert len(client.referrers(place.with_digest(BUILT.digest), "application/vnd.example.signature")) == 1


def test_an_entry_that_another_writer_overwrote_is_written_again(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    """The other writer read the list before our entry was there, and writes it right after us."""
    client = open_registry()
    place = repository_of(old_server)
    push(open_registry(), place, OTHER)
    overwriting = old_server.repository(PATH).tags[LIST_TAG]

    def overwrite(reply: Reply) -> Reply:
        old_server.repository(PATH).tags[LIST_TAG] = overwriting
        return reply

    old_server.faults.answer_next(overwrite, times=3, method="PUT", path=LIST_TAG)
    push(client, place, ARTIFACT)
    found = client.referrers(place.with_digest(BUILT.digest), RECORD)
    assert [one.digest for one in found] == [OTHER.digest, ARTIFACT.digest]


def test_an_entry_that_is_always_overwritten_is_told_in_the_end(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    place = repository_of(old_server)
    push(open_registry(), place, OTHER)
    overwriting = old_server.repository(PATH).tags[LIST_TAG]

    def overwrite(reply: Reply) -> Reply:
        old_server.repository(PATH).tags[LIST_TAG] = overwriting
        return reply

    old_server.faults.answer_next(overwrite, times=None, method="PUT", path=LIST_TAG)
    with pytest.raises(RegistryUnavailable, match="kept overwriting the list"):
        push(open_registry(), place, ARTIFACT)
    assert old_server.repository(PATH).manifest(ARTIFACT.digest) == ARTIFACT.content


def test_many_threads_list_their_artefacts_without_losing_one(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = open_registry()
    place = repository_of(old_server)
    artifacts = [build_artifact(RECORD, f"{n}".encode(), subject=BUILT.content) for n in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda artifact: push(client, place, artifact), artifacts))
    found = client.referrers(place.with_digest(BUILT.digest), RECORD)
    assert {one.digest for one in found} == {artifact.digest for artifact in artifacts}


def test_a_registry_without_the_api_is_asked_for_it_once(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    for _ in range(5):
        assert client.referrers(repository_of(old_server).with_digest(BUILT.digest), RECORD) == ()
    assert sum("/referrers/" in one.path for one in old_server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400),
        Reply(405),
        Reply(406),
        Reply(501),
        Reply(200, {"Content-Type": "text/html"}, b"<html></html>"),
        Reply(404, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'),
    ],
)
def test_a_registry_that_denies_knowing_the_api_in_its_own_way_is_understood(
    reply: Reply, old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    push(client, repository_of(old_server), ARTIFACT)
    old_server.faults.answer_next(faults.instead(reply), times=None, path="/referrers/")
    found = client.referrers(repository_of(old_server).with_digest(BUILT.digest), RECORD)
    assert [one.digest for one in found] == [ARTIFACT.digest]


def test_a_long_list_is_read_page_by_page(open_registry: OpenRegistry) -> None:
    with RegistryServer(page_size=2) as server:
        put(server)
        client = open_registry()
        for number in range(7):
            push(
                client,
                repository_of(server),
                build_artifact(RECORD, f"{number}".encode(), subject=BUILT.content),
            )
        found = client.referrers(repository_of(server).with_digest(BUILT.digest), RECORD)
        assert len(found) == 7
        assert sum("/referrers/" in one.path for one in server.requests) == 4


def test_a_registry_that_does_not_filter_is_filtered_here(open_registry: OpenRegistry) -> None:
    listed = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_entry("other/type"), _entry(RECORD)]}
    ).encode()
    with RegistryServer() as server:
        put(server)
        answer = Reply(200, {"Content-Type": OCI_INDEX}, listed)
        server.faults.answer_next(faults.instead(answer), path="/referrers/")
        found = open_registry().referrers(repository_of(server).with_digest(BUILT.digest), RECORD)
    assert [one.artifact_type for one in found] == [RECORD]


def _entry(artifact_type: Any, **changes: Any) -> dict[str, Any]:
    return {
        "mediaType": OCI_MANIFEST,
        "digest": ARTIFACT.digest,
        "size": 1,
        "artifactType": artifact_type,
        **changes,
    }


def test_entries_that_are_none_are_passed_over(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    put(registry_server)
    entries: list[Any] = [
        7, None, [], {}, _entry(RECORD, digest="sha256:short"), _entry(RECORD, digest=None), _entry(7),
        _entry(RECORD, mediaType=7), _entry(RECORD, size="x", annotations={"a": 1, "b": "c"}),
    ]  # fmt: skip
    body = json.dumps({"manifests": entries}).encode()
    answer = Reply(200, {"Content-Type": OCI_INDEX}, body)
    registry_server.faults.answer_next(faults.instead(answer), path="/referrers/")
    found = open_registry().referrers(repository_of(registry_server).with_digest(BUILT.digest), RECORD)
    assert [(one.size, one.annotations) for one in found] == [(0, {"b": "c"})]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"manifests": 7}', b"no JSON"])
def test_a_list_that_is_none_is_told(
    body: bytes, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    put(registry_server)
    answer = Reply(200, {"Content-Type": OCI_INDEX}, body)
    registry_server.faults.answer_next(faults.instead(answer), path="/referrers/")
    with pytest.raises(RegistryUnavailable, match="the answer is no"):
        open_registry().referrers(repository_of(registry_server).with_digest(BUILT.digest), RECORD)


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/next", "ftp://x", "https://[", ""])
def test_the_next_page_must_be_at_the_same_registry(
    link: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    put(registry_server)
    headers = {"Content-Type": OCI_INDEX, "Link": f'<{link or "?"}>; rel="next"'}
    answer = Reply(200, headers, b'{"manifests": []}')
    registry_server.faults.answer_next(faults.instead(answer), times=None, path="/referrers/")
    with pytest.raises(RegistryUnavailable, match=r"next page|pages"):
        open_registry().referrers(repository_of(registry_server).with_digest(BUILT.digest), RECORD)


def test_pages_without_end_are_given_up(registry_server: RegistryServer, open_registry: OpenRegistry) -> None:
    put(registry_server)
    numbers = iter(range(10_000))

    def further(_reply: Reply) -> Reply:
        link = f'</v2/{PATH}/referrers/{BUILT.digest}?page={next(numbers)}>; rel="next"'
        return Reply(200, {"Content-Type": OCI_INDEX, "Link": link}, b'{"manifests": []}')

    registry_server.faults.answer_next(further, times=None, path="/referrers/")
    with pytest.raises(RegistryUnavailable, match="more than 100 pages"):
        open_registry().referrers(repository_of(registry_server).with_digest(BUILT.digest), RECORD)


def test_something_else_under_the_tag_for_lists_is_neither_read_nor_overwritten(
    old_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    other = build({"some": "image"})
    put(old_server, other, LIST_TAG)
    client = open_registry()
    with pytest.raises(RegistryUnavailable, match="holds something else"):
        client.referrers(repository_of(old_server).with_digest(BUILT.digest), RECORD)
    with pytest.raises(RegistryUnavailable, match="holds something else"):
        push(client, repository_of(old_server), ARTIFACT)
    assert old_server.repository(PATH).tags[LIST_TAG] == other.digest
