"""A pinned project is the user's own project, but for images and builds: Compose itself says so.

And what is refused before anything starts, all of it at once.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given

from lockflight.errors import InputError, LockflightError, Refused
from lockflight.locks.file import render
from lockflight.locks.model import Lock
from lockflight.stacks.prepare import Request, pinned_only, prepare
from lockflight.stacks.surroundings import Surroundings
from lockflight.yaml_source import read_document
from tests.compose_files.test_compose_cases import CASES as ALL_READ_CASES
from tests.compose_files.test_compose_properties import bounded
from tests.locks import builders
from tests.stacks.cases.generated import projects
from tests.stacks.cases.locked_case import FOLDER, LABEL, Case, Config, Scene, lock_of, read_case, scene_of
from tests.support.repositories import new_repository

CASES = sorted(FOLDER.glob("*.yaml"))
READ_CASES = [path for path in ALL_READ_CASES if "refused" not in read_document(path).data]


def but_for_pins(config: Config) -> Config:
    """What must stay as it is: all but images, builds with what only they use, and our labels."""
    found = copy.deepcopy(config)
    for service in found["services"].values():
        service.pop("image", None)
        service.pop("build", None)
        service["labels"] = {
            key: value for key, value in service.get("labels", {}).items() if not key.startswith(LABEL)
        }
    used = {entry["source"] for service in found["services"].values() for entry in service.get("secrets", ())}
    # Compose leaves out what no service uses, and a build that is gone uses no secrets.
    found["secrets"] = {key: value for key, value in found.get("secrets", {}).items() if key in used}
    return found


def images_of(config: Config) -> dict[str, Any]:
    return {name: service.get("image") for name, service in config["services"].items()}


def assert_pinned(scene: Scene) -> None:
    """The property."""
    original = scene.config()
    lock, pins = lock_of(original, scene.case.unlocked)
    here = scene.surroundings(lock)
    pinned = scene.pinned_with(here, *pinned_only(here, scene.request(lock)))
    assert but_for_pins(pinned) == but_for_pins(original), scene.case.why
    assert images_of(pinned) == {**images_of(original), **pins}
    assert [name for name in pins if "build" in pinned["services"][name]] == []
    for name in scene.case.unlocked:
        assert ("build" in pinned["services"][name]) == ("build" in original["services"][name])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_pinned_project_is_the_original_but_for_images_and_builds(path: Path, tmp_path: Path) -> None:
    assert_pinned(scene_of(read_case(path), tmp_path))


@given(projects())
@bounded(10)
def test_a_generated_project_is_the_original_but_for_images_and_builds(case: Case) -> None:
    with TemporaryDirectory() as folder:
        scene = scene_of(case, Path(folder))
        assume(scene.original().config is not None)
        assert_pinned(scene)


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("path", READ_CASES, ids=lambda path: path.stem)
def test_what_our_reader_is_tested_with_is_pinned_as_well(path: Path, tmp_path: Path) -> None:
    assert_pinned(scene_of(Case(**{"profiles": ["*"], **read_document(path).data}), tmp_path))


def test_a_hundred_services_are_pinned(tmp_path: Path) -> None:
    services = {f"s{n}": {"image": f"acme/s{n}:1", "build": ".", "labels": {"n": n}} for n in range(100)}
    scene = scene_of(Case("many", {"compose.yaml": json.dumps({"services": services})}), tmp_path)
    assert_pinned(scene)


PLAIN = """
services:
  web: {image: "acme/web:1", environment: {A: "$$x ☃", B: "yes"}, command: "echo 'a b' $$HOME"}
  db: {image: "postgres:16", labels: ["a=b"], ports: ["5432:5432"]}
