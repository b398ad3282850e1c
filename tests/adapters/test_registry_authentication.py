"""Getting in: anonymous, by password, by token; and what is said when the door stays shut."""

from __future__ import annotations

import base64
import io
import json
import re
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lockflight.adapters.registry_oci import DockerCredentials
from lockflight.adapters.registry_oci.challenge import Challenge, choose, parse_challenges
from lockflight.errors import EXIT_OUTSIDE, LockflightError
from lockflight.logs import log
from lockflight.names import ImageReference, parse_reference
from lockflight.ports.registry import RegistryDenied, RegistryUnavailable
from lockflight.testing import faults
from lockflight.testing.clock import FakeClock
from lockflight.testing.faults import Reply, failure
from lockflight.testing.images import build, push
from lockflight.testing.registry import RegistryServer
from lockflight.testing.registry_auth import Door
from tests.adapters.test_registry_misbehaviour import BUILT, PATH, put
from tests.conftest import OpenRegistry
from tests.support.docker_config import write_config, write_helper, write_raw
from tests.support.registry_process import docker_registry
from tests.support.texts import everything_said

PASSWORD = "marked-password-4711"
IDENTITY = "marked-identity-0815"
USERS = {"ada": PASSWORD}


def tokens_asked(server: RegistryServer) -> int:
    return sum(one.path == "/token" for one in server.requests)


@pytest.fixture
def bearer() -> Iterator[RegistryServer]:
    with RegistryServer(door=Door(USERS)) as server:
        put(server)
        yield server


@pytest.fixture
def basic() -> Iterator[RegistryServer]:
    with RegistryServer(door=Door(USERS, kind="basic")) as server:
        put(server)
        yield server


