"""Compose as a child process: a docker of our own shows what it is given, and how its failures are explained."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from lockflight import docker_hints
from lockflight.adapters.stack_engine import DockerStackEngine, compose, processes
from lockflight.errors import InputError, OutsideError
from lockflight.logs import log
from lockflight.ports.stack_engine import STACK, ComposeCall, SuiteContainer
from tests.support.stack_images import Probe, StackImages

# Writes down what it was given, and then does what the test says.
DOCKER = """#!/bin/sh
echo "$*" >> {folder}/arguments
env > {folder}/environment
case "$*" in
  *"version --short") {version} ;;
  *) {rest} ;;
esac
"""
GOOD = "echo 2.26.1-4"


class Machine:
    """A PATH on which docker is what the test says, and Compose the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = f"{folder}:/usr/bin:/bin"
        self.call = ComposeCall((folder / "compose.yaml",), name="shop")

    def docker(self, rest: str, version: str = GOOD) -> DockerStackEngine:
        path = self.folder / "docker"
        path.write_text(DOCKER.format(folder=self.folder, rest=rest, version=version))
        path.chmod(0o755)
        return self.engine()

    def engine(self, **more: str) -> DockerStackEngine:
        return DockerStackEngine({"PATH": self.path, "DOCKER_HOST": "unix:///nowhere", **more})

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_project_is_read_with_the_variables_that_were_given(machine: Machine) -> None:
    engine = machine.docker("echo '{\"services\": {}}'")
    call = ComposeCall((machine.folder / "a.yaml",), name="shop", variables={"TAG": "1.2"})
    assert engine.read(call) == {"services": {}}
    assert "TAG=1.2" in machine.read("environment").splitlines()
    assert "DOCKER_HOST=unix:///nowhere" in machine.read("environment").splitlines()
    # One process and no more: asking for the version would make every command slower.
    assert len(machine.read("arguments").splitlines()) == 1


def test_settings_of_a_person_change_nothing(machine: Machine) -> None:
    machine.docker("echo '{}'")
    machine.engine(COMPOSE_REMOVE_ORPHANS="1", COMPOSE_FILE="other.yaml").read(machine.call)
    assert "COMPOSE_" not in machine.read("environment")


def test_the_name_that_a_person_gives_the_project_by_a_variable_is_compose_s_business(
    machine: Machine,
) -> None:
    """It is part of how Compose reads the files; a stack of ours is named on the command line, which wins."""
    machine.docker("echo '{}'")
    machine.engine(COMPOSE_PROJECT_NAME="mine").read(machine.call)
    assert "COMPOSE_PROJECT_NAME=mine" in machine.read("environment")


def test_warnings_are_no_part_of_the_message_and_are_logged(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(log, "event", lambda name, **fields: heard.append((name, fields)))
    engine = machine.docker(
        "echo 'time=\"now\" level=warning msg=\"The TAG variable is not set\"' >&2; echo 'services.web: wrong' >&2; exit 15"
    )
    with pytest.raises(InputError) as caught:
        engine.read(machine.call)
    assert str(caught.value) == "docker compose cannot read the stack: services.web: wrong"
    assert caught.value.problems[0].code == "compose-invalid"
    assert ("compose warns", {"message": "The TAG variable is not set"}) in heard


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("unknown flag: --file", "echo 'docker: unknown command: docker compose' >&2; exit 1"),
        ("unknown shorthand flag: 'f' in -f", "exit 125"),
        ("anything", "echo nonsense"),
    ],
)
def test_compose_that_is_missing_is_told_from_a_project_with_an_error(
    machine: Machine, said: str, version: str
) -> None:
    engine = machine.docker(f'echo "{said}" >&2; exit 125', version)
    for ask in (lambda: engine.read(machine.call), lambda: engine.text(machine.call), engine.facts):
        with pytest.raises(OutsideError, match="docker compose is not installed") as caught:
            ask()
        assert caught.value.problems[0].hint == docker_hints.COMPOSE


def test_the_first_compose_is_told_to_be_another_one(machine: Machine) -> None:
    engine = machine.docker("exit 1", "exit 1")
    (machine.folder / "docker-compose").symlink_to("/bin/true")
    with pytest.raises(OutsideError, match="not what 'docker compose' runs"):
        engine.read(machine.call)


@pytest.mark.parametrize("version", ["1.29.2", "v2.5.0", "2.24.3"])
def test_an_old_compose_is_told_from_a_project_with_an_error(machine: Machine, version: str) -> None:
    engine = machine.docker("echo 'yaml: unknown tag !reset' >&2; exit 15", f"echo {version}")
    for ask in (lambda: engine.read(machine.call), engine.facts):
        with pytest.raises(OutsideError, match=r"is too old: 2\.24\.4") as caught:
            ask()
        assert caught.value.problems[0].hint == docker_hints.COMPOSE


@pytest.mark.parametrize("version", ["2.24.4", "v2.26.1", "2.40.0-desktop.1", "5.0.1"])
def test_a_compose_that_is_new_enough_is_good(version: str) -> None:
    assert not docker_hints.is_old_compose(version)


