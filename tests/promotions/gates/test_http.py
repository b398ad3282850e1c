"""The `http` gate, asked of real servers on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from lockflight.errors import InputError
from lockflight.promotions.gates import http
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import Site, ask, gate, page, question, serving, site, with_urls
from tests.support.certificates import Certificate

STORE = {"checks": {"store": {"status": "up", "replicas": 2, "fresh": True}}, "nodes": [{"name": "one"}]}
HEALTH = page(json.dumps(STORE).encode())


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """Something that is no web server: takes every connection, says that, and waits."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)

        def serve() -> None:
            connections = []
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                connection.sendall(answer)
                connections.append(connection)
                if answer:
                    connection.recv(4096)
                    connection.shutdown(socket.SHUT_WR)
            for connection in connections:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def test_an_address_that_answers_as_it_should_says_yes() -> None:
    with site(health=HEALTH) as shop:
        answer = ask("http", {"url": f"{shop.url}/health"})
    assert answer.verdict == "yes"
    assert answer.reason == f"{shop.url}/health answered 200 OK in 0.0 s"
    assert answer.details["status"] == 200


def test_another_status_says_no_and_which() -> None:
    with site(health=page(b"", 503)) as shop:
        answer = ask("http", {"url": f"{shop.url}/health"})
    assert answer.verdict == "no"
    assert answer.reason == f"{shop.url}/health answered 503 Service Unavailable, not 200, 3 times"


def test_any_status_may_be_the_right_one() -> None:
    with site(private=page(b"", 401)) as shop:
        assert ask("http", {"url": f"{shop.url}/private", "status": 401}).verdict == "yes"


@pytest.mark.parametrize(
    ("path", "equals", "verdict"),
    [
        ("checks.store.status", "up", "yes"),
        ("checks.store.status", "down", "no"),
        ("checks.store.status", None, "yes"),
        ("checks.store.replicas", 2, "yes"),
        ("checks.store.replicas", "2", "no"),
        ("checks.store.replicas", True, "no"),
        ("checks.store.fresh", True, "yes"),
        ("checks.store.fresh", 1, "no"),
        ("checks.store.missing", None, "no"),
        ("nodes.0.name", "one", "yes"),
        ("nodes[0].name", "one", "yes"),
        ("nodes.1.name", "one", "no"),
        ("nodes.first", None, "no"),
        ("nodes", "one", "no"),
    ],
)
def test_a_value_in_the_answer_must_be_what_is_wanted(path: str, equals: object, verdict: str) -> None:
    with site(health=HEALTH) as shop:
        wanted = {"url": f"{shop.url}/health", "json": path, "equals": equals, "tries": 1}
        answer = ask("http", wanted)
    assert answer.verdict == verdict
    assert path in answer.reason


def test_a_wrong_value_is_said_with_what_it_should_be() -> None:
    with site(health=HEALTH) as shop:
        answer = ask(
            "http", {"url": f"{shop.url}/health", "json": "checks.store.status", "equals": "ok", "tries": 1}
        )
    assert answer.reason == f'{shop.url}/health: checks.store.status is "up", not "ok"'


def test_without_a_path_the_whole_answer_is_compared() -> None:
    with site(ping=page(b"pong\n"), one=page(b"1")) as shop:
        assert ask("http", {"url": f"{shop.url}/ping", "equals": "pong"}).verdict == "yes"
        assert ask("http", {"url": f"{shop.url}/one", "equals": 1}).verdict == "yes"
        assert ask("http", {"url": f"{shop.url}/ping", "equals": "ping", "tries": 1}).verdict == "no"


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe"])
def test_an_answer_that_is_no_json_says_no(body: bytes) -> None:
    with site(health=page(body)) as shop:
        answer = ask("http", {"url": f"{shop.url}/health", "json": "status", "tries": 1})
    assert (answer.verdict, answer.reason) == ("no", f"{shop.url}/health: the answer is no JSON")


def test_an_answer_that_does_not_end_is_not_read_to_the_end() -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b" " * 65536)
        except OSError:
            request.close_connection = True

    with site(health=endless) as shop:
        assert ask("http", {"url": f"{shop.url}/health"}).verdict == "yes"
        answer = ask("http", {"url": f"{shop.url}/health", "json": "status", "tries": 1})
    assert answer.reason == f"{shop.url}/health: the answer is longer than 1 MiB"


def test_an_answer_that_comes_too_late_says_no() -> None:
    clock = FakeClock()
    with site(health=page(before=lambda: clock.advance(3))) as shop:
        wanted = {"url": f"{shop.url}/health", "within": "2s", "tries": 1}
        answer = ask("http", wanted, question(clock=clock))
    assert (answer.verdict, answer.details["latency"]) == ("no", 3.0)
    assert answer.reason == f"{shop.url}/health took 3.0 s, and not 2.0 s at most"


