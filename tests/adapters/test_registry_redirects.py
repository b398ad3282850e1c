"""Where the registry client lets itself be sent, and what it never takes along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockflight.adapters.registry_oci import DockerCredentials, OciRegistry
from lockflight.names import ImageReference
from lockflight.ports.registry import RegistryUnavailable
from lockflight.testing import faults
from lockflight.testing.faults import Reply, failure
from lockflight.testing.images import digest_of
from lockflight.testing.registry import RegistryServer
from lockflight.testing.registry_auth import Door
from tests.adapters.test_registry_misbehaviour import BUILT, CONFIG, PATH, put
from tests.conftest import OpenRegistry
from tests.support.certificates import Certificate
from tests.support.docker_config import write_config
from tests.support.texts import everything_said

PASSWORD = "marked-password-4711"
BLOB = digest_of(CONFIG)


@pytest.fixture
def elsewhere() -> Iterator[RegistryServer]:
    """Another server, where a registry might keep its blobs."""
    with RegistryServer() as server:
        put(server)
        yield server


@pytest.fixture(params=["basic", "bearer"])
def guarded(request: pytest.FixtureRequest) -> Iterator[RegistryServer]:
    with RegistryServer(door=Door({"ada": PASSWORD}, request.param)) as server:
        put(server)
        yield server


@pytest.fixture
def credentials(guarded: RegistryServer, tmp_path: object) -> DockerCredentials:
    return write_config(tmp_path, {guarded.host: ("ada", PASSWORD)})


@pytest.fixture
def image(guarded: RegistryServer) -> ImageReference:
    return put(guarded)


@pytest.fixture
def known(image: ImageReference, credentials: DockerCredentials, open_registry: OpenRegistry) -> OciRegistry:
    """A client that has shown the guarded registry who it is."""
    client = open_registry(credentials=credentials)
    assert client.resolve(image) is not None
    return client


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_blobs_and_manifests_may_lie_elsewhere(
    code: int, registry_server: RegistryServer, elsewhere: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry()
    for reference in (f"manifests/{BUILT.digest}", f"blobs/{BLOB}"):
        away = faults.redirect(f"{elsewhere.url}/v2/{PATH}/{reference}", code)
        registry_server.faults.answer_next(away, times=None, path=reference)
    assert client.blob(image, BLOB) == CONFIG
    assert client.manifest(image.with_digest(BUILT.digest)) == BUILT.content
    assert client.resolve(image.with_digest(BUILT.digest)) is not None


def test_a_redirect_within_the_registry_keeps_who_we_are(
    guarded: RegistryServer, image: ImageReference, known: OciRegistry
) -> None:
    moved = faults.redirect(f"/v2/{PATH}/manifests/{BUILT.digest}")
    guarded.faults.answer_next(moved, method="GET", path="/manifests/main")
    assert known.manifest(image) == BUILT.content


def test_credentials_stay_behind_where_another_host_begins(
    guarded: RegistryServer, elsewhere: RegistryServer, image: ImageReference, known: OciRegistry
) -> None:
    guarded.faults.answer_next(faults.redirect(f"{elsewhere.url}/v2/{PATH}/blobs/{BLOB}"), path="/blobs/")
    assert known.blob(image, BLOB) == CONFIG
    assert [one.path for one in elsewhere.requests] == [f"/v2/{PATH}/blobs/{BLOB}"]
    assert elsewhere.requests[0].authorization is None


def test_credentials_stay_behind_even_when_the_other_host_sends_back_home(
    guarded: RegistryServer, elsewhere: RegistryServer, image: ImageReference, known: OciRegistry
) -> None:
    guarded.faults.answer_next(faults.redirect(f"{elsewhere.url}/away"), path="/blobs/")
    elsewhere.faults.answer_next(faults.redirect(f"{guarded.url}/v2/{PATH}/blobs/{BLOB}?again=1"))
    before = len(guarded.requests)
    with pytest.raises(RegistryUnavailable, match=r"redirected to .* answered 401"):
        known.blob(image, BLOB)
    assert [one.authorization is None for one in guarded.requests[before:]] == [False, True]


def test_another_host_that_asks_for_credentials_gets_none(
    guarded: RegistryServer, elsewhere: RegistryServer, image: ImageReference, known: OciRegistry
) -> None:
    guarded.faults.answer_next(faults.redirect(f"{elsewhere.url}/v2/{PATH}/blobs/{BLOB}"), path="/blobs/")
    challenges = f'Bearer realm="{elsewhere.url}/token",service="trap", Basic realm="trap"'
    trap = failure(401, "UNAUTHORIZED", {"WWW-Authenticate": challenges})
    elsewhere.faults.answer_next(faults.instead(trap), times=None)
    with pytest.raises(RegistryUnavailable, match=f"redirected to {elsewhere.host}, which answered 401"):
        known.blob(image, BLOB)
    assert [one.path for one in elsewhere.requests] == [f"/v2/{PATH}/blobs/{BLOB}"]
    assert elsewhere.requests[0].authorization is None


def test_a_circle_is_noticed(registry_server: RegistryServer, open_registry: OpenRegistry) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.redirect("/v2/b/blobs/x"), times=None, path="/manifests/")
    registry_server.faults.answer_next(
        faults.redirect(f"/v2/{PATH}/manifests/main"), times=None, path="/blobs/"
    )
    with pytest.raises(RegistryUnavailable, match="redirects in a circle"):
        open_registry().manifest(image)
    assert len(registry_server.requests) <= 4


def test_a_chain_without_end_is_given_up(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    steps = iter(range(1000))

    def further(_reply: Reply) -> Reply:
        return Reply(302, {"Location": f"/v2/step/{next(steps)}"})

    registry_server.faults.answer_next(further, times=None, path="/v2/")
    client = open_registry()
    with pytest.raises(RegistryUnavailable, match="redirects more than 5 times"):
        client.manifest(image)
    assert next(steps) <= 7


@pytest.mark.parametrize(
    "location",
    ["", "http://", "ftp://example.org/x", "file:///etc/passwd", "http://[::1", "http://a b/", "//:0/", "http://x:99999/", "http://user:word@127.0.0.1/"],
)  # fmt: skip
def test_a_redirect_to_nowhere_is_refused(
    location: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.redirect(location), times=None, method="GET", path=PATH)
    with pytest.raises(RegistryUnavailable, match=r"points to an address that is none|in a circle"):
        open_registry().manifest(image)


def test_a_push_goes_where_it_was_sent_and_nowhere_else(
    registry_server: RegistryServer, elsewhere: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    away = faults.redirect(f"{elsewhere.url}/v2/{PATH}/manifests/main")
    registry_server.faults.answer_next(away, times=None, method="PUT")
    with pytest.raises(RegistryUnavailable, match="redirects a push"):
        open_registry().push_manifest(image, BUILT.body, BUILT.media_type)
    assert elsewhere.requests == []


def test_encryption_is_not_given_up_underway(
    certificate: Certificate,
    elsewhere: RegistryServer,
    open_registry: OpenRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with RegistryServer(tls=certificate.server_context()) as server:
        image = put(server)
        server.faults.answer_next(faults.redirect(f"{elsewhere.url}/v2/{PATH}/blobs/{BLOB}"), path="/blobs/")
        with pytest.raises(RegistryUnavailable, match="without encryption, which is refused"):
            open_registry().blob(image, BLOB)
    assert elsewhere.requests == []


def test_the_secret_part_of_a_signed_link_is_in_no_message(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    with RegistryServer() as gone:
        link = f"{gone.url}/bucket/blob?X-Amz-Signature=marked-signature"
    registry_server.faults.answer_next(faults.redirect(link), times=None, path="/blobs/")
    with pytest.raises(RegistryUnavailable) as caught:
        open_registry().blob(image, BLOB)
    assert gone.host in str(caught.value)
    assert "marked" not in everything_said(caught.value)
