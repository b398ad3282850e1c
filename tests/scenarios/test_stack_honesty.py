"""Evidence that can be believed: what was tested is what was checked, on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack_scene import APP, StackScene, stack_scene

SLOW = """
services:
  first:
    image: IMAGE
    init: true
    command: [sleep, '3600']
    environment: {MODE: locked}
"""


@pytest.fixture
def scene(tmp_path: Path, busybox_image: str) -> Iterator[StackScene]:
    with stack_scene(tmp_path, busybox_image) as made:
        yield made


def test_files_that_change_between_check_and_start_are_noticed_and_nothing_is_left(scene: StackScene) -> None:
    lock = scene.write(SLOW, services=("first",))
    sneak = "  sneak: {image: IMAGE, init: true, command: [sleep, '3600']}\n".replace(
        "IMAGE", scene.project.image
    )
    process = scene.start("stack", "test")
    scene.until(
        lambda: list(scene.root.glob(".lockflight/stacks/*/override.yaml")), "the override is written"
    )
    stack = scene.root / "stack.yaml"
    stack.write_text(stack.read_text().replace("MODE: locked", "MODE: changed") + sneak)

    refused = scene.finish(process, 1)

    assert "stack.yaml was changed after it was checked" in refused.err
    assert scene.evidence(lock)["passed"] is False
    assert scene.left() == []


def test_a_suite_that_takes_a_service_away_does_not_pass(scene: StackScene) -> None:
    remove = "docker rm -f $(docker ps -q --filter label=dev.lockflight.stack=$LOCKFLIGHT_STACK)"
    lock = scene.write(APP, stack=f"suites: {{smoke: {{command: [sh, -c, '{remove}']}}}}\n")
    refused = scene.run("stack", "test", code=1)
    assert "its container was removed or replaced while the suites ran" in refused.err
    assert scene.evidence(lock)["passed"] is False
    assert scene.left() == []


def test_a_service_that_crashes_and_comes_back_while_suites_run_does_not_pass(scene: StackScene) -> None:
    app = "services: {app: {image: IMAGE, restart: always, command: [sh, -c, 'sleep 1; exit 1']}}\n"
    lock = scene.write(app, stack="suites: {smoke: {command: [sleep, '4']}}\n")
    refused = scene.run("stack", "test", code=1)
    assert "app" in refused.err
    assert scene.evidence(lock)["passed"] is False
    assert scene.left() == []
