"""Promotion and rollback with the real engine and the real command line, one invariant each."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_scene import StackScene, stack_scene

COMPOSE = """
services:
  migrate: {{image: IMAGE, command: [sh, -c, "echo migrated"]}}
  web:
    image: IMAGE
    init: true
    command: [httpd, -f, -p, "8080", -h, /www]
    ports: ["127.0.0.1:{port}:8080"]
    environment: {{VERSION: "{version}"}}
    volumes: ["./page:/www:ro"]
    healthcheck: {{test: [CMD, wget, -q, -O-, "http://127.0.0.1:8080/"], interval: 300ms, retries: 10}}
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
  worker:
    image: IMAGE
    init: true
    command: [sleep, "3600"]
    depends_on: {{web: {{condition: service_healthy}}}}
"""
STACK = "suites: {smoke: {command: [sh, -c, 'wget -q -O- $URL | grep -v bad'], env: {URL: '{url.web}'}}}\n"
ENVIRONMENTS = """
environments:
  staging:
    target: {{compose: {{project: {name}-staging}}}}
    lease: 8s
    urls: {{web: "http://127.0.0.1:{port}"}}
    checks: [{{http: {{url: "{{url.web}}"}}}}, {{suite: smoke}}]
"""
SERVICES = ("migrate", "web", "worker")


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


def release(scene: StackScene, port: int, version: str) -> str:
    """Another release of the same images: other configuration, another page. Answers the lock's id."""
    page = {"page/index.html": f"hello {version}\n"}
    scene.write(COMPOSE.format(port=port, version=version), stack=STACK, services=SERVICES, files=page)
    manifest = scene.root / "lockflight.yaml"
    manifest.write_text(manifest.read_text() + ENVIRONMENTS.format(name=scene.name, port=port))
    return scene.project.relock(SERVICES).id


def ids(scene: StackScene) -> dict[str, str]:
    """The containers of the environment, without the lease's."""
    return {
        one["Labels"]["com.docker.compose.service"]: one["Id"]
        for one in scene.containers()
        if "com.docker.compose.service" in one["Labels"]
    }


def version(scene: StackScene) -> str:
    (web,) = scene.containers("web")
    variables: list[str] = scene.api.inspect_container(web["Id"])["Config"]["Env"]
    return next(one for one in variables if one.startswith("VERSION="))


def kinds(scene: StackScene) -> list[str]:
    folder = scene.root / "locks" / "ledger" / "staging"
    return sorted(path.stem.partition("-")[2] for path in folder.iterdir()) if folder.is_dir() else []


def leases(scene: StackScene) -> list[str]:
    return [one["Names"][0] for one in scene.containers() if "lease" in one["Names"][0]]


def test_the_same_lock_again_touches_no_container(scene: StackScene, port: int) -> None:
    release(scene, port, "one")
    scene.run("promote", "staging")
    before = ids(scene)
    again = scene.run("promote", "staging")
    assert "already runs" in again.out
    assert ids(scene) == before
    assert kinds(scene) == ["deployed", "gated", "started", "succeeded"]


def test_only_what_differs_is_made_anew(scene: StackScene, port: int) -> None:
    release(scene, port, "one")
    scene.run("promote", "staging")
    before = ids(scene)
    release(scene, port, "two")
    scene.run("promote", "staging")
    after = ids(scene)
    assert after["web"] != before["web"]
    assert (after["worker"], after["migrate"]) == (before["worker"], before["migrate"])


def test_a_release_that_its_check_refuses_goes_back_whole(scene: StackScene, port: int) -> None:
    good = release(scene, port, "one")
    scene.run("promote", "staging")
    release(scene, port, "bad")
    refused = scene.run("promote", "staging", code=1)
    assert f"back on lock {good[:12]}" in refused.out
    assert version(scene) == "VERSION=one"
    assert kinds(scene).count("rolled-back") == 1
    assert leases(scene) == []


def test_rollback_takes_the_configuration_out_of_the_archive(scene: StackScene, port: int) -> None:
    release(scene, port, "one")
    scene.run("promote", "staging")
    release(scene, port, "two")
    scene.run("promote", "staging")
    scene.run("rollback", "staging", "--with-config")
    assert version(scene) == "VERSION=one"
    withdrawn = scene.run("promote", "staging", code=1)
    assert "[withdrawn]" in withdrawn.err


def test_two_promoters_at_once_end_on_one_whole_lock(scene: StackScene, port: int) -> None:
    release(scene, port, "one")
    first = scene.start("promote", "staging")
    second = scene.start("promote", "staging", "--wait", "50s")
    outcomes = sorted(scene.finish(one, None).code for one in (first, second))
    assert outcomes in ([0, 0], [0, 4])
    assert set(ids(scene)) == set(SERVICES)
    assert kinds(scene).count("succeeded") == 1


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["archived", "started", "web is new"])
def test_a_promoter_that_is_killed_is_taken_up_by_the_same_command(
    scene: StackScene, port: int, moment: str
) -> None:
    """With kill -9. The lease of a dead process of this machine is waited for without being asked to."""
    good = release(scene, port, "one")
    scene.run("promote", "staging")
    lock = release(scene, port, "two")
    assert lock != good
    process = scene.start("promote", "staging")
    archive = scene.root / "locks" / "archive" / lock
    old = ids(scene)["web"]
    if moment == "archived":
        scene.until(lambda: archive.is_dir() or None, "the lock is archived")
    elif moment == "started":
        scene.until(lambda: kinds(scene).count("started") == 2 or None, "the promotion has begun")
    else:
        scene.until(lambda: ids(scene).get("web") not in (None, old) or None, "web is made anew")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    scene.finish(scene.start("promote", "staging"), 0)

    assert version(scene) == "VERSION=two"
    assert set(ids(scene)) == set(SERVICES)
    assert len(scene.containers("web")) == 1
    assert leases(scene) == []
    assert kinds(scene).count("succeeded") == 2