def test_a_machine_without_docker_is_told_how_to_get_it(tmp_path: Path) -> None:
    engine = DockerStackEngine({"PATH": str(tmp_path)})
    for ask in (lambda: engine.read(ComposeCall((tmp_path / "a.yaml",))), engine.facts):
        with pytest.raises(OutsideError, match="docker is not installed") as caught:
            ask()
        assert caught.value.problems[0].hint == docker_hints.CLIENT


def test_a_project_that_is_none_is_no_bug_of_ours(machine: Machine) -> None:
    for printed in ("[]", "nonsense", ""):
        with pytest.raises(OutsideError, match="no project"):
            machine.docker(f"echo '{printed}'").read(machine.call)


def test_compose_that_hangs_is_ended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "_SECONDS", 0.2)
    with pytest.raises(OutsideError, match="gave no answer within"):
        machine.docker("sleep 60").text(machine.call)
    assert not processes.children.running


def test_a_start_tells_how_it_ended_and_why(machine: Machine) -> None:
    starting = machine.docker(
        "echo ' Container shop-db-1  Starting' >&2; echo 'Error response from daemon: port is taken' >&2; exit 1"
    ).start(machine.call)
    while starting.ended() is None:
        pass
    assert (starting.ended(), starting.complaint()) == (1, "Error response from daemon: port is taken")


def test_values_of_a_suite_stand_in_no_argument_and_no_environment(machine: Machine) -> None:
    engine = machine.docker(f"cat > {machine.folder}/settings; echo; echo abc123")
    suite = SuiteContainer("suite-1", {"a": "b"}, {"TOKEN": "marked-4711", "PATH": "/suite"}, ("sh",))
    assert engine.run_service(machine.call, "tests", suite) == "abc123"
    assert "marked-4711" not in machine.read("arguments") + machine.read("environment")
    given = json.loads(machine.read("settings"))
    assert given["services"]["tests"]["environment"] == {"TOKEN": "marked-4711", "PATH": "/suite"}


def test_a_suite_that_cannot_be_run_is_said_with_why(machine: Machine) -> None:
    engine = machine.docker("echo 'no such service: tests' >&2; exit 1")
    with pytest.raises(OutsideError, match="tests cannot be run: no such service"):
        engine.run_service(machine.call, "tests", SuiteContainer("suite-1", {}, {}))


def test_a_build_that_fails_says_its_last_words(machine: Machine) -> None:
    engine = machine.docker(
        "i=0; while [ $i -lt 100 ]; do echo step $i >&2; i=$((i+1)); done; echo broken >&2; exit 1"
    )
    with pytest.raises(OutsideError, match="web cannot be built") as caught:
        engine.build(machine.call, ["web"])
    assert "broken" in str(caught.value)
    assert "step 10\n" not in str(caught.value)


@pytest.fixture
def built(tmp_path: Path) -> Iterator[ComposeCall]:
    """A stack of one service that is built from nothing but a file."""
    name = f"built-{uuid.uuid4().hex[:10]}"
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY Dockerfile /\nCMD ["/nothing"]\n')
    project = {"services": {"web": {"build": ".", "labels": {STACK: name}}}}
    (tmp_path / "compose.yaml").write_text(json.dumps(project))
    yield ComposeCall((tmp_path / "compose.yaml",), name=name)
    with docker.APIClient() as client:
        for image in client.images(f"{name}-web"):
            client.remove_image(image["Id"], force=True)


def test_a_service_is_built_for_real(built: ComposeCall) -> None:
    DockerStackEngine(os.environ).build(built, ["web"])
    with docker.APIClient() as client:
        assert len(client.images(f"{built.name}-web")) == 1
    Path(built.files[0].parent / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    with pytest.raises(OutsideError, match=r"(?s)web cannot be built.*nothing"):
        DockerStackEngine(os.environ).build(built, ["web"])


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel of Linux alone ends children with their parent"
)
def test_a_kill_of_lockflight_ends_the_plugin_of_docker_too(
    stack_images: StackImages, tmp_path: Path
) -> None:
    """The kernel tells docker alone, which has Compose as a child of its own."""
    name = f"killed-{uuid.uuid4().hex[:10]}"
    engine = DockerStackEngine(os.environ)
    image = stack_images.image("sleep", "3600", probe=Probe(("false",), retries=1000))
    engine.pull(image, None, lambda *_: None)
    db = {"image": image, "labels": {STACK: name}}
    project = {
        "services": {"db": db, "web": {**db, "depends_on": {"db": {"condition": "service_healthy"}}}},
        "networks": {"default": {"labels": {STACK: name}}},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps(project))
    code = (
        "import os, pathlib, time\n"
        "from lockflight.adapters.stack_engine import DockerStackEngine\n"
        "from lockflight.ports.stack_engine import ComposeCall\n"
        f"call = ComposeCall((pathlib.Path({str(tmp_path)!r}) / 'compose.yaml',), name={name!r})\n"
        "started = DockerStackEngine(os.environ).start(call)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: any(one.health == "starting" for one in engine.containers(name)))
        assert len(running_with(name)) >= 2
        parent.kill()
        parent.wait()
        until(lambda: not running_with(name))
    finally:
        parent.kill()
        parent.wait()
        engine.down(name, 0)


def until(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


def running_with(word: str) -> list[str]:
    """The processes of this machine that Compose's arguments name, this test's own parent left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if word in words and "up" in words:
                found.append(path.parent.name)
    return found
