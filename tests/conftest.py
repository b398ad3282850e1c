"""What all tests share: the real registry, one for each worker of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.registry_process import RealRegistry, docker_registry


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """Debian's `docker-registry` on a free loopback port; `real_registry.name()` makes names for images."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry
