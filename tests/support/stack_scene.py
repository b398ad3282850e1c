"""A stack of one test: its repository, the real command line, and what the real engine has of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import docker
from docker.errors import APIError, NotFound

from tests.support.shop import Finished
from tests.support.stack_project import StackProject, stack_project

SECONDS = 120.0
_LOOK_SECONDS = 0.02
_NO_NEWS = re.compile("CI$|GITHUB_|LOCKFLIGHT_|NO_COLOR$|COLUMNS$|LINES$|COMPOSE_")
# A container that ends at once when it is told to.
RUNS = "[sleep, '3600']"
APP = "services: {app: {image: IMAGE, init: true, command: [sleep, '3600']}}\n"
PASSES = "suites: {smoke: {command: ['true']}}\n"
Found = TypeVar("Found")


@dataclass
class StackScene:
    """Everything of it carries the project's name, which no other test has."""

    folder: Path
    project: StackProject
    api: docker.APIClient
    environment: dict[str, str] = field(default_factory=dict)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.project.project

    @property
    def root(self) -> Path:
        return self.project.root

    def write(self, compose: str = APP, stack: str = PASSES, **more: Any) -> str:
        """Write the repository anew; answers the lock's id."""
        return self.project.write(compose, stack=stack, **more).id

    def start(
        self, *arguments: str, own: Mapping[str, str] | None = None, **popen: Any
    ) -> subprocess.Popen[str]:
        """Start lockflight as the leader of a process group; `own` are further variables."""
        process = subprocess.Popen(
            [sys.executable, "-m", "lockflight", *arguments],
            **{
                "cwd": self.root, "env": {**self.variables(), **(own or {})}, "text": True,
                "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                "start_new_session": True, **popen,
            },
        )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, *arguments: str, code: int | None = 0, own: Mapping[str, str] | None = None) -> Finished:
        """Run lockflight to its end and insist on its exit code."""
        return self.finish(self.start(*arguments, own=own), code)

    def finish(self, process: subprocess.Popen[str], code: int | None = 0) -> Finished:
        out, err = process.communicate(timeout=SECONDS)
        finished = Finished(process.returncode, out, err)
        # Shown by pytest when the test fails.
        print(process.args, finished.code, out, err, sep="\n")
        assert code is None or finished.code == code
        return finished

    def variables(self) -> dict[str, str]:
        # The lock of stacks that must be alone lies among the temporary files: other tests are not to feel it.
        own = {"XDG_CACHE_HOME": str(self.folder / "cache"), "TMPDIR": str(self.folder)}
        kept = {key: value for key, value in os.environ.items() if not _NO_NEWS.match(key)}
        return {**kept, **own, **self.environment}

    def until(self, found: Callable[[], Found | None], what: str) -> Found:
        """What is found, as soon as it is true."""
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            answer = found()
            if answer:
                return answer
            time.sleep(_LOOK_SECONDS)
        raise AssertionError(f"not within {SECONDS:g} s: {what}")

    def containers(self, service: str | None = None, *, state: str | None = None) -> list[dict[str, Any]]:
        """By name, not by label: what lost its labels must be found as well."""
        listed = self.api.containers(all=True, filters={"name": self.name})
        return [
            one for one in listed
            if (service is None or one["Labels"].get("com.docker.compose.service") == service)
            and (state is None or one["State"] == state)
        ]  # fmt: skip

    def until_running(self, service: str) -> dict[str, Any]:
        return self.until(lambda: self.containers(service, state="running"), f"{service} runs")[0]

    def left(self) -> list[str]:
        """Everything on the engine that is this test's, by name or by any label."""
        return sorted(f"{kind} {name}" for kind, name, _ in self._everything())

    def file(self, pattern: str) -> Path:
        """The one file of the repository that fits."""
        found = sorted(self.root.glob(pattern))
        assert len(found) == 1, f"{pattern}: {found}"
        return found[0]

    def evidence(self, lock: str) -> dict[str, Any]:
        text = (self.root / "locks" / "evidence" / lock / "system-tests.json").read_text()
        data: dict[str, Any] = json.loads(text)
        return data

    def close(self) -> None:
        """End what was started, and take away whatever there is, even of a test that failed."""
        for process in self._started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        # Compose may be making something still when lockflight was killed.
        for _ in range(20):
            there = list(self._everything())
            if not there:
                return
            for _, _, remove in there:
                with contextlib.suppress(APIError):
                    remove()
        raise AssertionError(f"cannot be removed: {self.left()}")

    def _everything(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        api = self.api
        for one in api.containers(all=True):
            name = one["Names"][0].lstrip("/") if one["Names"] else one["Id"]
            if self._is_ours(name, one.get("Labels")):
                yield "container", name, _removal(api.remove_container, one["Id"], v=True, force=True)
        for network in api.networks():
            if self._is_ours(network["Name"], network.get("Labels")):
                yield "network", network["Name"], _removal(api.remove_network, network["Id"])
        for volume in api.volumes().get("Volumes") or []:
            if self._is_ours(volume["Name"], volume.get("Labels")):
                yield "volume", volume["Name"], _removal(api.remove_volume, volume["Name"])

    def _is_ours(self, name: str, labels: Mapping[str, str] | None) -> bool:
        return self.name in name or any(self.name in value for value in (labels or {}).values())


def _removal(remove: Callable[..., object], identity: str, **options: bool) -> Callable[[], object]:
    return lambda: remove(identity, **options)


@contextlib.contextmanager
def stack_scene(folder: Path, image: str) -> Iterator[StackScene]:
    """A scene with an empty repository, and nothing of it left at the end."""
    with docker.APIClient() as api:
        project = stack_project(folder / "repository", image, f"t{uuid.uuid4().hex[:10]}")
        scene = StackScene(folder, project, api)
        try:
            yield scene
        finally:
            scene.close()


def is_gone(api: docker.APIClient, container: str) -> bool:
    try:
        api.inspect_container(container)
    except NotFound:
        return True
    return False


def is_running(pid: str) -> bool:
    """Whether a process runs; one that ended and that nobody took leave of does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"
