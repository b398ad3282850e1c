"""The connection to the engine's API, made when it is first used and shared by all threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

from lockflight.adapters.stack_engine.address import Address, find_address
from lockflight.adapters.stack_engine.failures import translated

if TYPE_CHECKING:
    from docker import APIClient
    from docker.tls import TLSConfig

SECONDS = 60
_PIECE = 64 * 1024
_CONNECTIONS = 32


class Connection:
    """One engine. `client` may be used within `asking` only, which translates what goes wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._guard = threading.RLock()
        self._address: Address | None = None
        self._client: APIClient | None = None

    @property
    def address(self) -> Address:
        with self._guard:
            if self._address is None:
                self._address = find_address(self._environment)
            return self._address

    @property
    def client(self) -> APIClient:
        with self._guard:
            if self._client is None:
                self._client = _connect(self.address)
            return self._client

    def asking(self) -> AbstractContextManager[None]:
        return translated(self.address.url)

    def stream(
        self,
        path: str,
        settings: Mapping[str, Any],
        seconds: float | None = SECONDS,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> Generator[bytes]:
        """An answer of any length, piece by piece as it comes.

        The library's own streams have no time limit and read every frame of a log in two calls. `seconds` is
        how long the engine may be silent; None is for logs that are followed.
        """
        with self.asking():
            url = f"{self.client.base_url}/v{self.client.api_version}{path}"
            response = self._opened(
                self.client.request(
                    method,
                    url,
                    params=dict(settings),
                    headers=headers,
                    stream=True,
                    timeout=(SECONDS, seconds),
                )
            )
        # What fails where the pieces go to does not come by here.
        with closing(response), self.asking():
            yield from response.iter_content(_PIECE)

    def _opened(self, response: Any) -> Any:
        from docker.errors import create_api_error_from_http_exception
        from requests import HTTPError

        try:
            response.raise_for_status()
        except HTTPError as error:
            with closing(response):
                create_api_error_from_http_exception(error)
        return response


def load_library() -> None:
    """Load what the connection will need; worth doing while a child is at work."""
    import docker  # noqa: F401
    import requests  # noqa: F401


def _connect(address: Address) -> APIClient:
    from docker import APIClient

    class Client(APIClient):
        """The library underneath would put REQUESTS_CA_BUNDLE, which is meant for web sites, in the place of
        the engine's own certificates."""

        def merge_environment_settings(self, *settings: Any, **more: Any) -> Any:
            merged = super().merge_environment_settings(*settings, **more)
            return {**merged, "verify": self.verify}

    _knock(address.url)
    return Client(
        base_url=address.url,
        version="auto",
        timeout=SECONDS,
        tls=_tls(address) or False,
        use_ssh_client=address.is_ssh,
        max_pool_size=_CONNECTIONS,
    )


def _knock(url: str) -> None:
    """The library leaves a socket open that it could not connect; so that is found out without it."""
    scheme, _, path = url.partition("://")
    if scheme == "unix" and path:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(SECONDS)
            probe.connect(path)


def _tls(address: Address) -> TLSConfig | None:
    certificates = address.certificates
    if certificates is None or not address.url.startswith(("tcp://", "https://")):
        return None
    from docker.tls import TLSConfig

    own = (certificates.file("cert"), certificates.file("key"))
    return TLSConfig(
        client_cert=(own[0], own[1]) if own[0] and own[1] else None,
        ca_cert=certificates.file("ca"),
        verify=certificates.verify,
    )
