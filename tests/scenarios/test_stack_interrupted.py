"""The stack when lockflight or the engine is cut off in the middle: what is left, and how it goes away."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lockflight.testing import faults
from lockflight.testing.registry import RegistryServer
from tests.support.engine_proxy import EngineProxy, engine_proxy
from tests.support.stack_scene import StackScene, is_gone, is_running, stack_scene

pytestmark = pytest.mark.slow

# A service that starts for ever, and one that is up at once, with a volume and a network to be left behind.
STARTS = """
services:
  app:
    image: IMAGE
    init: true
    command: [sleep, '3600']
    volumes: ['data:/data']
    healthcheck: {test: [CMD, 'false'], interval: 1s, start_period: 1h}
  late: {image: IMAGE, init: true, command: [sleep, '3600'], depends_on: {app: {condition: service_healthy}}}
volumes: {data: {}}
"""
UP = "services: {app: {image: IMAGE, init: true, command: [sleep, '3600'], volumes: ['data:/data']}}\nvolumes: {data: {}}\n"
HANGS = "suites: {smoke: {command: [sh, -c, 'echo $$ > pid.new; mv pid.new pid; sleep 3600']}}\n"
HANGS_INSIDE = "suites: {smoke: {image: app, command: [sleep, '3601']}}\n"


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


@pytest.fixture
def proxy() -> Iterator[EngineProxy]:
    with engine_proxy() as made:
        yield made


def while_starting(scene: StackScene, proxy: EngineProxy | None = None) -> subprocess.Popen[str]:
    """`stack test` at a moment when services start."""
    scene.write(STARTS, services=("app", "late"))
    process = scene.start("stack", "test", own={"DOCKER_HOST": proxy.host} if proxy else None)
    scene.until_running("app")
    return process


def while_a_suite_runs(scene: StackScene, proxy: EngineProxy | None = None) -> subprocess.Popen[str]:
    """`stack test` at a moment when a suite runs on this machine."""
    scene.write(UP, stack=HANGS)
    process = scene.start("stack", "test", own={"DOCKER_HOST": proxy.host} if proxy else None)
    scene.until((scene.root / "pid").exists, "the suite runs")
    return process


def while_a_container_suite_runs(
    scene: StackScene, proxy: EngineProxy | None = None
) -> subprocess.Popen[str]:
    """`stack test` at a moment when a suite runs in the stack's network."""
    scene.write(UP, stack=HANGS_INSIDE)
    process = scene.start("stack", "test", own={"DOCKER_HOST": proxy.host} if proxy else None)
    scene.until(
        lambda: [one for one in scene.containers(state="running") if "3601" in one["Command"]], "it runs"
    )
    return process


MOMENTS = [while_starting, while_a_suite_runs, while_a_container_suite_runs]
Moment = Callable[..., "subprocess.Popen[str]"]


def no_suite_runs(scene: StackScene) -> bool:
    file = scene.root / "pid"
    return not file.exists() or not is_running(file.read_text().strip())


@contextmanager
def kills(scene: StackScene) -> Iterator[Iterator[str]]:
    """The signals that the engine sends to containers of this scene, as they come."""
    told = {"event": ["kill"], "label": [f"dev.lockflight.project={scene.name}"]}
    with closing(scene.api.events(filters=told, decode=True)) as events:
        yield (event["Actor"]["Attributes"]["signal"] for event in events)