def test_one_that_never_answers_is_not_waited_for_longer_than_wanted() -> None:
    with listening(b"") as port:
        answer = ask("http", {"url": f"http://127.0.0.1:{port}/", "within": "1s", "tries": 1})
    assert answer.verdict == "no"
    assert answer.reason == f"http://127.0.0.1:{port}/ did not answer within 1.0 s"


def test_one_that_answers_byte_by_byte_is_not_waited_for_either() -> None:
    given_up = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not given_up.wait(0.05):
                request.wfile.write(b" ")
        except OSError:
            given_up.set()

    with site(health=drip) as shop:
        answer = ask("http", {"url": f"{shop.url}/health", "within": "1s", "tries": 1})
        assert answer.reason == f"{shop.url}/health did not answer within 1.0 s"
        # Nobody goes on reading in the background: the connection is closed, and the server notices.
        assert given_up.wait(10)


def test_it_is_asked_again_with_pauses_by_the_clock() -> None:
    clock = FakeClock()
    answers = iter([page(b"", 503), page(b"", 503), page()])
    with site(health=lambda request: next(answers)(request)) as shop:
        answer = ask("http", {"url": f"{shop.url}/health"}, question(clock=clock))
    assert (answer.verdict, answer.details["tries"]) == ("yes", 3)
    assert clock.slept == [1.0, 2.0]
    assert answer.seconds == 3.0


def test_nobody_listening_says_no() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = ask("http", {"url": f"http://127.0.0.1:{port}/health", "tries": 2})
    assert answer.verdict == "no"
    assert answer.reason == f"http://127.0.0.1:{port}/health cannot be reached: connection refused, 2 times"


def test_a_name_that_is_not_known_here_is_unknown_and_no_refusal() -> None:
    answer = ask("http", {"url": "http://nowhere.invalid/health", "tries": 1})
    assert (answer.verdict, answer.reason) == (
        "unknown",
        "http://nowhere.invalid/health cannot be asked: its name is not known here",
    )


def test_something_that_speaks_no_http_says_no() -> None:
    with listening(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        answer = ask("http", {"url": f"http://127.0.0.1:{port}/", "tries": 1})
    assert (answer.verdict, answer.reason) == (
        "no",
        f"the answer of http://127.0.0.1:{port}/ was cut off, or is no HTTP",
    )


def test_a_certificate_that_nobody_trusts_is_said(certificate: Certificate) -> None:
    served = Site({"/health": page()})
    served.server.socket = certificate.server_context().wrap_socket(served.server.socket, server_side=True)
    with serving(served):
        answer = ask("http", {"url": f"https://127.0.0.1:{served.port}/health", "tries": 1})
    assert answer.verdict == "no"
    assert (
        answer.reason == f"the certificate of 127.0.0.1:{served.port} is not trusted: self-signed certificate"
    )


def test_a_certificate_that_is_trusted_is_fine(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    served = Site({"/health": page()})
    served.server.socket = certificate.server_context().wrap_socket(served.server.socket, server_side=True)
    with serving(served):
        assert ask("http", {"url": f"https://127.0.0.1:{served.port}/health"}).verdict == "yes"


def test_https_where_there_is_none_is_said() -> None:
    with site(health=page()) as shop:
        answer = ask("http", {"url": f"https://127.0.0.1:{shop.port}/health", "tries": 1})
    assert (answer.verdict, answer.reason) == ("no", f"127.0.0.1:{shop.port} does not speak https")


def test_a_redirect_on_the_same_host_is_followed() -> None:
    with site(old=page(b"", 302, {"Location": "/health"}), health=HEALTH) as shop:
        answer = ask("http", {"url": f"{shop.url}/old", "json": "checks.store.status", "equals": "up"})
    assert (answer.verdict, shop.asked) == ("yes", ["/old", "/health"])


def test_a_redirect_that_is_wanted_is_not_followed() -> None:
    with site(old=page(b"", 302, {"Location": "/health"}), health=HEALTH) as shop:
        assert ask("http", {"url": f"{shop.url}/old", "status": 302}).verdict == "yes"
    assert shop.asked == ["/old"]


def test_a_redirect_to_another_host_is_no_answer_of_this_one() -> None:
    with (
        site(health=page()) as other,
        site(
            health=page(b"", 302, {"Location": f"http://localhost:{other.port}/health?token=hidden"})
        ) as shop,
    ):
        answer = ask("http", {"url": f"{shop.url}/health", "tries": 1})
    assert answer.verdict == "no"
    assert "answered 302 Found, not 200; redirects are followed on the same host only" in answer.reason
    assert other.asked == []
    assert "hidden" not in json.dumps(answer.as_data())


def test_redirects_in_a_circle_end() -> None:
    with site(round=page(b"", 307, {"Location": "/round"})) as shop:
        answer = ask("http", {"url": f"{shop.url}/round", "tries": 1})
    assert answer.reason == f"{shop.url}/round redirects more than 5 times"


def test_what_is_secret_in_an_address_stands_in_no_message() -> None:
    with site(health=page(b"", 503)) as shop:
        about = question(variables={"HEALTH_TOKEN": "open-sesame"})
        answer = ask("http", {"url": f"{shop.url}/health?key=open-sesame", "tries": 1}, about)
        assert shop.asked == ["/health?key=open-sesame"]
    assert "sesame" not in json.dumps(answer.as_data())
    assert "sesame" not in http.explain(gate(http={"url": "http://shop/health?key=open-sesame"}).settings)


def test_a_secret_in_the_answer_stands_in_no_message() -> None:
    about = question(variables={"DATABASE_PASSWORD": "open-sesame"})
    with site(health=page(b'{"db": "open-sesame"}')) as shop:
        answer = ask("http", {"url": f"{shop.url}/health", "json": "db", "equals": "up", "tries": 1}, about)
    assert answer.reason == f'{shop.url}/health: db is "***", not "up"'


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop/",
        "shop/health",
        "http://",
        "http://shop:99999/",
        "http://sh op/",
        "http://ada:secret@shop/",
    ],
)
def test_what_is_no_address_is_the_manifests_fault(url: str) -> None:
    with pytest.raises(InputError) as failure:
        ask("http", {"url": url})
    assert "secret" not in str(failure.value)
    assert http.problems(gate(http={"url": url}).settings, question())


