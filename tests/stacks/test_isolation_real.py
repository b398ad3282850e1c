"""What Compose makes of an isolated stack: it shares nothing with another one, and is the original but for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given

from lockflight.errors import InputError, Refused
from lockflight.stacks.prepare import prepare
from tests.compose_files.test_compose_properties import bounded
from tests.stacks.cases.generated import projects
from tests.stacks.cases.locked_case import (
    FOLDER,
    LABEL,
    Case,
    Config,
    Scene,
    as_isolated,
    lock_of,
    read_case,
    scene_of,
)
from tests.stacks.test_pinning_property import CASES, but_for_pins
from tests.support.repositories import new_repository

pytestmark = pytest.mark.slow

READ = {path: read_case(path) for path in CASES}
ISOLATED = [path for path, case in READ.items() if not (case.not_isolatable or case.unreadable)]
ALONE = [path for path, case in READ.items() if case.not_isolatable]
# Those that give names, or use what is somebody else's.
SHARED = {
    "networks",
    "default_network_of_others",
    "mounts",
    "monitoring",
    "shop",
    "odd_names",
    "name_at_the_top",
}
UNREADABLE = [path for path, case in READ.items() if case.unreadable]


def repository_of(case: Case, folder: Path) -> Scene:
    new_repository(folder / "project")
    return scene_of(case, folder)


def isolated(scene: Scene, name: str, original: Config | None = None, **stack: Any) -> Config:
    """The stack as Compose reads it together with our override; a lock is made of the original."""
    lock, _ = lock_of(original or scene.config(name), scene.case.unlocked)
    here = scene.surroundings(lock, **stack)
    return scene.read_back(here, prepare(here, scene.request(lock, name)).call)


def original_of(scene: Scene, name: str) -> Config:
    if not scene.case.isolated_like:
        return scene.config(name)
    return scene_of(as_isolated(scene.case), scene.root.parent / "like").config(name)


def but_for_names(config: Config) -> Config:
    """What must stay as it is: all but the names on the engine, and the host's part of ports."""
    found = but_for_pins(config)
    for kind in ("networks", "volumes"):
        for section in found.get(kind, {}).values():
            for key in ("name", "external", "labels"):
                section.pop(key, None)
            if section.get("ipam") == {}:
                del section["ipam"]
    for service in found["services"].values():
        service.pop("container_name", None)
        service["ports"] = inner_ports(service.get("ports", ()))
        for network in (service.get("networks") or {}).values():
            (network or {}).pop("aliases", None)
        service["networks"] = {key: value or {} for key, value in (service.get("networks") or {}).items()}
    return found


