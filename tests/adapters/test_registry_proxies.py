"""Registries behind a proxy: a tunnel for https, forwarding for http, and nothing of this machine's own."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from lockflight.adapters.registry_oci.addresses import BadAddress, parse_address
from lockflight.adapters.registry_oci.proxies import Proxies
from lockflight.names import parse_reference
from lockflight.ports.registry import RegistryUnavailable
from lockflight.testing.registry import RegistryServer
from tests.adapters.test_registry_misbehaviour import BUILT, PATH, put
from tests.conftest import OpenRegistry
from tests.support.certificates import Certificate

# Nobody can reach this host but through the proxy, which sends everything to `behind`.
HIDDEN = "registry.invalid"
SECRET = "marked-secret-7"


class _Handler(BaseHTTPRequestHandler):
    server: TinyProxy

    def do_CONNECT(self) -> None:
        if not self._may_pass():
            return
        with socket.create_connection(self.server.behind) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(other, self.connection), daemon=True)
            back.start()
            _pump(self.connection, other)
            back.join()

    def do_GET(self) -> None:
        if not self._may_pass():
            return
        host, port = self.server.behind
        connection = HTTPConnection(host, port)
        parts = urlsplit(self.path)
        headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
        connection.request(
            self.command, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers
        )
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _may_pass(self) -> bool:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.authorizations.add(self.headers.get("Proxy-Authorization", ""))
        if self.server.refusal is not None:
            self.send_response(self.server.refusal)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return self.server.refusal is None

    def log_message(self, *_: Any) -> None:
        pass


class TinyProxy(ThreadingHTTPServer):
    """Sends everything to one server, whatever host is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind: tuple[str, int] = ("127.0.0.1", 0)
        self.refusal: int | None = None
        self.asked: list[str] = []
        self.authorizations: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        url = f"http://ada:{SECRET}@127.0.0.1:{self.server_port}"
        return {"HTTPS_PROXY": url, "http_proxy": url}


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes, until either side is closed."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[TinyProxy]:
    with TinyProxy() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def port_of(server: RegistryServer) -> int:
    return int(server.host.rpartition(":")[2])


def test_an_https_registry_is_asked_through_a_tunnel(
    proxy: TinyProxy, certificate: Certificate, open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate))
    with RegistryServer(tls=certificate.server_context()) as server:
        put(server)
        proxy.behind = ("127.0.0.1", port_of(server))
        # The certificate is for this host, which nothing listens at on this port.
        client = open_registry(environment=proxy.environment)
        assert client.manifest(parse_reference(f"0.0.0.0:1/{PATH}:main")) == BUILT.content
        client.close()
    assert proxy.asked == ["CONNECT 0.0.0.0:1"]
    known = base64.b64encode(f"ada:{SECRET}".encode()).decode()
    assert proxy.authorizations == {f"Basic {known}"}
    assert all("Proxy-Authorization" not in request.headers for request in server.requests)


def test_an_http_registry_is_asked_by_the_proxy(
    proxy: TinyProxy, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    put(registry_server)
    proxy.behind = ("127.0.0.1", port_of(registry_server))
    client = open_registry(environment=proxy.environment, insecure=frozenset({HIDDEN}))
    assert client.manifest(parse_reference(f"{HIDDEN}/{PATH}:main")) == BUILT.content
    client.close()
    assert f"GET http://{HIDDEN}/v2/{PATH}/manifests/main" in proxy.asked


def test_this_machine_is_never_asked_through_a_proxy(
    proxy: TinyProxy, registry_server: RegistryServer, open_registry: OpenRegistry
) -> None:
    client = open_registry(environment=proxy.environment)
    assert client.manifest(put(registry_server)) == BUILT.content
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("status", "said"), [(407, "407 Proxy Authentication Required"), (502, "502 Bad Gateway")]
)
def test_a_proxy_that_refuses_is_told_without_its_password(
    status: int, said: str, proxy: TinyProxy, open_registry: OpenRegistry
) -> None:
    proxy.refusal = status
    client = open_registry(environment=proxy.environment)
    with pytest.raises(
        RegistryUnavailable, match=f"the proxy on the way to {HIDDEN} answered {said}"
    ) as caught:
        client.resolve(parse_reference(f"{HIDDEN}/{PATH}:main"))
    assert "_PROXY" in (caught.value.problems[0].hint or "")
    assert SECRET not in f"{caught.value} {caught.value.problems}"


def test_a_proxy_that_is_not_there_is_told_without_its_password(open_registry: OpenRegistry) -> None:
    with TinyProxy() as gone:
        environment = gone.environment
    client = open_registry(environment=environment)
    with pytest.raises(
        RegistryUnavailable, match=f"the proxy on the way to {HIDDEN} cannot be reached"
    ) as caught:
        client.resolve(parse_reference(f"{HIDDEN}/{PATH}:main"))
    assert SECRET not in f"{caught.value} {caught.value.problems}"


@pytest.mark.parametrize(
    "url", [f"socks5://ada:{SECRET}@proxy", f"http://ada:{SECRET}@", f"http://[{SECRET}"]
)
def test_a_variable_that_names_no_proxy_is_told_without_its_text(
    url: str, open_registry: OpenRegistry
) -> None:
    with pytest.raises(RegistryUnavailable, match="HTTPS_PROXY names no proxy") as caught:
        open_registry(environment={"HTTPS_PROXY": url}).resolve(parse_reference(f"{HIDDEN}/{PATH}:main"))
    assert SECRET not in f"{caught.value} {caught.value.problems}"
    with pytest.raises(BadAddress):
        Proxies({"HTTPS_PROXY": url}).for_address(parse_address(f"https://{HIDDEN}"))


@pytest.mark.parametrize(
    ("exempt", "url", "is_direct"),
    [
        ("", "https://ghcr.io", False),
        ("*", "https://ghcr.io", True),
        ("ghcr.io", "https://ghcr.io", True),
        ("GHCR.io, quay.io", "https://ghcr.io", True),
        ("io", "https://ghcr.io", True),
        (".ghcr.io", "https://pkg.ghcr.io", True),
        ("*.ghcr.io", "https://pkg.ghcr.io", True),
        ("hcr.io", "https://ghcr.io", False),
        ("ghcr.io:443", "https://ghcr.io", True),
        ("ghcr.io:5000", "https://ghcr.io", False),
        ("10.0.0.0/8", "https://10.2.3.4:5000", True),
        ("10.0.0.0/8", "https://11.2.3.4", False),
        ("10.0.0.0/8", "https://ghcr.io", False),
        ("", "https://localhost:5000", True),
        ("", "https://[::1]:5000", True),
        ("", "http://ghcr.io", True),
    ],
)
def test_no_proxy_names_what_is_asked_directly(exempt: str, url: str, is_direct: bool) -> None:
    proxies = Proxies({"https_proxy": "proxy.example:3128", "NO_PROXY": exempt})
    found = proxies.for_address(parse_address(url))
    assert (found is None) is is_direct
    assert found is None or found.url == "http://proxy.example:3128"
