"""Docker: needed to run a stack, and never to make a lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lockflight import docker_hints
from lockflight.setup import commands
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok


def docker(surroundings: Surroundings) -> Iterator[Checked]:
    """Client, engine, Compose and buildx; without a stack their absence is only worth a note."""
    absent = missing if surroundings.has_stack else note
    if not commands.installed("docker", surroundings.environment):
        yield absent("docker", "docker is not installed", docker_hints.CLIENT)
        return
    yield _engine(surroundings)
    yield _plugin(surroundings, "compose", docker_hints.COMPOSE)
    yield _plugin(surroundings, "buildx", docker_hints.BUILDX)


def _engine(surroundings: Surroundings) -> Checked:
    absent = missing if surroundings.has_stack else note
    said = commands.ask(["docker", "version", "--format", "json"], surroundings.environment)
    versions = _json(said.output)
    client, server = (_version_of(versions.get(key)) for key in ("Client", "Server"))
    if server is None:
        advice = docker_hints.PERMISSION if "permission denied" in said.complaint else docker_hints.ENGINE
        return absent("docker", f"client {client or 'unknown'}, but no engine answers: {said.reason}", advice)
    return ok("docker", f"client {client or 'unknown'}, engine {server}")


def _plugin(surroundings: Surroundings, name: str, advice: str) -> Checked:
    absent = missing if surroundings.has_stack and name == "compose" else note
    said = commands.ask(["docker", name, "version"], surroundings.environment)
    version = docker_hints.version_in(said.output)
    if not said.ok or version is None:
        return absent(name, f"docker {name} is not installed", advice)
    if name == "compose" and docker_hints.is_old_compose(version):
        oldest = docker_hints.oldest_compose()
        return absent(name, f"{version} is too old: {oldest} or newer is wanted", advice)
    return ok(name, version)


def _version_of(part: Any) -> str | None:
    return str(part["Version"]) if isinstance(part, dict) and part.get("Version") else None


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
