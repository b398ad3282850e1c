"""A Docker engine with Compose in memory: it starts what compose files say, and time passes by a FakeClock."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lockflight import logs
from lockflight.errors import OutsideError
from lockflight.ports import stack_engine as port
from lockflight.ports.stack_engine import (
    ComposeCall,
    Container,
    Details,
    EngineFacts,
    ImageMissing,
    ImageUnpullable,
    PublishedPort,
    Pulled,
    RunningImage,
    StackFound,
    SuiteContainer,
)
from lockflight.testing.clock import FakeClock
from lockflight.testing.stack_containers import Behaviour, FakeContainer
from lockflight.testing.stack_files import read_project
from lockflight.testing.stack_up import FakeStarting

__all__ = ["Behaviour", "FakeContainer", "FakeStackEngine", "FakeStarting"]

_IMAGE_SIZE = 1_000_000
_MIB = 1024 * 1024


class FakeStackEngine:
    """Implements the StackEngine port.

    `images` is the registry: what can be pulled, and what containers of it do. `unpullable` holds images that
    the registry has but does not give, and why. `fails` makes every call fail, as when the engine was stopped.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.images: dict[str, Behaviour] = {}
        self.unpullable: dict[str, str] = {}
        self.here: set[str] = set()
        self.fails: OutsideError | None = None
        # Everything that is there now, by id or by name.
        self.there: dict[str, FakeContainer] = {}
        self.networks_there: dict[str, Mapping[str, str]] = {}
        self.volumes_there: dict[str, Mapping[str, str]] = {}
        # Containers of Compose projects that are no stacks, by the project's name.
        self.strangers_there: dict[str, tuple[str, ...]] = {}
        # The suites' containers that were ever started.
        self.suites: list[SuiteContainer] = []
        self._starting: dict[FakeStarting, str] = {}
        self._numbers = itertools.count(1)

    def add(self, reference: str, behaviour: Behaviour | None = None, *, pulled: bool = True) -> str:
        """Put an image into the registry and, unless told otherwise, on the engine."""
        self.images[reference] = behaviour or Behaviour()
        if pulled:
            self.here.add(reference)
        return reference

    def facts(self) -> EngineFacts:
        self._look()
        return EngineFacts("20.10.24", "2.26.1", "FAKE", "unix:///fake/docker.sock")

    def read(self, call: ComposeCall, services: Sequence[str] = ()) -> dict[str, Any]:
        return read_project(call, services)

    def read_ahead(self, call: ComposeCall, services: Sequence[str] = ()) -> None:
        """Reading takes no time here."""

    def text(self, call: ComposeCall) -> str:
        # Every JSON document is a YAML document.
        return json.dumps(read_project(call), indent=2) + "\n"

    def present(self, references: Sequence[str]) -> frozenset[str]:
        self._look()
        return frozenset(references) & self.here

    def pull(self, reference: str, platform: str | None, pulled: Pulled) -> None:  # noqa: ARG002 - has all
        self._look()
        if reference in self.unpullable:
            why = f"{reference} cannot be pulled: {self.unpullable[reference]}"
            raise ImageUnpullable(why, hint=f"docker login {reference.partition('/')[0]}")
        if reference not in self.images:
            raise ImageMissing(f"{reference} is not in the registry: manifest unknown")
        if reference not in self.here:
            pulled(_IMAGE_SIZE // 2, _IMAGE_SIZE)
            self.here.add(reference)
            pulled(_IMAGE_SIZE, _IMAGE_SIZE)

    def build(self, call: ComposeCall, services: Sequence[str]) -> None:
        self._look()
        project = read_project(call)
        for name in services:
            self.add(project["services"][name].get("image") or f"{project['name']}-{name}")

    def start(self, call: ComposeCall, services: Sequence[str] = ()) -> FakeStarting:
        self._look()
        project = read_project(call, services)
        for section, there in (("networks", self.networks_there), ("volumes", self.volumes_there)):
            for settings in project[section].values():
                there.setdefault(settings["name"], settings.get("labels") or {})
        starting = FakeStarting(
            project["services"], lambda name: self._create(project, name), self._clock.monotonic
        )
        self._starting[starting] = project["name"]
        return starting

    def containers(self, stack: str) -> tuple[Container, ...]:
        now = self._look()
        own = [container.look(now) for container in self._of(stack)]
        return tuple(sorted(own, key=lambda container: container.name))

    def details(self, container: str) -> Details:
        return self._get(container).details(self._look())

    def running_images(self, stack: str) -> tuple[RunningImage, ...]:
        self._look()
        running = [
            RunningImage(
                one.service, one.name, _image_id(one.image), (one.image,) if "@" in one.image else ()
            )
            for one in self._of(stack)
            if not one.one_off
        ]
        return tuple(sorted(running, key=lambda image: image.container))

    def logs(self, container: str, lines: int) -> str:
        kept = self._get(container).output().splitlines(keepends=True)[-lines:]
        return logs.printable("".join(kept), "\n\t")

    def save_logs(self, container: str, path: Path, most_bytes: int) -> None:
        moment = self._clock.now().isoformat()
        lines = self._get(container).output().splitlines(keepends=True)
        text = "".join(f"{moment} {line}" for line in lines).encode()
        cut = text[-most_bytes:]
        path.write_bytes(cut if len(text) <= most_bytes else cut.partition(b"\n")[2] or cut)

    def follow_logs(self, stack: str, services: Sequence[str], write: Callable[[str], None]) -> None:
        self._look()
        for one in self._of(stack):
            if not one.one_off and (not services or one.service in services):
                for line in one.output().splitlines():
                    write(f"{one.service} | {logs.printable(line)}")

    def run_service(self, call: ComposeCall, service: str, container: SuiteContainer) -> str:
        self._look()
        project = read_project(call, [service])
        found = project["services"][service]
        networks = [project["networks"][name]["name"] for name in found.get("networks") or {}]
        labels = {**(found.get("labels") or {}), **container.labels}
        return self._run(found.get("image", ""), container, labels, networks, service)

    def run_image(
        self,
        reference: str,
        container: SuiteContainer,
        *,
        networks: Sequence[str] | None,
        mounts: Mapping[Path, str],
    ) -> str:
        self._look()
        if reference not in self.here:
            raise ImageMissing(f"{reference} is not on the Docker engine")
        for name in networks or ():
            if name not in self.networks_there:
                raise OutsideError(f"the Docker engine refused: network {name} not found")
        for source in mounts:
            if not source.exists():
                raise OutsideError(f"the Docker engine refused: bind source path does not exist: {source}")
        return self._run(reference, container, container.labels, networks or ())

    def follow(self, container: str, write: Callable[[bytes], None]) -> None:
        output = self._get(container).output()
        if output:
            write(output.encode())

    def wait(self, container: str, seconds: float) -> int | None:
        found, now = self._get(container), self._look()
        self._clock.sleep(max(0.0, min(found.ends - now, seconds)))
        return found.exit_code if found.state(self._look()) == "exited" else None

    def kill(self, container: str) -> None:
        now = self._look()
        found = self._find(container)
        if found is not None and found.state(now) == "running":
            found.killed = now

    def copy_out(self, container: str, path: str) -> dict[str, bytes]:
        folder, pattern = PurePosixPath(path).parent, PurePosixPath(path).name
        files = ((PurePosixPath(name), body) for name, body in self._get(container).behaviour.files.items())
        return {
            name.name: body
            for name, body in files
            if name.parent == folder and fnmatch.fnmatchcase(name.name, pattern) and len(body) <= 16 * _MIB
        }

    def remove(self, container: str) -> None:
        self._look()
        found = self._find(container)
        if found is not None:
            del self.there[found.id]

    def networks(self, stack: str) -> tuple[str, ...]:
        self._look()
        return tuple(sorted(name for name, labels in self.networks_there.items() if _is_of(labels, stack)))

    def strangers(self, name: str) -> tuple[str, ...]:
        self._look()
        return self.strangers_there.get(name, ())

    def stacks(self, project: str | None = None) -> tuple[StackFound, ...]:
        self._look()
        own = [container.labels for container in self.there.values()]
        everything = [*own, *self.networks_there.values(), *self.volumes_there.values()]
        names = {labels[port.STACK] for labels in everything if port.STACK in labels}
        found = (
            _found(name, everything, sum(_is_of(labels, name) for labels in own)) for name in sorted(names)
        )
        return tuple(stack for stack in found if project is None or stack.project == project)

    def down(
        self,
        stack: str,
        seconds: int | None = None,  # noqa: ARG002 - they all end at once
        *,
        strangers: bool = False,
    ) -> None:
        self._look()
        if strangers:
            self.strangers_there.pop(stack, None)
        for starting in [one for one, name in self._starting.items() if name == stack]:
            starting.stop()
            del self._starting[starting]
        self.there = {key: one for key, one in self.there.items() if not _is_of(one.labels, stack)}
        for there in (self.networks_there, self.volumes_there):
            for name in [name for name, labels in there.items() if _is_of(labels, stack)]:
                del there[name]

    def _look(self) -> float:
        """Let everything get on to what the clock says now, which is the answer."""
        if self.fails is not None:
            raise self.fails
        for starting in self._starting:
            starting.go_on()
        return self._clock.monotonic()

    def _of(self, stack: str) -> list[FakeContainer]:
        return [container for container in self.there.values() if _is_of(container.labels, stack)]

    def _find(self, container: str) -> FakeContainer | None:
        by_name = (one for one in self.there.values() if one.name == container)
        return self.there.get(container) or next(by_name, None)

    def _get(self, container: str) -> FakeContainer:
        self._look()
        found = self._find(container)
        if found is None:
            raise OutsideError(f"the Docker engine refused: No such container: {container}")
        return found

    def _create(self, project: Mapping[str, Any], name: str) -> FakeContainer:
        """A container of a service; `LookupError` when its image is not here."""
        service = project["services"][name]
        image = service.get("image") or f"{project['name']}-{name}"
        if image not in self.here:
            raise LookupError(image)
        return self._add(
            FakeContainer(
                self._new_id(),
                service.get("container_name") or f"{project['name']}-{name}-1",
                image,
                self.images[image],
                service.get("labels") or {},
                service=name,
                ports=tuple(self._publish(one) for one in service.get("ports") or ()),
                networks=tuple(project["networks"][one]["name"] for one in service.get("networks") or {}),
                environment=service.get("environment") or {},
                memory_limit=int(service["mem_limit"]) if "mem_limit" in service else None,
            )
        )

    def _run(
        self,
        image: str,
        suite: SuiteContainer,
        labels: Mapping[str, str],
        networks: Sequence[str],
        service: str = "",
    ) -> str:
        if image not in self.here:
            raise OutsideError(f"the Docker engine refused: No such image: {image}")
        self.suites.append(suite)
        container = FakeContainer(
            self._new_id(), suite.name, image, self.images[image], labels,
            service=service, one_off=True, networks=tuple(networks), environment=suite.environment,
            started=self._clock.monotonic(),
        )  # fmt: skip
        return self._add(container).id

    def _add(self, container: FakeContainer) -> FakeContainer:
        if any(one.name == container.name for one in self.there.values()):
            raise OutsideError(f'Conflict. The container name "/{container.name}" is already in use')
        self.there[container.id] = container
        return container

    def _new_id(self) -> str:
        return f"{next(self._numbers):064x}"

    def _publish(self, wanted: Mapping[str, Any]) -> PublishedPort:
        # Free ports are handed out one after the other, and never twice.
        published = int(wanted.get("published") or 40000 + next(self._numbers))
        return PublishedPort(
            int(wanted["target"]), str(wanted["protocol"]), wanted.get("host_ip") or "127.0.0.1", published
        )


def _is_of(labels: Mapping[str, str], stack: str) -> bool:
    return labels.get(port.STACK) == stack


def _found(name: str, everything: Sequence[Mapping[str, str]], containers: int) -> StackFound:
    known = {key: text for labels in everything if _is_of(labels, name) for key, text in labels.items()}
    return StackFound(
        name, known.get(port.PROJECT, ""), known.get(port.LOCK, ""), known.get(port.PURPOSE, ""),
        known.get(port.OWNER), known.get(port.ALONE) == "true", containers, known.get(port.HOME),
    )  # fmt: skip


def _image_id(image: str) -> str:
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
