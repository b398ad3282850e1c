"""Where the credentials for a registry would come from, as the docker client looks for them; never the secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockflight import names

# The key that `docker login` writes for Docker Hub.
_HUB_KEY = "https://index.docker.io/v1/"


def credential_source(host: str, environment: Mapping[str, str]) -> str:
    """`credentials from …`, or `anonymous: …`; no helper is run for it."""
    path = _config_path(environment)
    config = _read(path)
    key = _HUB_KEY if host == names.DOCKER_HUB else host
    helper = _mapping(config.get("credHelpers")).get(host) or config.get("credsStore")
    if helper:
        return f"credentials from docker-credential-{helper}, if it has any"
    entry = _entry(_mapping(config.get("auths")), host, key)
    if entry.get("auth") or entry.get("identitytoken"):
        return f"credentials from {path}"
    return f"anonymous: no credentials for it in {path}"


def _config_path(environment: Mapping[str, str]) -> Path:
    folder, home = environment.get("DOCKER_CONFIG"), environment.get("HOME")
    return Path(folder or Path(home or Path.home()) / ".docker") / "config.json"


def _entry(auths: Mapping[str, Any], host: str, key: str) -> dict[str, Any]:
    """Docker writes hosts bare, and older clients wrote addresses."""
    for name in (key, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/"):
        if _mapping(auths.get(name)):
            return _mapping(auths[name])
    return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        return _mapping(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
