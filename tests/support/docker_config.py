"""Docker configurations and credential helpers for tests, in a folder of their own."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockflight.adapters.registry_oci import DockerCredentials


def write_config(folder: Any, users: Mapping[str, tuple[str, str]], **more: Any) -> DockerCredentials:
    """A config.json as `docker login` writes it, and the credentials that lockflight finds in it."""
    auths = {
        key: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
        for key, (user, password) in users.items()
    }
    return write_raw(folder, json.dumps({"auths": auths, **more}))


def write_raw(folder: Any, text: str | bytes, **settings: Any) -> DockerCredentials:
    path = Path(folder) / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return DockerCredentials(environment(folder), **settings)


def environment(folder: Any) -> dict[str, str]:
    """Nothing but this configuration, and a PATH that starts with the folder's own programs."""
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def write_helper(folder: Any, name: str, script: str) -> Path:
    """A credential helper `docker-credential-NAME` that is a shell script."""
    path = Path(folder) / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
