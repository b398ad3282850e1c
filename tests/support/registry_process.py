"""The real registry, Debian's `docker-registry`, as a process of this test run."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_READY_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 0.02
_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: '127.0.0.1:{port}', headers: {{X-Started-By: [{token}]}}}}
"""


@dataclass(frozen=True)
class RealRegistry:
    """`host` is the first part of the names of images in it."""

    host: str
    root: Path
    process: subprocess.Popen[bytes]

    def name(self, word: str = "image") -> str:
        """The name of an image repository that nobody used before."""
        return f"{self.host}/{word}-{uuid.uuid4().hex[:12]}"


@contextmanager
def docker_registry(folder: Path, more: str = "") -> Iterator[RealRegistry]:
    """A registry that answers, with everything that it keeps in `folder`; `more` adds to its settings."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.fail("docker-registry is missing: run .ci/setup, which installs it")
    registry = next(filter(None, (_start(program, folder, attempt, more) for attempt in range(10))), None)
    if registry is None:
        pytest.fail("docker-registry found no free port in ten attempts")
    try:
        yield registry
    finally:
        _stop(registry.process)


def _start(program: str, folder: Path, attempt: int, more: str) -> RealRegistry | None:
    """One attempt. None when somebody else took the port between choosing and using it."""
    token = uuid.uuid4().hex
    port = _free_port()
    config = folder / f"registry-{attempt}.yml"
    config.write_text(_CONFIG.format(root=folder / "content", port=port, token=token) + more)
    output = folder / f"registry-{attempt}.log"
    with output.open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        if _is_ready(process, port, token):
            return RealRegistry(f"127.0.0.1:{port}", folder / "content", process)
    except BaseException:
        _stop(process)
        raise
    if "address already in use" not in output.read_text():
        pytest.fail(f"docker-registry stopped at once: {output.read_text()[-2000:]}")
    return None


def _is_ready(process: subprocess.Popen[bytes], port: int, token: str) -> bool:
    ends = time.monotonic() + _READY_SECONDS
    while time.monotonic() < ends:
        # Another process may listen there; only ours knows the token.
        if _token_at(port) == token:
            return True
        try:
            process.wait(_LOOK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return False
    pytest.fail(f"docker-registry did not answer within {_READY_SECONDS:g} s")


def _token_at(port: int) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().getheader("X-Started-By")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