def inner_ports(ports: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each port of a container once, however often it is published."""
    found: dict[str, dict[str, Any]] = {}
    for port in ports:
        kept = ("target", "protocol", "mode", "name", "app_protocol")
        said = {key: port[key] for key in kept if key in port}
        found.setdefault(f"{port['target']}/{port['protocol']}", said)
    return found


def aliases(service: dict[str, Any]) -> dict[str, set[str]]:
    """What a container answers to in each network, but for its service's own name."""
    own = {service["container_name"]} if "container_name" in service else set()
    networks = service.get("networks") or {}
    return {key: own | set((value or {}).get("aliases", ())) for key, value in networks.items()}


def names_of(config: Config) -> set[str]:
    """Everything that can be on an engine only once."""
    shared = [
        section["name"] for kind in ("networks", "volumes") for section in config.get(kind, {}).values()
    ]
    services = config["services"].values()
    containers = [service["container_name"] for service in services if "container_name" in service]
    return {config["name"], *shared, *containers}


def labels_of(config: Config) -> list[dict[str, str]]:
    sections = [config["services"], config.get("networks", {}), config.get("volumes", {})]
    return [section.get("labels", {}) for kind in sections for section in kind.values()]


def assert_isolated(scene: Scene) -> None:
    """The property."""
    original = original_of(scene, "one")
    stack = isolated(scene, "one", original)
    assert but_for_names(stack) == but_for_names(original), scene.case.why
    for name, service in stack["services"].items():
        assert aliases(service) == aliases(original["services"][name])
        assert [port for port in service.get("ports", ()) if port.get("published")] == []
        assert {port["host_ip"] for port in service.get("ports", ())} <= {"127.0.0.1"}
    for kind in ("networks", "volumes"):
        owners = {key: section.get("external") for key, section in stack.get(kind, {}).items()}
        assert not any(owners.values()), "it is its own"
        for key, section in stack.get(kind, {}).items():
            kept = {k: v for k, v in section.get("labels", {}).items() if not k.startswith(LABEL)}
            assert kept == original[kind][key].get("labels", {})
    assert all(found[f"{LABEL}stack"] == "one" for found in labels_of(stack))


@pytest.mark.parametrize("path", ISOLATED, ids=lambda path: path.stem)
def test_an_isolated_stack_is_the_original_but_for_names_and_ports(path: Path, tmp_path: Path) -> None:
    assert_isolated(repository_of(read_case(path), tmp_path))


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
def test_what_cannot_be_isolated_is_refused_by_name(path: Path, tmp_path: Path) -> None:
    scene = repository_of(READ[path], tmp_path)
    with pytest.raises(Refused) as refused:
        isolated(scene, "one")
    assert [problem.code for problem in refused.value.problems] == ["not-isolatable"] * len(
        refused.value.problems
    )
    found = {problem.message.split(":")[0] for problem in refused.value.problems}
    assert found == set(scene.case.not_isolatable)
    assert not (scene.root / ".lockflight").exists()


@pytest.mark.parametrize(
    "path", [*ALONE, FOLDER / "ports.yaml", FOLDER / "networks.yaml"], ids=lambda path: path.stem
)
def test_a_stack_that_is_alone_keeps_ports_addresses_and_container_names(path: Path, tmp_path: Path) -> None:
    scene = repository_of(READ[path], tmp_path)
    original = scene.config("one")
    stack = isolated(scene, "one", original, alone=True)
    for name, service in but_for_pins(original)["services"].items():
        assert but_for_pins(stack)["services"][name] == service
    assert {label[f"{LABEL}alone"] for label in labels_of(stack)} == {"true"}


def test_a_stack_that_is_alone_may_use_the_machine_s_own_network(tmp_path: Path) -> None:
    networks = "networks: {machine: {name: host, external: true}, off: {name: none, external: true}}"
    services = "services: {a: {image: a, networks: [machine]}, b: {image: b, networks: [off]}}"
    scene = repository_of(Case("theirs", {"compose.yaml": f"{services}\n{networks}\n"}), tmp_path)
    assert isolated(scene, "one", alone=True)["networks"] == scene.config("one")["networks"]


def test_two_stacks_share_no_name_and_no_port(tmp_path: Path) -> None:
    for path in ISOLATED:
        if path.stem in SHARED:
            scene = repository_of(READ[path], tmp_path / path.stem)
            original = scene.config()
            one, two = isolated(scene, "one", original), isolated(scene, "two", original)
            assert not names_of(one) & names_of(two), path.stem
            assert not names_of(one) & names_of(original), path.stem


@given(projects())
@bounded(6)
def test_a_generated_project_is_isolated_as_the_written_ones_are(case: Case) -> None:
    with TemporaryDirectory() as folder:
        scene = repository_of(case, Path(folder))
        assume(scene.original().config is not None)
        assert_isolated(scene)


@pytest.mark.parametrize("path", UNREADABLE, ids=lambda path: path.stem)
def test_what_our_reader_does_not_take_is_refused_with_its_words(path: Path, tmp_path: Path) -> None:
    scene = repository_of(READ[path], tmp_path)
    with pytest.raises(InputError, match=str(scene.case.unreadable)):
        isolated(scene, "one")


def case_of(services: str, **settings: Any) -> Case:
    return Case("written here", {"compose.yaml": f"services: {{{services}}}\n"}, **settings)


def test_links_to_a_container_of_the_stack_itself_are_its_own_links(tmp_path: Path) -> None:
    web = 'web: {image: w, external_links: [cc, "cc:shop"]}, plain: {image: p, external_links: [cc]}'
    like = {'external_links: [cc, "cc:shop"]': 'links: ["cart:shop"]', ", external_links: [cc]": ""}
    assert_isolated(
        repository_of(case_of(f"{web}, cart: {{image: c, container_name: cc}}", isolated_like=like), tmp_path)
    )


@pytest.mark.parametrize("settings", ["network_mode: of-others", "network_mode: bridge", "ipc: host"])
def test_what_stacks_would_meet_in_is_refused(settings: str, tmp_path: Path) -> None:
    scene = repository_of(case_of(f"web: {{image: w, {settings}}}"), tmp_path)
    with pytest.raises(Refused, match=settings) as refused:
        isolated(scene, "one")
    assert [problem.code for problem in refused.value.problems] == ["not-isolatable"]


def test_a_bridge_with_a_name_of_its_own_is_refused(tmp_path: Path) -> None:
    text = """
        services: {web: {image: w}}
        networks: {default: {driver_opts: {com.docker.network.bridge.name: br-shop}}}
    """
    with pytest.raises(Refused, match="br-shop"):
        isolated(repository_of(Case("a bridge", {"compose.yaml": text}), tmp_path), "one")


HELPERS = """
    services:
      web: {image: web}
      e2e: {image: e2e, profiles: [test], depends_on: [helper], networks: [default, apart]}
      helper: {image: helper, profiles: [test], depends_on: [seed]}
      seed: {image: seed, profiles: [PROFILE]}
    networks: {apart: {name: a-fixed-name}}
"""


@pytest.mark.parametrize("profile", ["test", "another"])
def test_what_a_suite_needs_is_started_and_pinned_like_all_else(profile: str, tmp_path: Path) -> None:
    text = HELPERS.replace("PROFILE", profile)
    scene = repository_of(
        Case("a suite that needs more", {"compose.yaml": text}, command_profiles=["test", profile]), tmp_path
    )
    lock, pins = lock_of(scene.config("one"))
    here = scene.surroundings(lock, suites={"e2e": {"service": "e2e"}})
    prepared = prepare(here, scene.request(lock, "one", profiles=()))
    assert set(prepared.services) == set(prepared.some) == {"web", "helper", "seed"}
    started = here.engine.read(prepared.call, prepared.some)
    assert {name: service["image"] for name, service in started["services"].items()} == {
        name: pins[name] for name in prepared.services
    }
    alone = here.engine.read(prepared.call, ["e2e"])
    assert alone["services"]["e2e"]["image"] == pins["e2e"]
    assert alone["networks"]["apart"]["name"] == "one_apart", "also what only a suite uses is isolated"


def test_an_unknown_service_of_a_suite_hides_no_other_suite(tmp_path: Path) -> None:
    text = HELPERS.replace("PROFILE", "another")
    scene = repository_of(Case("unknown", {"compose.yaml": text}, command_profiles=["*"]), tmp_path)
    lock, _ = lock_of(scene.config("one"))
    here = scene.surroundings(lock, suites={"e2e": {"service": "e2e"}, "gone": {"service": "gone"}})
    request = scene.request(lock, "one", profiles=())
    with pytest.raises(InputError, match="Compose does not know: gone"):
        prepare(here, request)
    prepared = prepare(here, replace(request, purpose="test"))
    assert set(prepared.model["services"]) == {"web", "e2e", "helper", "seed"}


def test_a_platform_that_is_not_locked_is_refused_by_name(tmp_path: Path) -> None:
    services = "a: {image: a, platform: linux/amd64}, b: {image: b}, c: {image: c}, d: {image: d}"
    scene = repository_of(case_of(services, environment={"DOCKER_DEFAULT_PLATFORM": "linux/s390x"}), tmp_path)
    with pytest.raises(Refused, match="DOCKER_DEFAULT_PLATFORM=linux/s390x") as refused:
        isolated(scene, "one")
    # b and c are third-party images, of which the lock knows no platform.
    found = [(problem.code, problem.message.split(":")[0]) for problem in refused.value.problems]
    assert found == [("platform-missing", "d")]


def test_images_are_wanted_for_the_platform_that_compose_takes(tmp_path: Path) -> None:
    services = "a: {image: a, platform: linux/amd64}, b: {image: b}"
    scene = repository_of(case_of(services, environment={"DOCKER_DEFAULT_PLATFORM": "linux/arm64"}), tmp_path)
    lock, _ = lock_of(scene.config("one"))
    prepared = prepare(scene.surroundings(lock), scene.request(lock, "one"))
    assert [prepared.platform_of(name) for name in ("a", "b")] == ["linux/amd64", "linux/arm64"]
