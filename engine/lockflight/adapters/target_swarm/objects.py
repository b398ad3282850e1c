"""Configs and secrets of a service: on a swarm they can never be changed, so each content has a name of its own.

The name ends in a number and not in a hash of the content: everybody who may look at the swarm reads it, and a
hash of a short password can be guessed. Which number a content has is asked of the swarm itself: writing it over
a secret is refused unless it is the same, and changes nothing then. Older ones stay, since swarm's own rollback and
ours need them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from lockflight.adapters.stack_engine.connection import Connection
from lockflight.adapters.target_swarm.api import send
from lockflight.adapters.target_swarm.look import NAMESPACE
from lockflight.adapters.target_swarm.stack_file import used_objects
from lockflight.errors import InputError

_KINDS = ("configs", "secrets")
_TRIES = 20
_IS_ANOTHER = "only updates to labels"
_OUT_OF_SEQUENCE = "update out of sequence"


class Objects:
    """`values` are the variables that configs and secrets may be made of."""

    def __init__(self, connection: Connection, stack: str, values: Mapping[str, str]) -> None:
        self._connection = connection
        self._stack = stack
        self._values = values

    def of(self, service: str, model: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Have all that the service uses on the swarm; their names there, by kind and key."""
        used = {kind: used_objects(kind, model["services"][service] or {}) for kind in _KINDS}
        return {
            kind: {
                key: self._name(kind, key, (model.get(kind) or {}).get(key) or {})
                for key in sorted(used[kind])
            }
            for kind in _KINDS
        }

    def _name(self, kind: str, key: str, section: Mapping[str, Any]) -> str:
        if section.get("external"):
            return str(section.get("name") or key)
        content = base64.b64encode(self._content(kind, key, section)).decode()
        for number in count(1):
            name = f"{self._stack}_{key}-{number}"
            if self._is_there(kind, name, content):
                return name
        raise AssertionError("there is always a next number")

    def _content(self, kind: str, key: str, section: Mapping[str, Any]) -> bytes:
        if section.get("environment"):
            return self._values.get(str(section["environment"]), "").encode(errors="surrogateescape")
        if section.get("content") is not None:
            return str(section["content"]).replace("$$", "$").encode()
        path = Path(str(section.get("file") or "").replace("$$", "$"))
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{kind}.{key}: {path} cannot be read: {error.strerror or error}") from error

    def _is_there(self, kind: str, name: str, content: str) -> bool:
        """Made now, or the same already; False when it holds something else."""
        from docker.errors import APIError

        spec = {"Name": name, "Labels": {NAMESPACE: self._stack}, "Data": content}
        with self._connection.asking():
            try:
                send(self._connection.client, f"/{kind}/create", {}, spec)
            except APIError as error:
                if error.status_code != 409:
                    raise
                return self._is_same(kind, name, spec)
        return True

    def _is_same(self, kind: str, name: str, spec: Mapping[str, Any]) -> bool:
        from docker.errors import APIError

        client: Any = self._connection.client
        look = client.inspect_config if kind == "configs" else client.inspect_secret
        for attempt in range(_TRIES):
            found = look(name)
            try:
                send(client, f"/{kind}/{found['ID']}/update", {"version": found["Version"]["Index"]}, spec)
            except APIError as error:
                said = str(error.explanation).lower()
                if _IS_ANOTHER in said:
                    return False
                if _OUT_OF_SEQUENCE not in said or attempt == _TRIES - 1:
                    raise
                continue
            return True
        return False
