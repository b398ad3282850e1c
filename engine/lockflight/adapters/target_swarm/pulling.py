"""Whether every node will be able to pull: the manager pulls, and the registry is asked for what it had already.

Nobody can make another node pull but by giving it a task. A node that cannot is told by its task, at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused
from lockflight.adapters.stack_engine.images import Images, refusal
from lockflight.adapters.target_compose.pulling import pull_missing, together
from lockflight.concurrency import each
from lockflight.names import parse_reference
from lockflight.progress import Progress

if TYPE_CHECKING:
    from lockflight.adapters.registry_oci.credentials import Credentials

_PARALLEL = 8


class Pulling:
    def __init__(self, connection: Connection, environment: Mapping[str, str]) -> None:
        self._connection = connection
        self._environment = environment
        self._images = Images(connection, environment)

    def pull(self, references: Sequence[str], progress: Progress) -> None:
        with self._connection.asking():
            client: Any = self._connection.client
            nodes = client.nodes()
        # The only node has it, or gets it now; of several, each must be able to get it from the registry.
        if len(nodes) > 1:
            self.ask(references, progress)
        pull_missing(self._images, dict.fromkeys(references), progress)

    def ask(self, references: Sequence[str], progress: Progress) -> None:
        """The registry, from the manager; all that it does not have are named together."""
        _, failures = each(
            self._ask_one, list(references), progress, "asking the registry", parallel=_PARALLEL
        )
        if failures:
            raise together(failures)

    def _ask_one(self, reference: str) -> None:
        from lockflight.adapters.registry_oci.credentials import DockerCredentials

        host = parse_reference(reference).registry
        found = DockerCredentials(self._environment).find(host)
        try:
            with self._connection.asking():
                client: Any = self._connection.client
                client.inspect_distribution(reference, auth_config=_login(found.credentials))
        except EngineRefused as error:
            raise refusal(reference, host, error.said, found.trouble) from error


def _login(found: Credentials | None) -> dict[str, str] | None:
    if found is None:
        return {}
    words = {
        "username": found.username,
        "password": found.password,
        "identitytoken": found.identity_token,
        "registrytoken": found.registry_token,
    }
    return {key: value for key, value in words.items() if value}
