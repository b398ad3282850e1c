"""How a registry is reached: names, ports, and when it may be spoken to without encryption."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.adapters.registry_oci.addresses import (
    Address,
    BadAddress,
    is_loopback,
    may_be_plain,
    parse_address,
    registry_address,
    schemes,
)
from lockflight.names import ImageReference
from lockflight.ports.registry import RegistryUnavailable
from lockflight.testing import faults
from lockflight.testing.clock import FakeClock
from lockflight.testing.registry import RegistryServer
from tests.adapters.test_registry_misbehaviour import BUILT, put
from tests.conftest import OpenRegistry
from tests.support.certificates import Certificate

# Leads to this machine, but is no loopback address by name: it stands for a registry on another machine.
OUTSIDE = "0.0.0.0"  # noqa: S104


def outside(server: RegistryServer) -> str:
    return server.host.replace("127.0.0.1", OUTSIDE)


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("docker.io", "https://registry-1.docker.io/v2/"),
        ("ghcr.io", "https://ghcr.io/v2/"),
        ("GHCR.io:8443", "https://ghcr.io:8443/v2/"),
        ("[::1]:5000", "https://[::1]:5000/v2/"),
    ],
)
def test_the_address_of_a_registry(registry: str, expected: str) -> None:
    assert str(registry_address("https", registry)) == expected


@pytest.mark.parametrize(
    "registry",
    ["localhost", "localhost:5000", "LocalHost:5000", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:5000"],
)
def test_loopback_is_known_in_every_form(registry: str) -> None:
    assert is_loopback(registry)
    assert schemes(registry, frozenset()) == ("http", "https")


@pytest.mark.parametrize(
    "registry",
    ["localhost.example.org", "127.0.0.1.example.org", "127.1", "2130706433", "10.0.0.1:5000", OUTSIDE, "[::2]:5000",
     "[::ffff:127.0.0.1", "ghcr.io", "", "127.0.0.1:x", "a@127.0.0.1"],
)  # fmt: skip
def test_everything_else_is_spoken_to_with_encryption_alone(registry: str) -> None:
    assert schemes(registry, frozenset({"registry.internal:5000"})) == ("https",)
    assert not may_be_plain(registry, frozenset())


@pytest.mark.parametrize("registry", ["registry.internal:5000", "Registry.Internal:5000"])
def test_what_the_manifest_lists_may_do_without(registry: str) -> None:
    insecure = frozenset({"registry.internal:5000"})
    assert schemes(registry, insecure) == ("https", "http")
    assert schemes("registry.internal:5001", insecure) == ("https",)
    assert schemes("registry.internal", insecure) == ("https",)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a/b?c=d#e", Address("https", "a", 443, "/b?c=d")),
        ("http://A:81", Address("http", "a", 81, "/")),
        ("https://[::1]:5000/x", Address("https", "[::1]", 5000, "/x")),
    ],
)
def test_an_address_is_read_into_its_parts(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url", ["", "a", "/a", "ftp://a/", "http:///a", "http://a:0/", "http://a:65536/", "http://u:p@a/", "http://a/ b",
            "http://a/\u00fc", "http://[a/", "http://a\\b/", "http://a:1:2/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(url)


@given(st.text(max_size=60))
def test_a_link_leads_to_an_address_or_is_refused(link: str) -> None:
    here = Address("https", "a.example", 443, "/v2/x/blobs/y?z=1")
    try:
        there = here.join(link)
    except BadAddress:
        return
    assert there.scheme in ("http", "https")
    assert there.target.startswith("/")
    assert there.target.isascii()
    assert there.target.isprintable()
    assert not set(" \r\n") & set(there.target + there.host)


def test_loopback_is_spoken_to_in_plain_http_and_asked_once(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    client = open_registry()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(client.resolve, [image] * 20))
    assert [one.path for one in registry_server.requests].count("/v2/") == 1


def test_a_registry_that_is_not_listed_is_never_sent_anything_in_plain_http(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    with pytest.raises(RegistryUnavailable, match="does not speak https") as caught:
        open_registry().resolve(ImageReference(outside(registry_server), image.path, image.tag))
    assert registry_server.requests == []
    assert "insecure: true" in (caught.value.problems[0].hint or "")
    assert clock.slept == []


def test_a_listed_registry_that_speaks_no_https_is_spoken_to_in_plain_http(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    host = outside(registry_server)
    client = open_registry(insecure=frozenset({host}))
    assert client.manifest(ImageReference(host, image.path, image.tag)) == BUILT.content
    assert clock.slept == []


def test_a_listed_registry_that_speaks_https_is_spoken_to_with_encryption(
    certificate: Certificate, open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with RegistryServer(tls=certificate.server_context()) as server:
        image = put(server)
        host = outside(server)
        client = open_registry(insecure=frozenset({host}))
        assert client.manifest(ImageReference(host, image.path, image.tag)) == BUILT.content


@pytest.mark.parametrize("is_listed", [False, True])
def test_a_certificate_that_nobody_vouches_for_is_refused_even_from_a_listed_registry(
    is_listed: bool, certificate: Certificate, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    with RegistryServer(tls=certificate.server_context()) as server:
        image = put(server)
        host = outside(server)
        client = open_registry(insecure=frozenset({host} if is_listed else ()))
        with pytest.raises(RegistryUnavailable, match=f"certificate of {host} is not trusted") as caught:
            client.resolve(ImageReference(host, image.path, image.tag))
        assert "SSL_CERT_FILE" in (caught.value.problems[0].hint or "")
        assert server.requests == []
    assert clock.slept == []


def test_a_loopback_registry_with_encryption_is_found_too(
    certificate: Certificate, open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with RegistryServer(tls=certificate.server_context()) as server:
        assert open_registry().manifest(put(server)) == BUILT.content


def test_a_registry_that_is_busy_at_first_is_still_spoken_to_as_it_can(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(503), times=2)
    assert open_registry().manifest(image) == BUILT.content


def test_a_registry_that_is_cut_off_at_first_is_asked_again_how_it_speaks(
    registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.drop(), path="/v2/")
    assert open_registry().manifest(image) == BUILT.content
    assert len(clock.slept) == 1
