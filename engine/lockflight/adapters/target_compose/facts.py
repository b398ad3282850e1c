"""What answers, and how much room there is; what only the machine itself can tell is told only of this one."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockflight import names
from lockflight.adapters.stack_engine.compose import Compose
from lockflight.adapters.stack_engine.connection import Connection
from lockflight.ports.target import TargetFacts

_MEMORY = Path("/proc/meminfo")
_AVAILABLE = "MemAvailable:"


def facts(connection: Connection, compose: Compose) -> TargetFacts:
    compose.version()
    with connection.asking():
        version = connection.client.version()
        info = connection.client.info()
    here = _is_here(connection.address.url, info)
    return TargetFacts(
        kind="compose",
        address=names.without_credentials(connection.address.url),
        version=str(version.get("Version", "")),
        disk=_disk(info) if here else None,
        memory=_memory() if here else None,
        cpus=int(info["NCPU"]) if info.get("NCPU") else None,
    )


def _is_here(url: str, info: Mapping[str, Any]) -> bool:
    """A socket alone may lead anywhere: into a virtual machine, or through a tunnel."""
    return url.startswith("unix://") and info.get("Name") == socket.gethostname()


def _disk(info: Mapping[str, Any]) -> int | None:
    try:
        return shutil.disk_usage(str(info["DockerRootDir"])).free
    except (KeyError, OSError):
        return None


def _memory() -> int | None:
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(_AVAILABLE)), None)