def test_an_address_may_name_one_of_the_environments_urls() -> None:
    with site(health=HEALTH) as shop:
        about = with_urls(question(), gateway=f"{shop.url}/")
        assert ask("http", {"url": "{url.gateway}/health"}, about).verdict == "yes"
        assert not http.problems(gate(http={"url": "{url.gateway}/health"}).settings, about)


def test_a_service_that_has_no_url_is_the_manifests_fault() -> None:
    with pytest.raises(InputError, match="cannot be filled for production") as failure:
        ask("http", {"url": "{url.gatway}/health"}, with_urls(question(), gateway="http://shop"))
    assert failure.value.problems[0].hint == "name the address under environments.production.urls"


def through(proxy: Site, **more: str) -> Any:
    return question(variables={"http_proxy": f"http://ada:open-sesame@127.0.0.1:{proxy.port}", **more})


def test_a_proxy_of_the_environment_is_used() -> None:
    with serving(Site({"http://shop.example/health": page()})) as proxy:
        answer = ask("http", {"url": "http://shop.example/health"}, through(proxy))
    assert answer.verdict == "yes"
    assert proxy.heard[0]["Host"] == "shop.example"
    assert proxy.heard[0]["Proxy-Authorization"] == "Basic YWRhOm9wZW4tc2VzYW1l"


def test_a_proxy_that_does_not_let_us_through_makes_the_answer_unknown() -> None:
    with serving(Site({"http://shop.example/health": page(b"", 407)})) as proxy:
        answer = ask("http", {"url": "http://shop.example/health", "tries": 1}, through(proxy))
    assert answer.verdict == "unknown"
    assert "the proxy on the way answered 407 Proxy Authentication Required" in answer.reason


@pytest.mark.parametrize(
    "exempt",
    ["*", "127.0.0.0/8", "shop.example", ".example", "*.example", "other, shop.example:80x shop.example"],
)
def test_a_host_that_is_exempt_is_asked_without_the_proxy(exempt: str) -> None:
    with serving(Site({})) as proxy:
        about = through(proxy, NO_PROXY=exempt)
        ask("http", {"url": "http://shop.example/health", "tries": 1}, about)
        ask("http", {"url": f"{proxy.url}/health", "tries": 1}, about)
    assert [path for path in proxy.asked if path.startswith("http:")] == (
        ["http://shop.example/health"] if exempt == "127.0.0.0/8" else []
    )


@pytest.mark.parametrize(
    "named", ["https://proxy:1", "http://", "socks5://proxy", "http://ada:sesame@proxy:x"]
)
def test_a_proxy_that_is_none_is_said_without_repeating_it(named: str) -> None:
    about = question(variables={"HTTP_PROXY": named})
    answer = ask("http", {"url": "http://shop.example/health", "tries": 1}, about)
    assert answer.verdict == "unknown"
    assert answer.reason.endswith("HTTP_PROXY names no proxy such as http://proxy.example:3128")


def test_a_tunnel_that_is_refused_makes_the_answer_unknown() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with listening(refusal) as port:
        about = question(variables={"https_proxy": f"127.0.0.1:{port}"})
        answer = ask("http", {"url": "https://shop.example/health", "tries": 1}, about)
    assert answer.verdict == "unknown"
    assert answer.reason.endswith("the proxy on the way answered 403 Forbidden")


def test_the_sentence_for_a_plan_says_everything_that_is_wanted() -> None:
    wanted = {"url": "{url.gateway}/health", "json": "checks.store.status", "equals": "up", "within": "2s"}
    assert http.explain(gate(http=wanted).settings) == (
        '{url.gateway}/health answers 200 within 2.0 s, and checks.store.status is "up"'
    )