def of(server: RegistryServer, path: str = PATH) -> ImageReference:
    return parse_reference(f"{server.host}/{path}:main")


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_password_opens_for_reading_and_writing(
    kind: Any, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    with RegistryServer(door=Door(USERS, kind=kind)) as server:
        client = open_registry(credentials=write_config(tmp_path, {server.host: ("ada", PASSWORD)}))
        built = build({"pushed": "through the door"}, platforms=("linux/amd64", "linux/arm64"))
        push(client, of(server), built)
        assert client.manifest(of(server)) == built.content
        assert client.blob(of(server), built.children[0].content.digest) is None


def test_the_real_registry_lets_us_in_with_a_password(tmp_path: Path, open_registry: OpenRegistry) -> None:
    # bcrypt of the password below, as `htpasswd -B` writes it.
    (tmp_path / "htpasswd").write_text("ada:$2y$05$abcdefghijklmnopqrstuuuSsWTmcHA0GnC4Ywh/t2HULjg.FadFG\n")
    guarded = f"auth: {{htpasswd: {{realm: test, path: {tmp_path / 'htpasswd'}}}}}\n"
    with docker_registry(tmp_path, guarded) as registry:
        image = parse_reference(f"{registry.name()}:main")
        good = write_config(tmp_path, {registry.host: ("ada", "marked-word-7")})
        push(open_registry(credentials=good), image, BUILT)
        assert open_registry(credentials=good).manifest(image) == BUILT.content
        for users in ({registry.host: ("ada", "wrong")}, {}):
            with pytest.raises(RegistryDenied, match=r"answered 401|wants credentials"):
                open_registry(credentials=write_config(tmp_path, users)).resolve(image)


def test_a_public_image_behind_a_token_service_needs_no_credentials(open_registry: OpenRegistry) -> None:
    with RegistryServer(door=Door(anonymous_pull=True)) as server:
        put(server)
        assert open_registry().manifest(of(server)) == BUILT.content


def test_a_registry_that_asks_for_nothing_is_shown_nothing(
    registry_server: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    write_helper(tmp_path, "test", f"touch {tmp_path}/was-run")
    credentials = write_config(tmp_path, {registry_server.host: ("ada", PASSWORD)}, credsStore="test")
    assert open_registry(credentials=credentials).resolve(image) is not None
    assert {one.authorization for one in registry_server.requests} == {None}
    assert not (tmp_path / "was-run").exists()


def test_a_token_serves_until_its_time_is_over(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    bearer.door.expires_in = 120
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    for _ in range(3):
        assert client.resolve(of(bearer)) is not None
    assert tokens_asked(bearer) == 1
    refused_before = _refusals(bearer)
    clock.advance(115)
    assert client.resolve(of(bearer)) is not None
    assert tokens_asked(bearer) == 2
    assert _refusals(bearer) == refused_before


def _refusals(server: RegistryServer) -> int:
    return sum(one.authorization is None and one.path.startswith("/v2/a") for one in server.requests)


@pytest.mark.parametrize("seconds", [None, 0, 1])
def test_a_token_that_says_nothing_or_little_about_its_time_works(
    seconds: int | None, bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    bearer.door.expires_in = seconds
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    assert client.resolve(of(bearer)) is not None
    assert client.resolve(of(bearer)) is not None


def test_a_token_that_ended_early_is_renewed_in_the_same_question(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    assert client.resolve(of(bearer)) is not None
    bearer.door.revoke_all()
    assert client.resolve(of(bearer)) is not None
    assert tokens_asked(bearer) == 2
    assert clock.slept == []


def test_a_token_under_another_name_works_too(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    bearer.door.token_field = "access_token"
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    assert client.resolve(of(bearer)) is not None


def test_after_the_first_challenge_other_repositories_are_not_asked_in_vain(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    client.resolve(of(bearer))
    before = len(bearer.requests)
    assert client.resolve(of(bearer, "acme/other")) is None
    assert [one.path for one in bearer.requests[before:]] == ["/token", "/v2/acme/other/manifests/main"]
    assert bearer.requests[before].value("scope") == "repository:acme/other:pull"


def test_many_threads_share_one_token_of_a_repository(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    client = open_registry(credentials=write_config(tmp_path, {bearer.host: ("ada", PASSWORD)}))
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(client.resolve, [of(bearer)] * 64))
    assert tokens_asked(bearer) == 1


def test_an_identity_token_is_exchanged_and_never_sent_in_a_url(
    tmp_path: Path, open_registry: OpenRegistry
) -> None:
    door = Door(identity_tokens=frozenset({IDENTITY}))
    with RegistryServer(door=door) as server:
        put(server)
        entry = {"auth": base64.b64encode(b"ada:").decode(), "identitytoken": IDENTITY}
        credentials = write_raw(tmp_path, json.dumps({"auths": {server.host: entry}}))
        assert open_registry(credentials=credentials).resolve(of(server)) is not None
        (exchange,) = (one for one in server.requests if one.path == "/token")
    assert (exchange.method, exchange.query, exchange.authorization) == ("POST", "", None)
    assert IDENTITY.encode() in exchange.body


def test_a_registry_token_is_sent_as_it_is(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    bearer.door.granted["made-elsewhere"] = frozenset({f"repository:{PATH}:pull"})
    credentials = write_raw(
        tmp_path, json.dumps({"auths": {bearer.host: {"registrytoken": "made-elsewhere"}}})
    )
    assert open_registry(credentials=credentials).resolve(of(bearer)) is not None
    assert tokens_asked(bearer) == 0


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_without_credentials_the_message_says_where_they_were_looked_for(
    kind: Any, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    with RegistryServer(door=Door(USERS, kind=kind)) as server:
        credentials = write_config(tmp_path, {})
        with pytest.raises(RegistryDenied) as caught:
            open_registry(credentials=credentials).resolve(of(server))
    (problem,) = caught.value.problems
    assert str(of(server)) in problem.message
    assert f"there are no credentials for it in {tmp_path / 'config.json'}" in problem.message
    assert (problem.hint or "").startswith(f"docker login {server.host}")
    assert caught.value.exit_code == EXIT_OUTSIDE


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_with_wrong_credentials_the_message_says_where_they_came_from(
    kind: Any, tmp_path: Path, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    with RegistryServer(door=Door(USERS, kind=kind)) as server:
        credentials = write_config(tmp_path, {server.host: ("ada", "marked-wrong")})
        with pytest.raises(RegistryDenied, match=r"the credentials from .*config\.json do not suffice"):
            open_registry(credentials=credentials).resolve(of(server))
    assert clock.slept == []


def test_with_a_broken_helper_a_public_image_is_read_and_a_private_one_tells_of_the_helper(
    tmp_path: Path, open_registry: OpenRegistry
) -> None:
    credentials = write_raw(tmp_path, '{"credsStore": "desktop"}')
    with RegistryServer(door=Door(anonymous_pull=True)) as server:
        put(server)
        assert open_registry(credentials=credentials).resolve(of(server)) is not None
    cannot_run = pytest.raises(RegistryDenied, match="docker-credential-desktop cannot be run")
    with RegistryServer(door=Door(USERS)) as server, cannot_run:
        open_registry(credentials=credentials).resolve(of(server))


@pytest.mark.parametrize("code", [401, 403])
def test_a_registry_that_says_no_without_a_challenge_is_not_asked_again(
    code: int, registry_server: RegistryServer, open_registry: OpenRegistry, clock: FakeClock
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(code, error="DENIED"), times=None, path="/manifests/")
    with pytest.raises(RegistryDenied):
        open_registry().manifest(image)
    assert clock.slept == []
    assert len([one for one in registry_server.requests if one.path != "/v2/"]) == 1


def test_the_registrys_own_word_for_it_is_in_the_message(
    registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    registry_server.faults.answer_next(faults.status(403, error="DENIED"), path="/manifests/")
    with pytest.raises(RegistryDenied, match=r"answered 403 Forbidden \(DENIED\)"):
        open_registry().manifest(image)


@pytest.mark.parametrize(
    "header",
    ["", "Negotiate", "Digest realm=x", "Bearer", 'Bearer service="no realm"', "Bearer realm=", "=,=", '"'],
)
def test_a_challenge_that_cannot_be_met_is_told(
    header: str, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    image = put(registry_server)
    refusal = failure(401, "UNAUTHORIZED", {"WWW-Authenticate": header})
    registry_server.faults.answer_next(faults.instead(refusal), times=None, path="/manifests/")
    with pytest.raises(RegistryDenied, match="a kind that lockflight does not know") as caught:
        open_registry().resolve(image)
    hint = caught.value.problems[0].hint or ""
    named = re.match("[A-Za-z]*", header)
    assert hint.startswith("this kind of sign-in is not supported: ")
    assert named is not None
    assert named.group().lower() in hint


@pytest.mark.parametrize(
    "realm", ["", "/token", "ftp://x/", "http://[", "http://a b/", "//x", "http://x:0/", "javascript:1"]
)
def test_a_token_service_at_no_address_is_told(
    realm: str, bearer: RegistryServer, open_registry: OpenRegistry
) -> None:
    refusal = failure(401, "UNAUTHORIZED", {"WWW-Authenticate": f'Bearer realm="{realm}"'})
    bearer.faults.answer_next(faults.instead(refusal), times=None, path="/manifests/")
    with pytest.raises(RegistryDenied, match="token service whose address is none"):
        open_registry().resolve(of(bearer))


def test_a_token_service_without_encryption_elsewhere_gets_nothing(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    # 0.0.0.0 leads to this machine too, but is no loopback address by name.
    outside = bearer.host.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    bearer.door.realm = f"http://{outside}/token"
    credentials = write_config(tmp_path, {bearer.host: ("ada", PASSWORD)})
    with pytest.raises(RegistryDenied, match="without encryption, which is refused"):
        open_registry(credentials=credentials).resolve(of(bearer))
    assert tokens_asked(bearer) == 0
    allowed = open_registry(credentials=credentials, insecure=frozenset({outside}))
    assert allowed.resolve(of(bearer)) is not None


def test_a_token_service_that_passes_a_failure_is_asked_again(
    bearer: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    bearer.faults.answer_next(faults.status(503), path="/token")
    bearer.faults.answer_next(faults.drop(), path="/token")
    credentials = write_config(tmp_path, {bearer.host: ("ada", PASSWORD)})
    assert open_registry(credentials=credentials).resolve(of(bearer)) is not None


def test_a_token_service_that_stays_down_makes_the_registry_unavailable(
    bearer: RegistryServer, open_registry: OpenRegistry
) -> None:
    bearer.faults.answer_next(faults.status(503), times=None, path="/token")
    with pytest.raises(RegistryUnavailable, match="answered 503"):
        open_registry().resolve(of(bearer))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"7", b"no JSON", b'{"token": 7}', b'{"token": ""}', b'{"token": "a", "expires_in": {"x": 1}}',
     b'{"token": "with space"}', b'{"token": "line\\r\\nend: x"}', b'{"token": "\\u00fc"}', b"[" * 100_000],
)  # fmt: skip
def test_a_token_service_that_answers_nonsense_is_told(
    body: bytes, bearer: RegistryServer, open_registry: OpenRegistry
) -> None:
    bearer.faults.answer_next(faults.instead(Reply(200, {}, body)), times=None, path="/token")
    with pytest.raises(RegistryDenied, match="token"):
        open_registry().resolve(of(bearer))


def test_a_token_service_that_never_stops_talking_is_cut(
    bearer: RegistryServer, open_registry: OpenRegistry
) -> None:
    bearer.faults.answer_next(faults.endless_body(), times=None, path="/token")
    with pytest.raises(RegistryUnavailable, match="larger than"):
        open_registry().resolve(of(bearer))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic", [Challenge("basic")]),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
            [
                Challenge(
                    "bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:x:pull,push"}
                )
            ],
        ),
        ("BEARER Realm = x , SERVICE=y", [Challenge("bearer", {"realm": "x", "service": "y"})]),
        (r'Basic realm="a \"b\" \\c"', [Challenge("basic", {"realm": r'a "b" \c'})]),
        ("Negotiate, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        (
            'Basic realm="r", Bearer realm="t", error="invalid_token"',
            [
                Challenge("basic", {"realm": "r"}),
                Challenge("bearer", {"realm": "t", "error": "invalid_token"}),
            ],
        ),
        (", ,", []),
        ("", []),
        ("=x", []),
    ],
)
def test_challenges_are_read_as_the_standard_writes_them(header: str, expected: list[Challenge]) -> None:
    assert parse_challenges(header) == expected


def test_a_token_is_preferred_to_sending_the_password_itself() -> None:
    chosen = choose(parse_challenges('Basic realm="r", Bearer realm="https://a/t"'))
    assert chosen is not None
    assert chosen.is_bearer


def test_secrets_are_in_no_message_no_log_and_no_text_of_an_object(
    bearer: RegistryServer, basic: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    """Every way to fail that has a secret at hand, with the secret sought in all that could be shown."""
    lines = io.StringIO()
    log.to(lines)
    try:
        said = [*_failures_with_secrets(bearer, basic, tmp_path, open_registry), lines.getvalue()]
    finally:
        log.to(None)
    assert len(said) > 10
    assert "registry-request" in lines.getvalue()
    tokens = [*bearer.door.granted]
    secrets = [PASSWORD, IDENTITY, *tokens, base64.b64encode(f"ada:{PASSWORD}".encode()).decode()]
    assert tokens
    assert [secret for secret in secrets for text in said if secret in text] == []


def _failures_with_secrets(
    bearer: RegistryServer, basic: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> Iterator[str]:
    users = {server.host: ("ada", PASSWORD) for server in (bearer, basic)}
    credentials = write_config(tmp_path, users)
    for server in (bearer, basic):
        for fault in _BAD_ANSWERS:
            client = open_registry(credentials=credentials)
            client.resolve(of(server))
            server.faults.answer_next(fault, times=None, path="/manifests/")
            yield _failure(client, of(server))
            yield from _texts_of_parts(client)
            server.faults.clear()
        server.faults.answer_next(_echo(server), times=None)
        yield _failure(open_registry(credentials=credentials), of(server))
        server.faults.clear()
    yield _failure(open_registry(credentials=_identity(tmp_path, bearer)), of(bearer))
    yield _failure(open_registry(credentials=_broken_token(tmp_path, bearer)), of(bearer))


_BAD_ANSWERS = [
    faults.status(401),
    faults.status(403),
    faults.status(418),
    faults.status(500),
    faults.drop(),
    faults.cut_body(3),
    faults.flipped_body(),
    faults.redirect("/v2/acme/cart/manifests/main"),
    faults.endless_body(),
]


def _echo(server: RegistryServer) -> Any:
    """A server that sends back, in every place, what it was sent."""

    def echo(_reply: Reply) -> Reply:
        shown = server.requests[-1].authorization or ""
        body = json.dumps({"errors": [{"code": shown, "message": shown}], "token": f"{shown}\n"}).encode()
        return Reply(200 if server.requests[-1].path == "/token" else 418, {"X-Echo": shown}, body)

    return echo


def _failure(client: Any, image: ImageReference) -> str:
    try:
        client.manifest(image)
    except LockflightError as error:
        assert "".join(traceback.format_exception(error))
        return everything_said(error)
    raise AssertionError("the question should have failed")


def _texts_of_parts(thing: Any, depth: int = 4) -> Iterator[str]:
    """The texts of an object and of what it holds, as a debugger or a careless log would show them."""
    yield f"{thing!r} {thing}"
    if depth and type(thing).__module__.startswith("lockflight"):
        held = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
        for part in [*getattr(thing, "__dict__", {}).values(), *held]:
            parts = part.values() if isinstance(part, dict) else [part]
            for one in parts:
                if type(one).__module__.startswith("lockflight"):
                    yield from _texts_of_parts(one, depth - 1)


def _identity(tmp_path: Path, server: RegistryServer) -> DockerCredentials:
    return write_raw(tmp_path, json.dumps({"auths": {server.host: {"identitytoken": IDENTITY}}}))


def _broken_token(tmp_path: Path, server: RegistryServer) -> DockerCredentials:
    entry = {"registrytoken": f"{IDENTITY}\r\nX-Injected: yes"}
    return write_raw(tmp_path, json.dumps({"auths": {server.host: entry}}))


def test_a_configuration_for_one_registry_is_never_shown_to_another(
    bearer: RegistryServer, basic: RegistryServer, tmp_path: Path, open_registry: OpenRegistry
) -> None:
    client = open_registry(credentials=write_config(tmp_path, {basic.host: ("ada", PASSWORD)}))
    assert client.resolve(of(basic)) is not None
    with pytest.raises(RegistryDenied):
        client.resolve(of(bearer))
    assert {one.authorization for one in bearer.requests if one.path == "/token"} == {None}
