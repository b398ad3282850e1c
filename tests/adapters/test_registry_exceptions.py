"""No exception of a library gets out of the registry adapter, whichever it is and wherever it comes from."""

from __future__ import annotations

import http.client
import inspect
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from urllib3 import exceptions
from urllib3.exceptions import HTTPError

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.ports.registry import RegistryDenied, RegistryUnavailable, WrongContent
from lockflight.testing.registry import RegistryServer
from tests.adapters.test_registry_misbehaviour import BUILT, CONFIG, put
from tests.conftest import OpenRegistry
from tests.support.texts import everything_said

MARK = "text of a library with a marked-secret"
OURS = (RegistryUnavailable, RegistryDenied, WrongContent)
POOL = urllib3.HTTPConnectionPool("127.0.0.1")
CONNECTION = urllib3.connection.HTTPConnection("127.0.0.1")


def _made(kind: type[HTTPError]) -> HTTPError:
    """An instance of one of urllib3's exceptions, whose constructors differ."""
    wanted = list(inspect.signature(kind.__init__).parameters)[1:]
    values: dict[str, Any] = {
        "pool": POOL,
        "conn": CONNECTION,
        "url": "/v2/",
        "message": MARK,
        "error": OSError(MARK),
        "reason": OSError(MARK),
        "location": MARK,
        "host": "a.example",
        "partial": 1,
        "expected": 2,
        "response": urllib3.HTTPResponse(b""),
        "length": b"1",
        "retries": None,
        "defects": [],
        "unparsed_data": None,
        "scheme": "ftp",
    }
    return kind(**{name: values[name] for name in wanted if name in values})


URLLIB3 = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, HTTPError) and not issubclass(kind, Warning)
]
OTHERS: list[Exception] = [
    OSError(5, MARK),
    ConnectionRefusedError(111, MARK),
    ConnectionResetError(104, MARK),
    BrokenPipeError(32, MARK),
    TimeoutError(MARK),
    socket.gaierror(-2, MARK),
    socket.herror(1, MARK),
    ssl.SSLError(1, MARK),
    ssl.SSLEOFError(8, MARK),
    ssl.SSLZeroReturnError(6, MARK),
    ssl.SSLCertVerificationError(1, f"CERTIFICATE_VERIFY_FAILED {MARK}"),
    ssl.CertificateError(MARK),
    http.client.BadStatusLine(MARK),
    http.client.IncompleteRead(b"x", 2),
    http.client.RemoteDisconnected(MARK),
    http.client.LineTooLong(MARK),
    http.client.InvalidURL(MARK),
    http.client.CannotSendRequest(MARK),
    UnicodeError(MARK),
    UnicodeEncodeError("idna", MARK, 0, 1, MARK),
    ValueError(f"Invalid header value b'Bearer {MARK}'"),
]


@pytest.fixture(params=[*URLLIB3, *OTHERS], ids=lambda one: getattr(one, "__name__", type(one).__name__))
def error(request: pytest.FixtureRequest) -> Exception:
    made: Exception = _made(request.param) if isinstance(request.param, type) else request.param
    return made


def _questions(client: OciRegistry, server: RegistryServer) -> list[Callable[[], object]]:
    image = put(server)
    by_digest = image.with_digest(BUILT.digest)
    return [
        lambda: client.resolve(image),
        lambda: client.manifest(image),
        lambda: client.blob(image, BUILT.digest),
        lambda: client.referrers(by_digest, "some/type"),
        lambda: client.push_blob(image, CONFIG + b" "),
        lambda: client.push_manifest(image, BUILT.body, BUILT.media_type),
    ]


def _raise(error: Exception) -> Callable[..., Any]:
    def raising(*_arguments: Any, **_named: Any) -> Any:
        raise error

    return raising


def test_nothing_gets_out_when_a_request_fails(
    error: Exception,
    registry_server: RegistryServer,
    open_registry: OpenRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", _raise(error))
    for question in _questions(open_registry(), registry_server):
        with pytest.raises(OURS) as caught:
            question()
        assert MARK not in str(caught.value)


def test_nothing_gets_out_when_the_reading_of_an_answer_fails(
    error: Exception,
    registry_server: RegistryServer,
    open_registry: OpenRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = open_registry()
    questions = _questions(client, registry_server)
    assert questions[0]() is not None
    monkeypatch.setattr(urllib3.HTTPResponse, "read1", _raise(error))
    for question in questions[1:4]:
        with pytest.raises(OURS) as caught:
            question()
        assert MARK not in str(caught.value)


def test_no_text_of_a_failed_request_gets_into_a_log_with_tracebacks(
    registry_server: RegistryServer, open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http.client repeats header values that it refuses; they may be tokens."""
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", _raise(ValueError(MARK)))
    with pytest.raises(OURS) as caught:
        open_registry().resolve(put(registry_server))
    assert MARK not in everything_said(caught.value)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_person_who_wants_to_stop_is_not_held_up(
    kind: type[BaseException],
    registry_server: RegistryServer,
    open_registry: OpenRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raising(*_arguments: Any, **_named: Any) -> Any:
        raise kind

    client = open_registry()
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", raising)
    with pytest.raises(kind):
        client.resolve(put(registry_server))
    monkeypatch.undo()
    assert client.resolve(put(registry_server)) is not None