def interrupt_the_group(process: subprocess.Popen[str]) -> None:
    """As a terminal does at Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def terminate(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("moment", "send"),
    [
        (while_starting, interrupt_the_group),
        (while_starting, terminate),
        (while_a_suite_runs, interrupt_the_group),
        (while_a_suite_runs, interrupt),
        (while_a_suite_runs, terminate),
        (while_a_container_suite_runs, interrupt_the_group),
    ],
)
def test_who_interrupts_a_test_finds_nothing_left(
    scene: StackScene, moment: Moment, send: Callable[[subprocess.Popen[str]], None]
) -> None:
    process = moment(scene)
    send(process)
    finished = scene.finish(process, 130)
    assert finished.err.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in finished.err
    assert scene.left() == []
    assert no_suite_runs(scene)


def test_who_interrupts_the_taking_down_finds_nothing_left(scene: StackScene) -> None:
    # Without an init it hears no SIGTERM, and the engine gives it ten seconds.
    scene.write("services: {app: {image: IMAGE, command: [sleep, '3600'], stop_grace_period: 1h}}\n")
    with kills(scene) as killed:
        process = scene.start("stack", "test")
        assert next(killed) == "15", "it was asked to end"
        interrupt_the_group(process)
        scene.finish(process, 130)
    assert scene.left() == []


def test_who_interrupts_a_pull_is_not_kept_waiting(scene: StackScene) -> None:
    with RegistryServer() as registry:
        registry.faults.answer_next(faults.silence(), times=None)
        scene.write()
        scene.project.relock(images={"app": f"{registry.host}/app@sha256:{'0' * 64}"})
        process = scene.start("stack", "test")
        scene.until(lambda: registry.requests, "the engine asks the registry")
        interrupt_the_group(process)
        finished = scene.finish(process, 130)
    assert finished.err.splitlines()[-1].startswith("interrupted")
    assert scene.left() == []


def test_a_second_ctrl_c_says_what_is_left_and_down_takes_it_away(scene: StackScene) -> None:
    # Without an init it hears no SIGTERM, so the first Ctrl-C waits a second for it.
    scene.write("services: {app: {image: IMAGE, command: [sleep, '3600']}}\n", stack=HANGS)
    with kills(scene) as killed:
        process = scene.start("stack", "test")
        scene.until((scene.root / "pid").exists, "the suite runs")
        interrupt_the_group(process)
        assert next(killed) == "15"
        interrupt_the_group(process)
        finished = scene.finish(process, 130)
    assert "Traceback" not in finished.err
    if scene.left():
        assert "could not be taken down" in finished.err
        scene.run("stack", "down", "--all")
    assert scene.left() == []
    assert no_suite_runs(scene)


def test_up_that_is_interrupted_can_be_taken_down(scene: StackScene) -> None:
    scene.write(STARTS, services=("app", "late"))
    process = scene.start("stack", "up")
    scene.until_running("app")
    interrupt_the_group(process)
    assert "'lockflight stack down' takes it down" in scene.finish(process, 130).err
    scene.run("stack", "down")
    assert scene.left() == []


def test_a_stack_to_be_kept_is_kept_when_it_is_interrupted_and_it_is_said(scene: StackScene) -> None:
    scene.write(STARTS, services=("app", "late"))
    process = scene.start("stack", "test", "--keep")
    stack = scene.until_running("app")["Labels"]["dev.lockflight.stack"]
    interrupt_the_group(process)
    assert f"'lockflight stack down --name {stack}' takes it down" in scene.finish(process, 130).err
    scene.run("stack", "down", "--name", stack)
    assert scene.left() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_lockflight_left_is_taken_down_by_down_all(scene: StackScene, moment: Moment) -> None:
    process = moment(scene)
    process.kill()
    scene.finish(process, -signal.SIGKILL)
    assert scene.left()
    scene.run("stack", "down", "--all")
    assert scene.left() == []
    scene.until(lambda: no_suite_runs(scene), "the suite was ended as well")


@pytest.mark.parametrize("moment", [while_starting, while_a_suite_runs])
def test_what_a_killed_lockflight_left_is_removed_by_the_next_test(scene: StackScene, moment: Moment) -> None:
    """And nothing else: not what somebody else has under a similar name."""
    process = moment(scene)
    process.kill()
    scene.finish(process, -signal.SIGKILL)
    stack = scene.containers("app")[0]["Labels"]["dev.lockflight.stack"]
    theirs = scene.api.create_container(
        scene.project.image, name=f"{stack}-theirs", labels={"com.docker.compose.project": stack}
    )["Id"]
    scene.write()
    assert f"removed the stack {stack}" in scene.run("stack", "test").err
    assert not is_gone(scene.api, theirs)
    assert scene.left() == [f"container {stack}-theirs"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_stops_in_the_middle_is_exit_3_and_said(
    scene: StackScene, proxy: EngineProxy, moment: Moment
) -> None:
    process = moment(scene, proxy)
    proxy.cut()
    if moment is while_a_suite_runs:
        # The suite itself does not notice, and is let to its end.
        os.kill(int((scene.root / "pid").read_text()), signal.SIGKILL)
    failed = scene.finish(process, 3)
    assert str(proxy.path) in failed.err
    assert "Traceback" not in failed.err
    assert "lockflight stack down --all" in failed.err, "what is left, and how it goes away"
    assert scene.left()
    proxy.mend()
    scene.run("stack", "down", "--all")
    assert scene.left() == []


def test_after_an_engine_that_stopped_the_next_test_begins_by_tidying(
    scene: StackScene, proxy: EngineProxy
) -> None:
    process = while_starting(scene, proxy)
    proxy.cut()
    scene.finish(process, 3)
    proxy.mend()
    scene.write()
    assert "removed the stack" in scene.run("stack", "test").err
    assert scene.left() == []
