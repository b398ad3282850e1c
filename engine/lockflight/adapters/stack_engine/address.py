"""Where the engine is, found as the docker client finds it: DOCKER_HOST, then the context, then the usual socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lockflight.errors import InputError
from lockflight.files import read_text

USUAL = "unix:///var/run/docker.sock"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The folder with ca.pem, cert.pem and key.pem, as far as they are there."""

    folder: Path
    verify: bool = True

    def file(self, name: str) -> str | None:
        path = self.folder / f"{name}.pem"
        return str(path) if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    certificates: Certificates | None = None

    @property
    def is_ssh(self) -> bool:
        return self.url.startswith("ssh://")

    @property
    def host(self) -> str:
        """Under which name this machine reaches ports that the engine publishes on all its addresses."""
        parts = urlsplit(self.url)
        is_remote = parts.scheme in {"tcp", "http", "https", "ssh"}
        return (parts.hostname or LOOPBACK) if is_remote else LOOPBACK


def find_address(environment: Mapping[str, str]) -> Address:
    """The engine's address; `InputError` when the chosen context cannot be read."""
    folder = _config_folder(environment)
    host = environment.get("DOCKER_HOST")
    if host:
        return Address(_completed(host), _from_variables(environment, folder))
    name = environment.get("DOCKER_CONTEXT") or _current_context(folder)
    if not name or name == "default":
        return Address(USUAL)
    return _of_context(folder / "contexts", name)


def _config_folder(environment: Mapping[str, str]) -> Path:
    folder = environment.get("DOCKER_CONFIG")
    # Without a home there is no configuration, which is as good as an empty one.
    return Path(folder) if folder else Path(environment.get("HOME") or "/nonexistent") / ".docker"


def _completed(host: str) -> str:
    """`host:2375` is understood by the docker client as well."""
    return host if "://" in host else f"tcp://{host}"


def _from_variables(environment: Mapping[str, str], folder: Path) -> Certificates | None:
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None
    return Certificates(Path(environment.get("DOCKER_CERT_PATH") or folder), verify)


def _current_context(folder: Path) -> str:
    return str(_json(folder / "config.json").get("currentContext") or "")


def _of_context(contexts: Path, name: str) -> Address:
    identity = hashlib.sha256(name.encode()).hexdigest()
    path = contexts / "meta" / identity / "meta.json"
    endpoints = _json(path).get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if not isinstance(endpoint, dict) or not endpoint.get("Host"):
        raise InputError(
            f"the docker context {name!r} names no engine",
            hint="'docker context ls' shows the contexts; see also DOCKER_HOST, DOCKER_CONTEXT",
        )
    folder = contexts / "tls" / identity / "docker"
    skip = bool(endpoint.get("SkipTLSVerify"))
    return Address(str(endpoint["Host"]), Certificates(folder, not skip) if folder.is_dir() or skip else None)


def _json(path: Path) -> dict[str, Any]:
    """A file of the docker client; one that is missing or broken says nothing."""
    try:
        data = json.loads(read_text(path))
    except (InputError, OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
