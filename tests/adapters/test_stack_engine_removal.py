"""What `down` does beyond the contract: gently, whatever state things are in, and never to anybody else's."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from lockflight.adapters.stack_engine import DockerStackEngine, removal
from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import STACK

POLITE = "trap 'echo bye > /data/bye; exit 0' TERM; echo up; sleep 3600 & wait"
PAUSE = 0.02


@dataclass
class Bench:
    """An engine, a stack's name, and a client that makes things behind lockflight's back."""

    engine: DockerStackEngine
    client: docker.APIClient
    image: str
    stack: str
    foreign: list[str] = field(default_factory=list)

    def container(self, *command: str, **settings: Any) -> str:
        labels = settings.pop("labels", {STACK: self.stack})
        host = self.client.create_host_config(**settings.pop("host", {}))
        made = self.client.create_container(
            self.image, command=list(command), labels=labels, host_config=host, **settings
        )
        self.client.start(made["Id"])
        identity = str(made["Id"])
        if STACK not in labels:
            self.foreign.append(identity)
        return identity

    def is_there(self, container: str) -> bool:
        return any(entry["Id"] == container for entry in self.client.containers(all=True))

    def says(self, container: str, text: str) -> None:
        ends = time.monotonic() + 30
        while text not in self.engine.logs(container, 5):
            assert time.monotonic() < ends
            time.sleep(PAUSE)


@pytest.fixture
def bench(busybox_image: str) -> Iterator[Bench]:
    engine = DockerStackEngine(os.environ)
    engine.pull(busybox_image, None, lambda *_: None)
    with docker.APIClient() as client:
        bench = Bench(engine, client, busybox_image, f"removal-{uuid.uuid4().hex[:10]}")
        yield bench
        for container in bench.foreign:
            client.remove_container(container, force=True, v=True)
        engine.down(bench.stack, 0)


def test_containers_get_their_time_to_end_and_their_volumes_go(bench: Bench, tmp_path: Path) -> None:
    mount = {"binds": {str(tmp_path): {"bind": "/data", "mode": "rw"}}}
    container = bench.container("sh", "-c", POLITE, host=mount, volumes=["/data", "/cache"])
    (anonymous,) = [
        one["Name"] for one in bench.client.inspect_container(container)["Mounts"] if one["Type"] == "volume"
    ]
    bench.says(container, "up")
    bench.engine.down(bench.stack)
    assert (tmp_path / "bye").read_text() == "bye\n"
    assert not bench.is_there(container)
    assert anonymous not in {one["Name"] for one in bench.client.volumes()["Volumes"] or []}


def test_one_that_does_not_listen_is_ended_after_the_time_that_it_wants_or_that_was_said(
    bench: Bench,
) -> None:
    stubborn = ("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    begun = time.monotonic()
    bench.says(bench.container(*stubborn, stop_timeout=0), "up")
    bench.engine.down(bench.stack)
    bench.says(bench.container(*stubborn, stop_timeout=60), "up")
    bench.engine.down(bench.stack, 1)
    bench.says(bench.container(*stubborn, stop_timeout=60), "up")
    bench.engine.down(bench.stack, 0)
    assert time.monotonic() - begun < 15
    assert bench.engine.containers(bench.stack) == ()


def test_paused_restarting_and_created_containers_go_too(bench: Bench, tmp_path: Path) -> None:
    paused = bench.container(
        "sh", "-c", POLITE, host={"binds": {str(tmp_path): {"bind": "/data", "mode": "rw"}}}
    )
    bench.says(paused, "up")
    bench.client.pause(paused)
    bench.container("false", host={"restart_policy": {"Name": "always"}})
    bench.client.create_container(bench.image, labels={STACK: bench.stack})
    assert len(bench.engine.containers(bench.stack)) == 3
    bench.engine.down(bench.stack)
    assert bench.engine.containers(bench.stack) == ()
    assert (tmp_path / "bye").exists()


def test_a_project_of_the_same_name_that_is_not_ours_is_left_alone(bench: Bench) -> None:
    theirs = bench.container(
        "sleep", "3600",
        labels={"com.docker.compose.project": bench.stack, "com.docker.compose.service": "web"},
    )  # fmt: skip
    bench.container("sleep", "3600")
    bench.engine.down(bench.stack, 0)
    assert bench.is_there(theirs)
    assert bench.engine.stacks() == () or bench.stack not in {one.name for one in bench.engine.stacks()}


def test_what_cannot_be_removed_is_told_by_name_with_who_uses_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_ROUNDS", 2)
    network = f"{bench.stack}_default"
    volume = f"{bench.stack}_data"
    bench.client.create_network(network, labels={STACK: bench.stack})
    bench.client.create_volume(volume, labels={STACK: bench.stack})
    host = {"network_mode": network, "binds": {volume: {"bind": "/data", "mode": "rw"}}}
    theirs = bench.container("sleep", "3600", labels={}, host=host)
    with pytest.raises(OutsideError) as caught:
        bench.engine.down(bench.stack)
    said = str(caught.value)
    assert f"network {network}" in said
    assert f"volume {volume}" in said
    assert theirs[:12] in said or bench.client.inspect_container(theirs)["Name"].strip("/") in said
    assert bench.is_there(theirs)
    bench.client.remove_container(theirs, force=True)
    bench.foreign.remove(theirs)
    bench.engine.down(bench.stack)
    assert bench.engine.networks(bench.stack) == ()