"""


def on_disk(scene: Scene, lock: Lock) -> None:
    """The manifest and the lock where the command line looks for them."""
    scene.surroundings(lock)
    (scene.root / "lockflight.yaml").write_bytes((scene.root.parent / "manifest.yaml").read_bytes())
    (scene.root / "locks").mkdir()
    (scene.root / "locks" / "current.yaml").write_text(render(lock))


def printed(scene: Scene, *words: str) -> str:
    here = {
        key: value for key, value in os.environ.items() if not key.startswith(("COMPOSE_", "LOCKFLIGHT_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "lockflight", "stack", "config", *words],
        cwd=scene.root, env={**here, **scene.case.environment}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_command_prints_the_pinned_project(tmp_path: Path) -> None:
    environment = {"COMPOSE_PROJECT_NAME": "mine", "COMPOSE_FILE": "other.yaml"}
    scene = scene_of(Case("printed", {"compose.yaml": PLAIN}, environment=environment), tmp_path)
    original = scene.config()
    lock, pins = lock_of(original)
    on_disk(scene, lock)
    pinned: Config = json.loads(printed(scene, "--json").replace("$$", "$"))
    assert but_for_pins(pinned) == but_for_pins(original)
    assert images_of(pinned) == pins


def test_the_command_prints_compose_s_own_text(tmp_path: Path) -> None:
    scene = scene_of(Case("printed", {"compose.yaml": PLAIN}), tmp_path)
    original = scene.config()
    lock, pins = lock_of(original)
    on_disk(scene, lock)
    text = subprocess.run(
        ["docker", "compose", "-f", "compose.yaml", "config"],
        cwd=scene.root, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    for name, image in images_of(original).items():
        text = text.replace(f"image: {image}\n", f"image: {pins[name]}\n")
    assert printed(scene) == text


def refused(
    tmp_path: Path, compose: str, lock: Lock, error: type[LockflightError] = Refused, **given: Any
) -> LockflightError:
    """Why nothing is run; nothing was written either."""
    scene = scene_of(Case("refused", {"compose.yaml": compose, **given.pop("files", {})}), tmp_path)
    if not (scene.root / ".git").exists():
        new_repository(scene.root)
    here = scene.surroundings(lock)
    with pytest.raises(error) as caught:
        prepare(here, scene.request(lock, "one", **given))
    assert not (scene.root / ".lockflight").exists()
    return caught.value


def test_all_that_cannot_be_pinned_is_named_at_once(tmp_path: Path) -> None:
    compose = "services: {a: {image: 'x:1'}, b: {build: .}, c: {image: 'acme/c:1'}, d: {image: 'c:$X'}}"
    lock, _ = lock_of({"services": {"c": {"image": "acme/c:1"}}})
    error = refused(tmp_path, compose, lock)
    assert error.exit_code == 1
    assert [str(problem).split(":")[0] for problem in error.problems] == ["a", "b", "d"]
    assert "--allow-unlocked a" in str(error.problems[0].hint)
    with pytest.raises(Refused) as of_config:
        pinned_only(*_asked(tmp_path, compose, lock))
    assert of_config.value.problems == error.problems


def _asked(tmp_path: Path, compose: str, lock: Lock, **given: Any) -> tuple[Surroundings, Request]:
    scene = scene_of(Case("asked", {"compose.yaml": compose}), tmp_path)
    return scene.surroundings(lock), scene.request(lock, **given)


def test_only_what_is_allowed_by_name_runs_unlocked(tmp_path: Path) -> None:
    compose = "services: {a: {image: 'x:1'}, b: {build: .}, c: {image: 'acme/c:1'}}"
    lock, _ = lock_of({"services": {"c": {"image": "acme/c:1"}}})
    error = refused(tmp_path, compose, lock, allow_unlocked=frozenset({"b", "c"}))
    assert [str(problem).split(":")[0] for problem in error.problems] == ["a"]
    here, request = _asked(tmp_path, compose, lock, name="one", allow_unlocked=frozenset({"a", "b", "c"}))
    prepared = prepare(here, request)
    assert prepared.unlocked == ("a", "b")
    services = here.engine.read(prepared.call)["services"]
    assert (services["a"]["image"], "build" in services["b"]) == ("x:1", True)
    assert {note.subject for note in prepared.notes if note.code == "unlocked"} == {"a", "b", "c"}


def test_a_locked_service_without_an_image_pins_nothing(tmp_path: Path) -> None:
    bare = builders.service("web", image=None, digest=None, tag=None, platforms={}, path="web", api=None)
    lock = builders.lock(services={"web": bare}, images={}, config={})
    error = refused(tmp_path, "services: {web: {image: 'acme/web:1'}}", lock)
    assert "web" in str(error)
    assert "acme/web:1, which is not in the lock" in str(error)


MISSING = """
services:
  web:
    image: acme/web:1
    volumes: ["./gone:/gone", "./here:/here", "data:/data", {type: bind, source: ./also-gone, target: /x}, "ENDLESS:/e"]
    secrets: [token]
    configs: [site]
  off: {image: "acme/off:1", profiles: [off], volumes: ["./gone-too:/x"]}
