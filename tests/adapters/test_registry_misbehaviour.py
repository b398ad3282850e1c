"""The registry client against a registry that misbehaves on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.adapters.system_clock import SystemClock
from lockflight.errors import EXIT_OUTSIDE, EXIT_REFUSED
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Content,
    RegistryUnavailable,
    WrongContent,
)
from lockflight.testing import faults
from lockflight.testing.clock import FakeClock
from lockflight.testing.faults import Fault, Reply
from lockflight.testing.images import BuiltImage, build, build_image, with_body
from lockflight.testing.registry import RegistryServer
from tests.conftest import OpenRegistry

BUILT = build({"org.opencontainers.image.revision": "a" * 40})
CONFIG = BUILT.blobs[0]
PATH = "acme/cart"


def put(server: RegistryServer, image: BuiltImage = BUILT, tag: str = "main") -> ImageReference:
    """Put an image into the server, past its own door, and answer its reference."""
    repository = server.repository(PATH)
    for blob in image.blobs:
        repository.put_blob(blob)
    repository.put_manifest(image.body, image.media_type, tag)
    return parse_reference(f"{server.host}/{PATH}:{tag}")


def asked(server: RegistryServer) -> list[str]:
    """Method and path of every request, without the greeting that finds out whether http is spoken."""
    return [f"{one.method} {one.path}" for one in server.requests if one.path != "/v2/"]


PASSING: dict[str, Fault] = {
    "408": faults.status(408),
    "429": faults.status(429),
    "500": faults.status(500),
    "502": faults.status(502),
    "503": faults.status(503),
    "504": faults.status(504),
    "dropped": faults.drop(),
    "cut at once": faults.cut_body(0),
    "cut in the middle": faults.cut_body(50),
    "cut before the end": faults.cut_body(len(BUILT.body) - 1),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_passes_is_not_noticed(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(PASSING[name], times=2, path="/manifests/")
    assert open_registry().manifest(image) == BUILT.content
    assert len(clock.slept) == 2


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_stays_is_told_after_some_attempts(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(PASSING[name], times=None, path="/manifests/")
    with pytest.raises(RegistryUnavailable, match=rf"cannot read {image}: .*6 attempts") as caught:
        open_registry().manifest(image)
    assert caught.value.exit_code == EXIT_OUTSIDE
    assert caught.value.problems[0].hint is not None
    assert len(clock.slept) == 5


def test_waits_grow_and_are_never_the_same_for_all(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(503), times=None)
    with pytest.raises(RegistryUnavailable):
        open_registry().resolve(image)
    longest = [0.2, 0.4, 0.8, 1.6, 3.2]
    assert all(most / 2 <= wait <= most for wait, most in zip(clock.slept, longest, strict=True))


@pytest.mark.parametrize("value", ["7", " 7 ", "Sat, 21 Nov 2026 08:00:07 GMT"])
def test_a_registry_that_says_when_to_come_again_is_heeded(
    value: str, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(429, retry_after=value), method="HEAD")
    assert open_registry().resolve(image) is not None
    assert clock.slept == [7.0]


@pytest.mark.parametrize("value", ["soon", "-1", "Sat, 99 Nov 2026", "9" * 30])
def test_a_retry_after_that_cannot_be_read_means_the_usual_wait(
    value: str, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(429, retry_after=value), method="HEAD")
    assert open_registry().resolve(image) is not None
    assert len(clock.slept) == 1
    assert clock.slept[0] <= 0.2


def test_a_wait_beyond_the_deadline_is_not_begun(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    limited = faults.status(429, retry_after="3600", error="TOOMANYREQUESTS")
    registry_server.faults.answer_next(limited, path="/manifests/")
    said = r"429 Too Many Requests \(TOOMANYREQUESTS\): it .* and asked to wait 3600 s; 60 s are allowed"
    with pytest.raises(RegistryUnavailable, match=said):
        open_registry().manifest(image)
    assert clock.slept == []


def test_all_attempts_together_stay_within_the_deadline(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(429, retry_after="4"), times=None, path="/manifests/")
    with pytest.raises(RegistryUnavailable):
        open_registry(deadline_seconds=10).resolve(image)
    assert clock.slept == [4.0, 4.0]


def test_a_registry_that_never_answers_is_given_up(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.silence(), times=None, path="/manifests/")
    with pytest.raises(RegistryUnavailable, match="did not answer in time"):
        open_registry(read_seconds=0.05).resolve(image)


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        (429, "429 Too Many Requests .*: it limits how often it may be asked", "log in, or try again later"),
        (503, "503 Service Unavailable .*: it is up but failing", "its operators see more in its log"),
        (501, "501 Not Implemented .*: it is up but failing", "its operators see more in its log"),
    ],
)
def test_a_registry_that_answers_is_not_said_to_be_out_of_reach(
    code: int, said: str, hint: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(code), times=None, path="/manifests/")
    client = open_registry()
    # The last ones are refused without asking, and must say the same.
    for _ in range(7):
        with pytest.raises(RegistryUnavailable, match=said) as caught:
            client.manifest(image)
        assert hint in (caught.value.problems[0].hint or "")


def test_time_that_passed_in_silence_is_not_spent_again(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.silence(), times=None, path="/manifests/")
    client = open_registry(clock=SystemClock(), deadline_seconds=0.2)
    with pytest.raises(RegistryUnavailable, match="did not answer in time"):
        client.resolve(image)
    before = len(registry_server.requests)
    with pytest.raises(RegistryUnavailable, match=r"left alone for a while; the last time: .* in time"):
        client.manifest(image)
    assert len(registry_server.requests) == before


def test_a_length_that_is_no_number_is_passed_over(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    # For Python a superscript two is a digit, and yet no number.
    registry_server.faults.answer_next(
        lambda reply: reply.with_headers(Content_Length="\u00b2"), times=None, method="HEAD"
    )
    found = open_registry().resolve(image)
    assert found is not None
    assert found.digest == BUILT.digest


def test_a_registry_that_drips_is_given_up_at_the_deadline(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.drip(0.02), times=None, path="/manifests/")
    client = open_registry(clock=SystemClock(), deadline_seconds=0.3)
    with pytest.raises(RegistryUnavailable, match=r"did not answer in time"):
        client.manifest(image)


def test_nobody_at_the_address_is_told_so(open_registry: OpenRegistry) -> None:
    with RegistryServer() as server:
        image = put(server)
    with pytest.raises(RegistryUnavailable, match=f"{server.host} cannot be reached: connection refused"):
        open_registry().resolve(image)


@pytest.mark.parametrize(
    "host", ["nowhere.invalid", "a..b.invalid", "x" * 64 + ".invalid", "127.0.0.1:99999"]
)
def test_a_host_that_cannot_exist_is_told_so(host: str, open_registry: OpenRegistry) -> None:
    with pytest.raises(RegistryUnavailable, match=host.partition(":")[0]):
        open_registry().resolve(ImageReference(host, PATH, "main"))


LYING: dict[str, Fault] = {
    "flipped bit": faults.flipped_body(),
    "other manifest": faults.other_body(build({"other": "image"}).body),
    "other digest in the header": faults.other_digest(),
    "nothing": faults.other_body(b""),
}


@pytest.mark.parametrize("name", LYING)
def test_content_that_does_not_hash_to_its_digest_is_refused(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry()
    by_digest = image.with_digest(BUILT.digest)
    questions: list[Callable[[], object]] = [
        lambda: client.manifest(image),
        lambda: client.manifest(by_digest),
        lambda: client.blob(image, BUILT.content.digest),
    ]
    registry_server.repository(PATH).put_blob(BUILT.body)
    for question in questions:
        registry_server.faults.answer_next(LYING[name], method="GET", path=PATH)
        with pytest.raises(WrongContent, match=r"sha256:[0-9a-f]{64}") as caught:
            question()
        assert caught.value.exit_code == EXIT_REFUSED


def test_another_digest_than_asked_for_is_refused_without_reading_the_body(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.other_digest(), method="HEAD")
    with pytest.raises(WrongContent, match=faults.WRONG_DIGEST):
        open_registry().resolve(image.with_digest(BUILT.digest))
    assert [one for one in asked(registry_server) if one.startswith("GET")] == []


INCOMPLETE_HEADS: dict[str, Fault] = {
    "no digest": faults.without_digest(),
    "a digest of another kind": faults.other_digest("sha512:" + "0" * 128),
    "no media type": faults.media_type(None),
    "a media type that says nothing": faults.media_type("application/json"),
    "HEAD not allowed": faults.refuse_head(),
    "HEAD not implemented": faults.status(501),
}


@pytest.mark.parametrize("name", INCOMPLETE_HEADS)
def test_where_head_does_not_tell_everything_the_content_itself_does(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(INCOMPLETE_HEADS[name], method="HEAD")
    registry_server.faults.answer_next(faults.without_digest(), method="GET", path="/manifests/")
    found = open_registry().resolve(image)
    assert found is not None
    assert (found.digest, found.media_type, found.size) == (BUILT.digest, OCI_MANIFEST, len(BUILT.body))


def test_a_head_without_digest_does_not_make_a_lie_acceptable(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.without_digest(), method="HEAD")
    registry_server.faults.answer_next(faults.flipped_body(), method="GET", path="/manifests/")
    with pytest.raises(WrongContent):
        open_registry().resolve(image.with_digest(BUILT.digest))


def test_where_head_is_refused_what_is_not_there_is_none(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.refuse_head(), method="HEAD")
    assert open_registry().resolve(image.with_tag("other")) is None


HUGE: dict[str, Fault] = {
    "without end": faults.endless_body(),
    "announced": faults.announce(20 * 2**30),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_body_is_refused_and_not_read(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    client = open_registry()
    for question in (lambda: client.manifest(image), lambda: client.blob(image, "sha256:" + "1" * 64)):
        registry_server.repository(PATH).blobs["sha256:" + "1" * 64] = b"x"
        registry_server.faults.answer_next(HUGE[name], method="GET", path=PATH)
        with pytest.raises(RegistryUnavailable, match=r"larger than (4|16) MiB"):
            question()
    # The connection was given up, and the next question gets another one.
    assert client.resolve(image) is not None
    assert clock.slept == []


def test_a_refusal_that_never_ends_is_cut(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    endless_refusal = Reply(418, {}, b"teapot", endless=True)
    registry_server.faults.answer_next(faults.instead(endless_refusal), method="GET", path=PATH)
    client = open_registry()
    with pytest.raises(RegistryUnavailable, match="answered 418 I'm a Teapot"):
        client.manifest(image)
    assert client.resolve(image) is not None


NO_MANIFESTS: dict[str, bytes] = {
    "no JSON": b"<html>Welcome to the hotel</html>",
    "a list": b"[]",
    "deeply nested": b"[" * 100_000,
    "a number": b"1",
    "no UTF-8": b'{"mediaType": "\xff"}',
}


@pytest.mark.parametrize("name", NO_MANIFESTS)
def test_what_is_no_manifest_is_not_taken_for_one(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    lie = faults.both(faults.other_body(NO_MANIFESTS[name]), faults.without_digest())
    registry_server.faults.answer_next(lie, method="GET", path="/manifests/")
    with pytest.raises(RegistryUnavailable, match="the answer is no JSON"):
        open_registry().manifest(image)


def test_a_web_page_instead_of_a_registry_is_told_so(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    page = Reply(200, {"Content-Type": "text/html"}, b"<html></html>")
    registry_server.faults.answer_next(faults.instead(page), times=None)
    with pytest.raises(RegistryUnavailable) as caught:
        open_registry().resolve(image)
    assert caught.value.problems[0].hint == f"is {registry_server.host} a container registry?"


CONFUSING: dict[str, tuple[BuiltImage, str]] = {
    "index said to be a manifest": (build(platforms=("linux/amd64", "linux/arm64")), OCI_MANIFEST),
    "manifest said to be an index": (BUILT, OCI_INDEX),
    "Docker's said to be OCI's": (build(docker=True), OCI_MANIFEST),
    "both at once, silent": (with_body(BUILT, {"mediaType": None, "manifests": []}), OCI_MANIFEST),
    "both at once, said": (with_body(BUILT, {"manifests": []}), OCI_MANIFEST),
    "layers in an index": (with_body(BUILT, {"mediaType": None}), DOCKER_LIST),
    "a type that is no text": (with_body(BUILT, {"mediaType": 7}), OCI_MANIFEST),
}


@pytest.mark.parametrize("name", CONFUSING)
def test_content_that_two_readers_could_read_in_two_ways_is_refused(
    name: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    built, said = CONFUSING[name]
    repository = registry_server.repository(PATH)
    repository.manifests[built.digest] = Content(built.digest, said, built.body)
    image = parse_reference(f"{registry_server.host}/{PATH}@{built.digest}")
    with pytest.raises(WrongContent, match="the content"):
        open_registry().manifest(image)


@pytest.mark.parametrize("said", [DOCKER_MANIFEST, f"{DOCKER_MANIFEST}; charset=utf-8", "text/plain", None])
def test_a_media_type_is_understood_however_it_is_said(
    said: str | None, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    built = build_image(docker=True)
    image = put(registry_server, built)
    registry_server.faults.answer_next(faults.media_type(said), method="GET", path="/manifests/")
    assert open_registry().manifest(image) == built.content


@pytest.mark.parametrize(
    "said", ["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/vnd.example+json"]
)
def test_a_manifest_of_another_kind_is_no_use(
    said: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    built = with_body(BUILT, {"mediaType": None})
    image = put(registry_server, built)
    registry_server.faults.answer_next(faults.media_type(said), times=None, path="/manifests/")
    with pytest.raises(RegistryUnavailable, match="no image manifest or index"):
        open_registry().resolve(image)


def test_after_five_failed_questions_a_registry_is_left_alone_for_a_while(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    client = open_registry()
    registry_server.faults.answer_next(faults.status(503), times=None, path="/manifests/")
    for _ in range(5):
        with pytest.raises(RegistryUnavailable, match="6 attempts"):
            client.resolve(image)
    before = len(registry_server.requests)
    for _ in range(1000):
        with pytest.raises(
            RegistryUnavailable, match=r"left alone for a while; the last time: 127.* answered 503"
        ):
            client.resolve(image)
    assert len(registry_server.requests) == before
    registry_server.faults.clear()
    clock.advance(31)
    assert client.resolve(image) is not None
    assert client.resolve(image) is not None


def test_when_the_rest_is_over_only_one_question_tries_whether_it_is_back(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    client = open_registry()
    registry_server.faults.answer_next(faults.status(503), times=None, path="/manifests/")
    for _ in range(5):
        with pytest.raises(RegistryUnavailable):
            client.resolve(image)
    clock.advance(31)
    before = len(registry_server.requests)
    with pytest.raises(RegistryUnavailable, match="6 attempts"):
        client.resolve(image)
    with pytest.raises(RegistryUnavailable, match="left alone"):
        client.resolve(image)
    assert len(registry_server.requests) == before + 6


def test_one_registry_that_is_down_does_not_stop_the_questions_to_another(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry()
    with RegistryServer() as down:
        missing = put(down)
    for _ in range(6):
        with pytest.raises(RegistryUnavailable):
            client.resolve(missing)
    assert client.resolve(put(registry_server)) is not None


def test_a_thing_that_is_not_there_is_no_failure_of_the_registry(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry()
    for _ in range(20):
        assert client.resolve(image.with_tag("other")) is None
    assert client.resolve(image) is not None


def test_no_more_requests_at_once_than_allowed(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Lock

    image = put(registry_server)
    guard, running, most = Lock(), 0, 0

    def counting(reply: Reply) -> Reply:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        registry_server.stopping.wait(0.005)
        with guard:
            running -= 1
        return reply

    registry_server.faults.answer_next(counting, times=None, path="/manifests/")
    client = open_registry(concurrency=3)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(client.resolve, [image] * 48))
    assert all(found)
    assert most == 3


def test_whatever_the_registry_says_of_its_errors_only_codes_are_repeated(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    code = "\x1b[31mRED\n::error::injected"
    body = json.dumps({"errors": [{"code": code, "message": "injected"}]}).encode()
    registry_server.faults.answer_next(faults.instead(Reply(418, {}, body)), method="GET", path=PATH)
    with pytest.raises(RegistryUnavailable) as caught:
        open_registry().manifest(image)
    assert "injected" not in str(caught.value)


def test_a_client_can_be_closed_twice(
    registry_server: RegistryServer,
) -> None:
    image = put(registry_server)
    client = OciRegistry(clock=FakeClock())
    assert client.resolve(image) is not None
    client.close()
    client.close()
