"""Taking a stack away, by its labels alone.

Through the engine's API and not by `docker compose down`: that goes by Compose's own label, so it would take a
project of somebody else that has the same name, and it leaves what has our label only (the containers of
suites); and stopping all at once is faster than its order. Each container still gets its own time to end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lockflight import logs
from lockflight.adapters.stack_engine import containers
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import EngineRefused, NotThere
from lockflight.errors import OutsideError, Problem
from lockflight.ports.stack_engine import STACK

_PARALLEL = 8
# Something may still be made by a Compose that is ending, and an engine may be slow to let go.
_ROUNDS = 10
_PAUSE_SECONDS = 0.3
_USUAL_GRACE_SECONDS = 10


class Removal:
    def __init__(
        self, connection: Connection, stack: str, seconds: int | None, *, strangers: bool = False
    ) -> None:
        self._connection = connection
        self._stack = stack
        self._only = {"label": f"{STACK}={stack}"}
        self._of_project = {"label": f"com.docker.compose.project={stack}"}
        self._strangers = strangers
        self._seconds = seconds

    def run(self) -> None:
        troubles: list[str] = []
        for number in range(_ROUNDS):
            if number and troubles:
                time.sleep(_PAUSE_SECONDS)
            removed, troubles = self._round()
            if not removed and not troubles:
                return
        self._refuse(troubles)

    def _round(self) -> tuple[int, list[str]]:
        """Remove all that is there now: how much there was, and what did not go."""
        count, troubles = 0, []
        # In this order: a network or a volume goes only when no container uses it.
        for there, remove in (
            (self._containers, self._end),
            (self._networks, self._remove_network),
            (self._volumes, self._remove_volume),
        ):
            with self._connection.asking():
                entries = there()
            count += len(entries)
            troubles += self._all(remove, entries)
        return count, troubles

    def _all(self, remove: Callable[[Mapping[str, Any]], None], entries: list[dict[str, Any]]) -> list[str]:
        def attempt(entry: Mapping[str, Any]) -> str | None:
            try:
                with self._connection.asking():
                    remove(entry)
            except NotThere:
                return None  # gone is what we wanted
            except EngineRefused as error:
                return error.said
            except OutsideError as error:
                # A large volume may take longer than we wait for an answer; the next round looks again.
                return str(error)
            return None

        if not entries:
            return []
        pool = ThreadPoolExecutor(min(_PARALLEL, len(entries)), thread_name_prefix="lockflight-down")
        try:
            said = list(pool.map(attempt, entries))
        finally:
            # After Ctrl-C nobody waits for a container that takes its time.
            pool.shutdown(wait=False, cancel_futures=True)
        return [one for one in said if one]

    def _containers(self) -> list[dict[str, Any]]:
        """Those with our label; and, where that is wanted, what Compose started beside them because the files were
        changed after they were checked."""
        client = self._connection.client
        found = list(client.containers(all=True, filters=self._only))
        if self._strangers:
            found += client.containers(all=True, filters=self._of_project)
        return list({one["Id"]: one for one in found}.values())

    def _networks(self) -> list[dict[str, Any]]:
        return list(self._connection.client.networks(filters=self._only))

    def _volumes(self) -> list[dict[str, Any]]:
        return list(self._connection.client.volumes(filters=self._only).get("Volumes") or [])

    def _end(self, entry: Mapping[str, Any]) -> None:
        """Let it end by itself, and take it away with the volumes that have no name."""
        if self._seconds != 0 and entry.get("State") in {"running", "restarting", "paused"}:
            self._stop(str(entry["Id"]))
        self._connection.client.remove_container(entry["Id"], v=True, force=True)

    def _stop(self, identity: str) -> None:
        from docker.errors import APIError

        client = self._connection.client
        inspected = client.inspect_container(identity)
        grace = self._seconds
        if grace is None:
            wanted = (inspected.get("Config") or {}).get("StopTimeout")
            grace = _USUAL_GRACE_SECONDS if wanted is None else int(wanted)
        try:
            # One that is paused hears nothing.
            if (inspected.get("State") or {}).get("Paused"):
                client.unpause(identity)
            client.stop(identity, timeout=grace)
        except APIError:
            # It ended meanwhile; and if not, removing it by force tells why.
            return

    def _remove_network(self, entry: Mapping[str, Any]) -> None:
        self._connection.client.remove_network(entry["Id"])

    def _remove_volume(self, entry: Mapping[str, Any]) -> None:
        self._connection.client.remove_volume(entry["Name"])

    def _refuse(self, troubles: Iterable[str]) -> None:
        with self._connection.asking():
            left = [
                *(f"container {containers.name_of(entry)}" for entry in self._containers()),
                *(f"network {entry['Name']}" for entry in self._networks()),
                *(f"volume {entry['Name']}" for entry in self._volumes()),
            ]
        if not left:
            return
        why = "; ".join(dict.fromkeys(logs.printable(trouble) for trouble in troubles)) or "it comes back"
        message = f"of the stack {self._stack} could not be removed: {', '.join(left)}: {why}"
        raise OutsideError([Problem(message, hint="end what uses it, and run 'lockflight stack down' again")])
