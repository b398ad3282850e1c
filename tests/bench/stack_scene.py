"""Stacks to be started: services that answer on a port and are asked for their health, in a registry and a lock."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.adapters.system_clock import SystemClock
from lockflight.names import ImageReference, parse_reference
from lockflight.progress import Silent
from lockflight.stacks.images import pull_missing
from lockflight.wiring import connect_stack_engine
from tests.bench.registry import running_registry
from tests.support.stack_images import StackImages, remove_images
from tests.support.stack_project import StackProject, stack_project

_IMAGES = "bench/service"
# A command on the host that costs next to nothing, so that a test is the stack's start and end.
_SUITES = "suites:\n  nothing: {command: ['true']}\n"
_COMMAND = ("sh", "-c", "echo here > /tmp/index.html; exec httpd -f -p 8080 -h /tmp")
_HEAD = """\
x-service: &service
  image: IMAGE
  init: true
  healthcheck:
    test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"]
    interval: 1s
    retries: 60

volumes:
  data:

services:
  store:
    <<: *service
    volumes: ["data:/data"]

  migrate:
    image: IMAGE
    command: [touch, /data/migrated]
    volumes: ["data:/data"]
    depends_on:
      store: {condition: service_healthy}

  gateway:
    <<: *service
    ports: ["8080:8080"]
    depends_on:
      service-01: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
"""
_SERVICE = """
  {name}:
    <<: *service
"""
# Every other service waits for the store, and those between start at once.
_AFTER_THE_STORE = """\
    depends_on:
      store: {condition: service_healthy}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A registry with images, and a place for repositories; `project` is what all stacks here are called after."""

    folder: Path
    host: str
    project: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A repository with a stack of so many services, every image of which is on the engine."""

    count: int
    project: StackProject
    # By their paths in the repository; each of other builds, and so with an id of its own.
    locks: Sequence[str]

    @property
    def folder(self) -> Path:
        return self.project.root


@contextmanager
def scene_in(folder: Path) -> Iterator[Scene]:
    """All stacks and images of it are off the engine afterwards."""
    with running_registry(folder) as host, ExitStack() as removed:
        scene = Scene(folder, host, f"bench-{uuid.uuid4().hex[:8]}")
        removed.callback(remove_images, f"{host}/")
        removed.callback(_take_down, scene.project)
        yield scene


def _take_down(project: str) -> None:
    engine = connect_stack_engine(os.environ)
    for stack in engine.stacks(project):
        engine.down(stack.name, seconds=1)


def make_stack(scene: Scene, count: int, locks: int = 1) -> Stack:
    """A stack of so many services: a store with a volume, a migration that ends, a gateway that is published."""
    names = [f"service-{number:02}" for number in range(1, count - 2)]
    services = ["store", "migrate", "gateway", *names]
    images = {f"locks/{number}.yaml": _push(scene, services, number) for number in range(1, locks + 1)}
    image = images["locks/1.yaml"]["store"]
    project = stack_project(scene.folder / f"stack-{count}-{locks}", image, scene.project)
    project.write(_HEAD + _written(names), services=services, stack=_SUITES)
    for path, own in images.items():
        project.relock(services, images=own, path=path)
        pull_missing(connect_stack_engine(os.environ), dict.fromkeys(own.values()), Silent())
    return Stack(count, project, list(images))


def _push(scene: Scene, services: Sequence[str], build: int) -> dict[str, str]:
    """An image of its own for every service and build; one layer is in all of them."""
    registry = OciRegistry(clock=SystemClock())
    place = parse_reference(f"{scene.host}/{_IMAGES}")
    images = StackImages(registry, ImageReference(place.registry, place.path))
    try:
        return {
            name: images.image(*_COMMAND, labels={"service": name, "build": str(build)}) for name in services
        }
    finally:
        registry.close()


def _written(names: Sequence[str]) -> str:
    return "".join(
        _SERVICE.format(name=name) + (_AFTER_THE_STORE if position % 2 == 0 else "")
        for position, name in enumerate(names)
    )
