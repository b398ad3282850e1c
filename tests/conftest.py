"""What all tests share: registries, real and our own, and clients of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from lockflight.adapters.registry_oci import OciRegistry
from lockflight.testing.clock import FakeClock
from lockflight.testing.registry import RegistryServer
from tests.support.certificates import Certificate, make_certificate
from tests.support.registry_process import RealRegistry, docker_registry
from tests.support.stack_images import StackImages, images_in

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

OpenRegistry = Callable[..., OciRegistry]


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """Debian's `docker-registry` on a free loopback port; `real_registry.name()` makes names for images."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def stack_images(real_registry: RealRegistry) -> Iterator[StackImages]:
    """Makes busybox images that stacks may run; what the engine pulled of them is removed at the end."""
    with images_in(real_registry) as images:
        yield images


@pytest.fixture(scope="session")
def busybox_image(stack_images: StackImages) -> str:
    """`registry/path@sha256:…` of a busybox; its programs are in /bin."""
    return stack_images.image()


@pytest.fixture
def registry_server() -> Iterator[RegistryServer]:
    """A registry of our own, open to all, that can be told to misbehave."""
    with RegistryServer() as server:
        yield server
    assert not server.errors


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_registry(clock: FakeClock) -> Iterator[OpenRegistry]:
    """Makes registry clients that wait by the test's clock, and closes them."""
    opened: list[OciRegistry] = []

    def open_one(**settings: Any) -> OciRegistry:
        opened.append(OciRegistry(**{"clock": clock, **settings}))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for 127.0.0.1 that nobody trusts by default."""
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))
