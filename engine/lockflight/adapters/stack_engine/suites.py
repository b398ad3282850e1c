"""The containers of suites: started from an image, waited for, ended, and what they wrote taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockflight.adapters.stack_engine.archive import files_in
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.ports.stack_engine import ImageMissing, SuiteContainer


class Suites:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(
        self,
        reference: str,
        container: SuiteContainer,
        networks: Sequence[str] | None,
        mounts: Mapping[Path, str],
    ) -> str:
        from docker.errors import ImageNotFound

        with self._connection.asking():
            client = self._connection.client
            try:
                made = client.create_container(
                    reference,
                    name=container.name,
                    command=list(container.command) if container.command is not None else None,
                    environment=dict(container.environment),
                    labels=dict(container.labels),
                    host_config=client.create_host_config(
                        network_mode=_network_mode(networks), mounts=_mounts(mounts)
                    ),
                )
            except ImageNotFound as error:
                raise ImageMissing(f"{reference} is not on the Docker engine") from error
        identity = str(made["Id"])
        try:
            self._start(identity, networks or ())
        except BaseException:
            self.remove(identity)
            raise
        return identity

    def _start(self, container: str, networks: Sequence[str]) -> None:
        with self._connection.asking():
            for network in networks[1:]:
                self._connection.client.connect_container_to_network(container, network)
            self._connection.client.start(container)

    def wait(self, container: str, seconds: float) -> int | None:
        import requests

        with self._connection.asking():
            try:
                # Zero would mean no limit at all.
                limit: Any = max(seconds, 0.01)  # the library takes parts of a second as well
                answer = self._connection.client.wait(container, timeout=limit)
            except requests.Timeout:
                return None
            except requests.ConnectionError as error:
                # The library underneath tells a silence in the middle of an answer as a broken connection.
                if "timed out" in str(error).lower():
                    return None
                raise
        return int(answer["StatusCode"])

    def kill(self, container: str) -> None:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._connection.client.kill(container)
            except APIError as error:
                # Gone, or not running any more.
                if error.status_code not in {404, 409}:
                    raise

    def remove(self, container: str) -> None:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._connection.client.remove_container(container, v=True, force=True)
            except APIError as error:
                # Gone, or about to be: somebody else removes it right now.
                if error.status_code not in {404, 409}:
                    raise

    def copy_out(self, container: str, path: str) -> dict[str, bytes]:
        folder, _, pattern = path.rpartition("/")
        wanted, depth = path, 0
        if "*" in pattern:
            # The archive of `/reports` begins with `reports/`, that of the root with nothing.
            wanted, depth = folder or "/", 1 if folder else 0
        try:
            return files_in(self._archive(container, wanted), pattern, depth)
        except NotThere:
            return {}

    def _archive(self, container: str, path: str) -> Any:
        return self._connection.stream(f"/containers/{container}/archive", {"path": path})


def _network_mode(networks: Sequence[str] | None) -> str:
    if networks is None:
        return "host"
    return networks[0] if networks else "none"


def _mounts(mounts: Mapping[Path, str]) -> list[Any]:
    """As mounts and not as binds: of a source that is missing the engine would make an empty folder."""
    from docker.types import Mount

    return [
        Mount(target=target, source=str(source), type="bind", read_only=True)
        for source, target in mounts.items()
    ]
