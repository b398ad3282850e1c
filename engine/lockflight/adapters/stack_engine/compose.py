"""Compose, as a child process: reading projects, starting them, and saying why it could not."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lockflight import docker_hints, names
from lockflight.adapters.stack_engine import commands
from lockflight.adapters.stack_engine.complaints import complaint, warnings
from lockflight.adapters.stack_engine.processes import Child, spawn
from lockflight.errors import InputError, LockflightError, OutsideError
from lockflight.logs import log
from lockflight.ports.stack_engine import ComposeCall, SuiteContainer

_SECONDS = 60.0
# A build may compile a whole world; a person who waits for it can interrupt it.
_BUILD_SECONDS = 2 * 60 * 60.0
_LINES_OF_A_BUILD = 20
# Settings of a person that would change what the same call does.
_MISLEADING = ("COMPOSE_REMOVE_ORPHANS", "COMPOSE_STATUS_STDOUT", "COMPOSE_FILE")


class ComposeUp:
    """Implements the Starting port."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def ended(self) -> int | None:
        return self._child.ended()

    def complaint(self) -> str:
        return complaint(self._child.complaint())

    def stop(self) -> None:
        self._child.stop()


class Compose:
    """`docker compose` with this environment; `meanwhile` is called once while its first child is at work."""

    def __init__(self, environment: Mapping[str, str], meanwhile: Callable[[], object]) -> None:
        kept = {key: value for key, value in environment.items() if key not in _MISLEADING}
        # Docker Desktop's client advertises on stderr.
        self._environment = {**kept, "DOCKER_CLI_HINTS": "false"}
        self._meanwhile = meanwhile
        # Readings that were begun, until somebody wants them.
        self._begun: list[tuple[ComposeCall, tuple[str, ...], Child]] = []

    def version(self) -> str:
        """Its version; `OutsideError` when it is missing or too old."""
        child = self._finish(commands.version(self._program()))
        found = docker_hints.version_in(child.output().decode(errors="replace"))
        if child.ended() != 0 or found is None:
            raise self._missing()
        if docker_hints.is_old_compose(found):
            oldest = docker_hints.oldest_compose()
            raise OutsideError(
                f"docker compose {found} is too old: {oldest} or newer is wanted", hint=docker_hints.COMPOSE
            )
        return found

    def read_ahead(self, call: ComposeCall, services: Sequence[str]) -> None:
        child = self._spawn(commands.config(self._program(), call, services), call)
        self._begun.append((call, tuple(services), child))

    def read(self, call: ComposeCall, services: Sequence[str]) -> dict[str, Any]:
        text = self._config(
            commands.config(self._program(), call, services), call, self._ahead(call, services)
        )
        try:
            project = json.loads(text)
        except ValueError:
            project = None
        if not isinstance(project, dict):
            raise OutsideError("docker compose config printed something that is no project")
        return project

    def text(self, call: ComposeCall) -> str:
        arguments = commands.config(self._program(), call, as_json=False)
        return self._config(arguments, call).decode(errors="replace")

    def build(self, call: ComposeCall, services: Sequence[str]) -> None:
        arguments = commands.build(self._program(), call, services)
        child = self._finish(arguments, call, seconds=_BUILD_SECONDS)
        if child.ended() != 0:
            raise self._explained(
                child, lambda said: OutsideError(f"{', '.join(services)} cannot be built: {_end_of(said)}")
            )

    def start(self, call: ComposeCall, services: Sequence[str]) -> ComposeUp:
        return ComposeUp(self._spawn(commands.up(self._program(), call, services), call))

    def run_service(self, call: ComposeCall, service: str, container: SuiteContainer) -> str:
        arguments = commands.run_service(self._program(), call, service, container)
        settings = commands.run_settings(service, container.environment)
        child = self._finish(arguments, call, settings)
        words = child.output().decode(errors="replace").split()
        if child.ended() == 0 and words:
            return words[-1]
        raise self._explained(child, lambda said: OutsideError(f"{service} cannot be run: {said}"))

    def _ahead(self, call: ComposeCall, services: Sequence[str]) -> Child | None:
        """The reading of just this that was begun, handed out once: files may change before the next."""
        for begun in self._begun:
            if begun[:2] == (call, tuple(services)):
                self._begun.remove(begun)
                return begun[2]
        return None

    def _config(self, arguments: Sequence[str], call: ComposeCall, begun: Child | None = None) -> bytes:
        child = self._finish(arguments, call, begun=begun)
        if child.ended() == 0:
            return child.output()
        files = " ".join(f"-f {file}" for file in call.files)

        def refused(said: str) -> InputError:
            hint = f"'docker compose {files} config' says the same"
            return InputError(
                f"docker compose cannot read the stack: {said}", hint=hint, code="compose-invalid"
            )

        raise self._explained(child, refused)

    def _explained(self, child: Child, explain: Callable[[str], LockflightError]) -> LockflightError:
        """Why it failed: Compose itself is not there or too old, or else what it said."""
        said = complaint(child.complaint())
        try:
            self.version()
        except OutsideError as error:
            return error
        return explain(said or f"docker compose ended with exit code {child.ended()} and said nothing")

    def _finish(
        self,
        arguments: Sequence[str],
        call: ComposeCall | None = None,
        stdin: bytes = b"",
        seconds: float | None = None,
        begun: Child | None = None,
    ) -> Child:
        """Run it to its end; any exit code is an answer."""
        ends = time.monotonic() + (seconds or _SECONDS)
        child = begun or self._spawn(arguments, call, stdin)
        try:
            self._meanwhile()
            code = child.wait(max(0.0, ends - time.monotonic()))
        except BaseException:
            child.stop()
            raise
        if code is None:
            child.stop()
            raise OutsideError(
                f"docker compose gave no answer within {seconds or _SECONDS:g} s: {_shown(arguments)}"
            )
        for warning in warnings(child.complaint()):
            log.event("compose warns", message=warning)
        return child

    def _spawn(self, arguments: Sequence[str], call: ComposeCall | None = None, stdin: bytes = b"") -> Child:
        log.event("compose", arguments=[names.without_credentials(word) for word in arguments])
        return spawn(arguments, {**self._environment, **(call.variables if call else {})}, stdin)

    def _program(self) -> str:
        found = shutil.which("docker", path=self._environment.get("PATH"))
        if found is None:
            raise OutsideError("docker is not installed", hint=docker_hints.CLIENT)
        return found

    def _missing(self) -> OutsideError:
        message = "docker compose is not installed"
        # The first version was a program of its own, and is no plugin of docker.
        if shutil.which("docker-compose", path=self._environment.get("PATH")):
            message += "; a docker-compose of its own is there, but it is not what 'docker compose' runs"
        return OutsideError(message, hint=docker_hints.COMPOSE)


def _end_of(said: str) -> str:
    """A build says much, and at its end why it failed."""
    return "\n".join(said.splitlines()[-_LINES_OF_A_BUILD:])


def _shown(arguments: Sequence[str]) -> str:
    return " ".join(names.without_credentials(word) for word in arguments)
