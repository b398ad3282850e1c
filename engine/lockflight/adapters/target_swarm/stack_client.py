"""`docker stack` as a child process."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from lockflight import docker_hints
from lockflight.adapters.stack_engine.processes import Child, spawn
from lockflight.adapters.target_swarm import commands
from lockflight.errors import InputError, OutsideError
from lockflight.logs import log, printable

_SECONDS = 120.0
# `docker stack config` came later than the rest.
_UNKNOWN = re.compile(r"is not a docker command|unknown command|unknown shorthand|unknown flag")
_FORBIDDEN = {
    "extends", "volume_driver", "volumes_from", "cpu_quota", "cpu_shares", "cpuset", "mem_limit",
    "memswap_limit",
}  # fmt: skip
_IGNORED = "Ignoring "
_HINT = "'docker stack deploy' reads an older form of compose files than 'docker compose' does"


class StackClient:
    def __init__(self, environment: Mapping[str, str]) -> None:
        # Variables of these files are filled in already; the environment could do that only wrongly.
        self._environment = {**environment, "DOCKER_CLI_HINTS": "false"}

    def check(self, file: Mapping[str, Any]) -> None:
        """`InputError` in docker's words for a file that a swarm cannot use."""
        child = self._finish(commands.check(self._program()), file)
        said = _complaint(child)
        if child.ended() != 0 and not _UNKNOWN.search(said):
            raise InputError(
                f"docker stack cannot use the stack: {said}{_named(file)}", hint=_HINT, code="stack-invalid"
            )

    def deploy(self, stack: str, file: Mapping[str, Any]) -> str:
        """What went wrong, in docker's words; empty when nothing did."""
        child = self._finish(commands.deploy(self._program(), stack), file)
        code = child.ended()
        for line in child.complaint().splitlines():
            if line.startswith(_IGNORED):
                log.event("stack warns", message=line)
        return "" if code == 0 else _complaint(child) or f"docker stack ended with exit code {code}"

    def _finish(self, arguments: Sequence[str], file: Mapping[str, Any]) -> Child:
        log.event("stack", arguments=list(arguments))
        child = spawn(arguments, self._environment, json.dumps(file).encode())
        try:
            code = child.wait(_SECONDS)
        except BaseException:
            child.stop()
            raise
        if code is None:
            child.stop()
            raise OutsideError(f"docker stack gave no answer within {_SECONDS:g} s: {' '.join(arguments)}")
        return child

    def _program(self) -> str:
        found = shutil.which("docker", path=self._environment.get("PATH"))
        if found is None:
            raise OutsideError("docker is not installed", hint=docker_hints.CLIENT)
        return found


def _named(file: Mapping[str, Any]) -> str:
    """What is forbidden on a swarm, which docker does not name."""
    services = file.get("services") or {}
    found = sorted({key for service in services.values() for key in service if key in _FORBIDDEN})
    return f" ({', '.join(found)})" if found else ""


def _complaint(child: Child) -> str:
    lines = [line.strip() for line in child.complaint().splitlines()]
    return "\n".join(printable(line, "\t") for line in lines if line and not line.startswith(_IGNORED))
