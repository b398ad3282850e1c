"""Docker: needed to run a stack, and never to make a lock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lockflight.setup import commands
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok

_OLDEST_COMPOSE = 2
_CLIENT = (
    "Debian: sudo apt-get install docker.io (docker-cli in newer releases); Ubuntu: sudo apt-get install docker.io;"
    " macOS: brew install --cask docker"
)
_ENGINE = "sudo systemctl start docker, or 'sudo dockerd &'; macOS: open -a Docker. See also DOCKER_HOST"
_PERMISSION = 'sudo usermod -aG docker "$USER", and log in again'
_COMPOSE = (
    "Ubuntu: sudo apt-get install docker-compose-v2; Debian 13: sudo apt-get install docker-compose;"
    " elsewhere the compose plugin of Docker's own packages"
)
_BUILDX = "Debian 13, Ubuntu: sudo apt-get install docker-buildx; elsewhere the buildx plugin of Docker's own packages"


def docker(surroundings: Surroundings) -> Iterator[Checked]:
    """Client, engine, Compose and buildx; without a stack their absence is only worth a note."""
    absent = missing if surroundings.has_stack else note
    if not commands.installed("docker", surroundings.environment):
        yield absent("docker", "docker is not installed", _CLIENT)
        return
    yield _engine(surroundings)
    yield _plugin(surroundings, "compose", _COMPOSE, _OLDEST_COMPOSE)
    yield _plugin(surroundings, "buildx", _BUILDX, 0)


def _engine(surroundings: Surroundings) -> Checked:
    absent = missing if surroundings.has_stack else note
    said = commands.ask(["docker", "version", "--format", "json"], surroundings.environment)
    versions = _json(said.output)
    client, server = (_version_of(versions.get(key)) for key in ("Client", "Server"))
    if server is None:
        advice = _PERMISSION if "permission denied" in said.complaint else _ENGINE
        return absent("docker", f"client {client or 'unknown'}, but no engine answers: {said.reason}", advice)
    return ok("docker", f"client {client or 'unknown'}, engine {server}")


def _plugin(surroundings: Surroundings, name: str, advice: str, oldest: int) -> Checked:
    absent = missing if surroundings.has_stack and name == "compose" else note
    said = commands.ask(["docker", name, "version"], surroundings.environment)
    version = re.search(r"(\d+)\.\d+[\w.+~-]*", said.output)
    if not said.ok or version is None:
        return absent(name, f"docker {name} is not installed", advice)
    if int(version[1]) < oldest:
        return absent(name, f"{version[0]} is too old: {oldest} or newer is wanted", advice)
    return ok(name, version[0])


def _version_of(part: Any) -> str | None:
    return str(part["Version"]) if isinstance(part, dict) and part.get("Version") else None


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
