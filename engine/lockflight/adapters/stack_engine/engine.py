"""The StackEngine port on a Docker engine: Compose starts projects, the engine's API is asked for all else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockflight.adapters.stack_engine import commands, containers, stacks
from lockflight.adapters.stack_engine.compose import Compose, ComposeUp
from lockflight.adapters.stack_engine.connection import Connection, load_library
from lockflight.adapters.stack_engine.images import Images
from lockflight.adapters.stack_engine.output import Output
from lockflight.adapters.stack_engine.removal import Removal
from lockflight.adapters.stack_engine.suites import Suites
from lockflight.ports import stack_engine as port
from lockflight.ports.stack_engine import (
    ComposeCall,
    Container,
    Details,
    EngineFacts,
    Pulled,
    RunningImage,
    StackFound,
    SuiteContainer,
)

# The engine may tell that a container was killed a moment before it tells that memory was why.
_LOOKS_FOR_MEMORY = 6
_LOOK_SECONDS = 0.1


class DockerStackEngine:
    """The engine that this environment's docker client would use. May be used by many threads at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._connection = Connection(environment)
        self._compose = Compose(environment, _load_libraries)
        self._images = Images(self._connection, environment)
        self._output = Output(self._connection)
        self._suites = Suites(self._connection)

    def facts(self) -> EngineFacts:
        compose = self._compose.version()
        with self._connection.asking():
            version = self._connection.client.version()
            identity = self._connection.client.info().get("ID")
        return EngineFacts(
            str(version.get("Version", "")), compose, str(identity or ""), self._connection.address.url
        )

    def read(self, call: ComposeCall, services: Sequence[str] = ()) -> dict[str, Any]:
        return self._compose.read(call, services)

    def read_ahead(self, call: ComposeCall, services: Sequence[str] = ()) -> None:
        self._compose.read_ahead(call, services)

    def text(self, call: ComposeCall) -> str:
        return self._compose.text(call)

    def present(self, references: Sequence[str]) -> frozenset[str]:
        return self._images.present(references)

    def pull(self, reference: str, platform: str | None, pulled: Pulled) -> None:
        self._images.pull(reference, platform, pulled)

    def build(self, call: ComposeCall, services: Sequence[str]) -> None:
        self._compose.build(call, services)

    def start(self, call: ComposeCall, services: Sequence[str] = ()) -> ComposeUp:
        return self._compose.start(call, services)

    def containers(self, stack: str) -> tuple[Container, ...]:
        entries, host = self._listed(stack), self._connection.address.host
        return tuple(
            sorted((containers.container(entry, host) for entry in entries), key=lambda one: one.name)
        )

    def details(self, container: str) -> Details:
        for _ in range(_LOOKS_FOR_MEMORY):
            with self._connection.asking():
                found = containers.details(self._connection.client.inspect_container(container))
            if not containers.may_be_out_of_memory(found):
                break
            time.sleep(_LOOK_SECONDS)
        return found

    def running_images(self, stack: str) -> tuple[RunningImage, ...]:
        host = self._connection.address.host
        entries = [
            (containers.container(entry, host), str(entry["ImageID"])) for entry in self._listed(stack)
        ]
        own = [(container, image) for container, image in entries if not container.one_off]
        digests = self._images.digests(image for _, image in own)
        running = [RunningImage(one.service, one.name, image, digests[image]) for one, image in own]
        return tuple(sorted(running, key=lambda one: one.container))

    def logs(self, container: str, lines: int) -> str:
        return self._output.last_lines(container, lines)

    def save_logs(self, container: str, path: Path, most_bytes: int) -> None:
        self._output.save(container, path, most_bytes)

    def follow_logs(self, stack: str, services: Sequence[str], write: Callable[[str], None]) -> None:
        wanted = [
            one
            for one in self.containers(stack)
            if not one.one_off and (not services or one.service in services)
        ]
        self._output.follow_all(wanted, write)

    def run_service(self, call: ComposeCall, service: str, container: SuiteContainer) -> str:
        return self._compose.run_service(call, service, container)

    def run_image(
        self,
        reference: str,
        container: SuiteContainer,
        *,
        networks: Sequence[str] | None,
        mounts: Mapping[Path, str],
    ) -> str:
        return self._suites.run(reference, container, networks, mounts)

    def follow(self, container: str, write: Callable[[bytes], None]) -> None:
        self._output.follow(container, write)

    def wait(self, container: str, seconds: float) -> int | None:
        return self._suites.wait(container, seconds)

    def kill(self, container: str) -> None:
        self._suites.kill(container)

    def copy_out(self, container: str, path: str) -> dict[str, bytes]:
        return self._suites.copy_out(container, path)

    def remove(self, container: str) -> None:
        self._suites.remove(container)

    def networks(self, stack: str) -> tuple[str, ...]:
        with self._connection.asking():
            entries = self._connection.client.networks(filters=_of(stack))
        return tuple(sorted(str(entry["Name"]) for entry in entries))

    def strangers(self, name: str) -> tuple[str, ...]:
        with self._connection.asking():
            filters = {"label": f"com.docker.compose.project={name}"}
            entries = self._connection.client.containers(all=True, filters=filters)
        theirs = [entry for entry in entries if port.STACK not in (entry.get("Labels") or {})]
        return tuple(sorted(containers.name_of(entry) for entry in theirs))

    def stacks(self, project: str | None = None) -> tuple[StackFound, ...]:
        labels = [port.STACK, *([f"{port.PROJECT}={project}"] if project is not None else [])]
        with self._connection.asking():
            client = self._connection.client
            listed = client.containers(all=True, filters={"label": labels})
            networks = client.networks(filters={"label": labels})
            volumes = client.volumes(filters={"label": labels}).get("Volumes") or []
        others = [entry.get("Labels") or {} for entry in (*networks, *volumes)]
        return stacks.found([entry.get("Labels") or {} for entry in listed], others)

    def down(self, stack: str, seconds: int | None = None, *, strangers: bool = False) -> None:
        Removal(self._connection, stack, seconds, strangers=strangers).run()

    def _listed(self, stack: str) -> list[dict[str, Any]]:
        with self._connection.asking():
            return list(self._connection.client.containers(all=True, filters=_of(stack)))


def _of(stack: str) -> dict[str, Any]:
    return {"label": f"{port.STACK}={stack}"}


def _load_libraries() -> None:
    load_library()
    commands.load_library()
