"""`lockflight doctor` as a person runs it, on machines made of small programs in the PATH."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.cli.app import run
from lockflight.errors import EXIT_DONE, EXIT_REFUSED, OutsideError
from lockflight.setup.checks import docker, machine, manifest, registries, repository, stack, suites
from lockflight.setup.checks.model import Check, Checked, State, Surroundings, ok
from lockflight.setup.checks.run import examine
from lockflight.testing.git import FakeGit
from lockflight.wiring import credential_source
from tests.setup.repositories import deployment, without_checkouts
from tests.support.registry_process import RealRegistry
from tests.support.repositories import commit_file, git, new_repository

DOCKER = """#!/bin/sh
case "$1 $2" in
  "version --format") echo '{"Client": {"Version": "28.2.2"}, "Server": {"Version": "27.0.1"}}' ;;
  "compose version") echo 'Docker Compose version v2.26.1' ;;
  "buildx version") echo 'github.com/docker/buildx v0.13.1 abc' ;;
esac
"""
MANIFEST = """version: 1
project: shop
image: %s/{service}
services:
  cart: {submodule: services/cart}
"""
STACK = "stack: {files: [compose.yaml]}\n"


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of programs: git as it is, and whatever a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "sh"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def surroundings(tmp_path: Path, path: Path) -> Surroundings:
    def refuse() -> object:
        raise AssertionError("no registry was to be asked")

    return Surroundings(
        folder=tmp_path,
        environment={"PATH": str(path), "HOME": str(tmp_path)},
        cache=tmp_path / "cache",
        git=FakeGit(),
        clock=SystemClock(),
        open_registry=refuse,  # type: ignore[arg-type]
        credentials=lambda _: "anonymous",
    )


def with_manifest(surroundings: Surroundings, text: str) -> Surroundings:
    (surroundings.folder / "lockflight.yaml").write_text(text)
    _, found, state = manifest.load(surroundings.folder)
    return replace(surroundings, manifest=found, manifest_state=state)


def answers(check: Check, surroundings: Surroundings) -> dict[str, Checked]:
    return {answer.name: answer for answer in check(surroundings)}


# --- the machine ---


def test_python_and_room_are_looked_at(surroundings: Surroundings) -> None:
    assert answers(machine.python, surroundings)["python"].state is State.OK
    assert "free" in answers(machine.room, surroundings)["cache"].found


def test_a_terminal_and_a_ci_are_told(surroundings: Surroundings) -> None:
    in_ci = replace(surroundings, environment={"GITHUB_ACTIONS": "true", "NO_COLOR": ""})
    assert (
        answers(machine.listener, in_ci)["output"].found
        == "not on a terminal, in GitHub Actions, NO_COLOR is set"
    )


def test_a_machine_without_git_is_told_how_to_get_it(surroundings: Surroundings, path: Path) -> None:
    (path / "git").unlink()
    answer = answers(repository.program, surroundings)["git"]
    assert answer.state is State.MISSING
    assert "apt-get install git" in (answer.advice or "")
    assert answers(repository.repository, surroundings) == {}


def test_an_old_git_is_missing(surroundings: Surroundings, path: Path) -> None:
    (path / "git").unlink()
    program(path, "git", "#!/bin/sh\necho git version 2.11.0\n")
    assert answers(repository.program, surroundings)["git"].state is State.MISSING


def test_docker_with_everything_is_fine(surroundings: Surroundings, path: Path) -> None:
    program(path, "docker", DOCKER)
    found = answers(docker.docker, surroundings)
    assert {name: answer.state for name, answer in found.items()} == dict.fromkeys(found, State.OK)
    assert found["docker"].found == "client 28.2.2, engine 27.0.1"
    assert found["compose"].found == "2.26.1"


def test_without_docker_a_lock_is_still_made_but_a_stack_is_not(surroundings: Surroundings) -> None:
    assert answers(docker.docker, surroundings)["docker"].state is State.NOTE
    (surroundings.folder / "compose.yaml").write_text("services: {}\n")
    with_stack = with_manifest(surroundings, MANIFEST % "ghcr.io/acme" + STACK)
    assert answers(docker.docker, with_stack)["docker"].state is State.MISSING


@pytest.mark.parametrize(
    ("complaint", "advice"),
    [
        ("permission denied while trying to connect", "usermod"),
        ("Cannot connect to the Docker daemon", "systemctl"),
    ],
)
def test_an_engine_that_does_not_answer_is_told_from_one_that_may_not(
    surroundings: Surroundings, path: Path, complaint: str, advice: str
) -> None:
    text = f'#!/bin/sh\necho \'{{"Client": {{"Version": "28"}}, "Server": null}}\'\necho \'{complaint}\' >&2\nexit 1\n'
    program(path, "docker", text)
    answer = answers(docker.docker, surroundings)["docker"]
    assert complaint in answer.found
    assert advice in (answer.advice or "")


def test_compose_of_the_first_version_is_too_old(surroundings: Surroundings, path: Path) -> None:
    program(path, "docker", DOCKER.replace("v2.26.1", "1.29.2").replace("buildx version", "nothing"))
    found = answers(docker.docker, surroundings)
    assert "too old" in found["compose"].found
    assert "not installed" in found["buildx"].found


# --- the repository and the manifest ---


def test_a_shallow_clone_is_missing_history_only_for_services_by_path(
    tmp_path: Path, surroundings: Surroundings
) -> None:
    origin = new_repository(tmp_path / "origin")
    commit_file(origin, "a", "1")
    commit_file(origin, "a", "2")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", "clone")
    clone = replace(surroundings, folder=tmp_path / "clone")
    assert answers(repository.repository, clone)["history"].state is State.NOTE
    by_path = "version: 1\nproject: p\nimage: ghcr.io/acme/{service}\nservices: {a: {path: a}}\n"
    assert answers(repository.repository, with_manifest(clone, by_path))["history"].state is State.MISSING


def test_submodules_are_looked_for_in_the_tree_and_not_on_the_disk(
    tmp_path: Path, surroundings: Surroundings
) -> None:
    from lockflight.adapters.git_cli import GitCli

    shop = without_checkouts(deployment(tmp_path, {"services/cart": True}))
    here = replace(surroundings, folder=shop, git=GitCli(shop))
    found = answers(repository.submodules, with_manifest(here, MANIFEST % "ghcr.io/acme"))
    assert found["submodules"].found == "1 of 1 in the tree, 0 checked out (none needs to be)"
    more = MANIFEST % "ghcr.io/acme" + "  web: {submodule: services/web}\n"
    assert answers(repository.submodules, with_manifest(here, more))["submodule web"].state is State.MISSING


def test_the_placeholder_of_init_is_flagged(surroundings: Surroundings) -> None:
    unfilled = with_manifest(surroundings, MANIFEST % "registry.example/your-team")
    assert answers(manifest.placeholder, unfilled)["registry"].state is State.MISSING
    assert answers(registries.registries, unfilled) == {}
    filled = with_manifest(surroundings, MANIFEST % "ghcr.io/acme")
    assert answers(manifest.placeholder, filled) == {}


def test_a_manifest_that_cannot_be_read_is_missing_with_its_line(surroundings: Surroundings) -> None:
    broken = with_manifest(surroundings, "version: 1\nproject: shop\nservices: 7\n")
    answer = answers(manifest.manifest, broken)["manifest"]
    assert answer.state is State.MISSING
    assert "lockflight.yaml:3" in answer.found


def test_files_and_variables_of_the_stack_are_looked_at(surroundings: Surroundings) -> None:
    shop = with_manifest(surroundings, MANIFEST % "ghcr.io/acme" + STACK)
    assert "compose.yaml does not exist" in answers(stack.files, shop)["stack"].found
    compose = surroundings.folder / "compose.yaml"
    compose.write_text('services: {cart: {image: "ghcr.io/acme/cart:${TAG:?pinned}", command: "${TAG}"}}\n')
    states = [(answer.state, answer.found) for answer in stack.files(shop)]
    assert states[0] == (State.OK, "compose.yaml: services cart")
    assert states[1][0] is State.NOTE
    assert "TAG" in states[1][1]
    compose.write_text('services: {db: {image: "postgres:${TAG:?say it}"}}\n')
    assert answers(stack.files, shop)["stack"].state is State.MISSING


def test_what_suites_need_on_this_machine_is_looked_at(surroundings: Surroundings) -> None:
    written = (
        "stack:\n  files: [compose.yaml]\n  suites:\n    there: {command: [sh]}\n"
        "    gone: {command: [no-such-program-here]}\n    secret: {image: cart, secrets: [NOT_SET_HERE]}\n"
    )
    shop = with_manifest(surroundings, MANIFEST % "ghcr.io/acme" + written)
    here = {**shop.environment, "PATH": os.environ["PATH"]}
    shop = replace(shop, environment=here)
    states = {answer.found.split(":")[0]: answer.state for answer in suites.suites(shop)}
    assert states == {"there": State.OK, "gone": State.MISSING, "secret": State.NOTE}


# --- registries ---


@pytest.mark.parametrize(
    ("config", "source"),
    [
        ({}, "anonymous"),
        (
            {"auths": {"ghcr.io": {"auth": "YTpiLXZlcnktc2VjcmV0"}}},
            "credentials from {home}/.docker/config.json",
        ),
        ({"auths": {"https://ghcr.io/v2/": {"identitytoken": "secret"}}}, "credentials from {home}"),
        ({"auths": {"ghcr.io": {}}}, "anonymous"),
        ({"credHelpers": {"ghcr.io": "none-such"}}, "docker-credential-none-such cannot be run"),
        ([], "{home}/.docker/config.json is no JSON object"),
    ],
)
def test_where_credentials_come_from_is_told_without_them(
    config: object, source: str, tmp_path: Path
) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(config))
    found = credential_source({"HOME": str(tmp_path), "PATH": "/nowhere"})("ghcr.io")
    assert found.startswith(source.format(home=tmp_path))
    assert "secret" not in found.removeprefix(source.format(home=tmp_path))


# --- the whole command ---


def doctor(folder: Path, *arguments: str) -> int:
    return run(["-C", str(folder), "doctor", *arguments])


@pytest.fixture
def machine_of_stubs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program(path, "docker", DOCKER)
    # What `git submodule` itself needs stays reachable behind the stubs.
    monkeypatch.setenv("PATH", str(path), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path))
    return path


def test_without_a_manifest_the_machine_alone_is_looked_at(
    machine_of_stubs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(tmp_path) == EXIT_DONE
    said = capsys.readouterr().out
    assert "nothing is missing" in said
    assert "'lockflight init' writes one" in said


def test_a_registry_that_answers_makes_it_whole(
    machine_of_stubs: Path, tmp_path: Path, real_registry: RealRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = deployment(tmp_path, {"services/cart": True})
    (shop / "lockflight.yaml").write_text(MANIFEST % real_registry.host)
    assert doctor(shop, "--json") == EXIT_DONE
    said = json.loads(capsys.readouterr().out)
    assert said["missing"] == 0
    (registry,) = [check for check in said["checks"] if check["name"] == f"registry {real_registry.host}"]
    assert registry["state"] == "ok"
    assert "answers; it has not (yet) cart:" in registry["found"]


def test_a_registry_that_is_away_is_missing(
    machine_of_stubs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = deployment(tmp_path, {"services/cart": True})
    (shop / "lockflight.yaml").write_text(MANIFEST % "127.0.0.1:9")
    assert doctor(shop) == EXIT_REFUSED
    assert "registry 127.0.0.1:9  MISSING" in capsys.readouterr().out


# --- time ---


@pytest.fixture
def never() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_check_that_hangs_is_named_and_the_others_answer(
    surroundings: Surroundings, never: threading.Event
) -> None:
    def hangs(_: Surroundings) -> Iterator[Checked]:
        never.wait()
        yield ok("late", "")

    def fine(_: Surroundings) -> Iterator[Checked]:
        yield ok("fine", "")

    found = examine(surroundings, checks=(("slow", hangs), ("fine", fine)), seconds=0.05)
    assert [(answer.name, answer.state) for answer in found] == [("slow", State.MISSING), ("fine", State.OK)]


def test_a_failure_that_was_foreseen_is_an_answer_and_a_bug_is_not(surroundings: Surroundings) -> None:
    def fails(_: Surroundings) -> list[Checked]:
        raise OutsideError("the disk is away", hint="look at it")

    def has_a_bug(_: Surroundings) -> list[Checked]:
        raise KeyError("x")

    (answer,) = examine(surroundings, checks=(("disk", fails),))
    assert (answer.state, answer.found, answer.advice) == (State.MISSING, "the disk is away", "look at it")
    with pytest.raises(KeyError):
        examine(surroundings, checks=(("disk", has_a_bug),))
