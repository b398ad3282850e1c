"""What a swarm gives for a lease: a name that one config has, labels with a version, and the manager's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.stack_engine.failures import NotThere
from lockflight.ports.clock import Clock
from lockflight.ports.target import Holder

_LEASE = "dev.lockflight.lease"
_NUMBER = "dev.lockflight.lease.number"
_TOKEN = "dev.lockflight.lease.token"  # noqa: S105 - tells two owners apart, opens nothing
_OWNER = "dev.lockflight.lease.owner"
_RUN = "dev.lockflight.lease.run"
_SINCE = "dev.lockflight.lease.since"
_EXPIRES = "dev.lockflight.lease.expires"
# A config must have a content, which can never be changed.
_CONTENT = "bGVhc2U="
_OUT_OF_SEQUENCE = "update out of sequence"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the config; without a token nobody has the lease. The version is the one that was read."""

    holder: Holder
    token: str | None
    id: str = ""
    version: int = 0


class LeasePlace:
    """The lease called `name` on one swarm."""

    def __init__(self, connection: Connection, name: str, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.name = name

    def now(self) -> datetime:
        with self._connection.asking():
            client = self._connection.client
            said = client.get(f"{client.base_url}/_ping").headers.get("Date")
            return parsedate_to_datetime(said) if said else self._clock.now()

    def find(self) -> Entry | None:
        try:
            with self._connection.asking():
                client: Any = self._connection.client
                found = client.inspect_config(self.name)
        except NotThere:
            return None
        labels = (found.get("Spec") or {}).get("Labels") or {}
        token = labels.get(_TOKEN) or None
        return Entry(_holder(labels), token, str(found["ID"]), int(found["Version"]["Index"]))

    def write(self, entry: Entry, over: Entry | None) -> bool:
        """The one step that excludes others; False when somebody was faster."""
        return self._create(entry) if over is None else self._update(entry, over)

    def _create(self, entry: Entry) -> bool:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._send("/configs/create", {}, {**self._spec(entry), "Data": _CONTENT})
            except APIError as error:
                if error.status_code == 409:
                    return False
                raise
        return True

    def _update(self, entry: Entry, over: Entry) -> bool:
        from docker.errors import APIError

        with self._connection.asking():
            try:
                self._send(f"/configs/{over.id}/update", {"version": over.version}, self._spec(entry))
            except APIError as error:
                if error.status_code == 404 or _OUT_OF_SEQUENCE in str(error.explanation):
                    return False
                raise
        return True

    def _spec(self, entry: Entry) -> dict[str, Any]:
        return {"Name": self.name, "Labels": {_LEASE: self.name, **_labels(entry)}}

    def _send(self, path: str, settings: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
        from lockflight.adapters.target_swarm.api import send

        send(self._connection.client, path, settings, spec)


def _labels(entry: Entry) -> dict[str, str]:
    holder = entry.holder
    return {
        _NUMBER: str(holder.number),
        _OWNER: holder.owner,
        **({_TOKEN: entry.token} if entry.token else {}),
        **({_RUN: holder.run} if holder.run else {}),
        _SINCE: holder.since.isoformat(),
        _EXPIRES: holder.expires.isoformat(),
    }


def _holder(labels: Mapping[str, Any]) -> Holder:
    """What stands on the config. One that somebody else made under this name has run out long ago."""
    number = str(labels.get(_NUMBER, ""))
    return Holder(
        int(number) if number.isdigit() else 0,
        str(labels.get(_OWNER, "")),
        labels.get(_RUN),
        _time(labels.get(_SINCE)),
        _time(labels.get(_EXPIRES)),
    )


def _time(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