volumes: {data: {driver_opts: {type: none, o: "bind,ro", device: /nowhere/at/all}}, unused: {driver_opts: {o: bind, device: /nor/here}}}
secrets: {token: {file: ./token}, unused: {file: ./unused}}
configs: {site: {file: ./site$$.conf}}
""".replace("ENDLESS", "./" + 300 * "x")


def test_all_that_is_bound_in_and_not_there_is_named_at_once(tmp_path: Path) -> None:
    lock, _ = lock_of({"services": {"web": {"image": "acme/web:1"}}})
    error = refused(tmp_path, MISSING, lock, files={"here/x": ""})
    assert {problem.code for problem in error.problems} == {"bind-missing"}
    root = tmp_path / "project"
    paths = [root / name for name in ("gone", "also-gone", 300 * "x", "token", "site$.conf")]
    for path in [*paths, "/nowhere/at/all"]:
        assert f"'{path}'" in str(error)
    assert len(error.problems) == len(paths) + 1


def test_a_project_in_which_nothing_is_active_is_refused(tmp_path: Path) -> None:
    lock, _ = lock_of({"services": {}})
    error = refused(tmp_path, "services: {a: {image: x, profiles: [p]}}", lock, InputError)
    assert "no service that is active" in str(error)


def test_the_lock_of_another_project_is_refused(tmp_path: Path) -> None:
    lock, _ = lock_of({"services": {"a": {"image": "x"}}})
    here, request = _asked(tmp_path, "services: {a: {image: x}}", lock)
    other = replace(here, manifest=here.manifest.model_copy(update={"project": "other"}))
    for refusing in (pinned_only, prepare):
        with pytest.raises(InputError, match="the lock is of project 'shop', and the manifest is of 'other'"):
            refusing(other, request)


def test_a_file_that_is_not_as_it_was_locked_is_refused_unless_that_is_allowed(tmp_path: Path) -> None:
    compose = "services: {a: {image: 'acme/a:1', volumes: ['./conf:/conf']}}"
    lock, _ = lock_of({"services": {"a": {"image": "acme/a:1"}}})
    old = {"compose.yaml": builders.digest("old"), "gone.yaml": builders.digest("gone")}
    lock = _with_config(lock, old)
    error = refused(tmp_path, compose, lock, files={"conf/new": ""}, allow_changed_config=False)
    assert {(problem.code, str(problem).split(":")[0]) for problem in error.problems} == {
        ("config-changed", "compose.yaml"), ("config-removed", "gone.yaml"), ("config-added", "conf/new"),
    }  # fmt: skip
    here, request = _asked(tmp_path, compose, lock, name="one", allow_changed_config=True)
    assert set(prepare(here, request).changed_config) == {"compose.yaml", "gone.yaml", "conf/new"}


def _with_config(lock: Lock, config: dict[str, str]) -> Lock:
    return builders.lock(services=lock.services, images=lock.images, config=config)
