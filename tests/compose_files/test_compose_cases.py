"""Every project in cases/ means to us what it means to the real Compose, or is refused by both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lockflight.compose_files.project import ComposeProject, load_project
from lockflight.errors import InputError
from lockflight.yaml_source import read_document
from tests.compose_files.compose_cli import compose, compose_version, version_of

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@dataclass
class Case:
    """A small project, and how it is to be read."""

    why: str
    files: dict[str, str]
    compose: list[str] = field(default_factory=lambda: ["compose.yaml"])
    project_directory: str | None = None
    env_files: list[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    profiles: list[str] | None = None
    refused: str | None = None  # words of our message
    refused_until: str | None = None  # the version of Compose that no longer refuses it


def case_in(path: Path, directory: Path) -> Case:
    """The case that a file describes, its own files written into `directory`."""
    data: dict[str, Any] = read_document(path).data
    case = Case(**data)
    case.environment.setdefault("HOME", str(directory / "home"))
    for name, text in case.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(text.encode())
    return case


def arguments(case: Case) -> list[str]:
    """The options that tell Compose the same as `load` tells us."""
    found = [part for file in case.compose for part in ("-f", file)]
    found += [part for file in case.env_files or () for part in ("--env-file", file)]
    profiles = ["*"] if case.profiles is None else case.profiles
    found += [part for profile in profiles for part in ("--profile", profile)]
    return found + (["--project-directory", case.project_directory] if case.project_directory else [])


def load(case: Case, directory: Path) -> ComposeProject:
    return load_project(
        [directory / file for file in case.compose],
        project_directory=directory / case.project_directory if case.project_directory else None,
        env_files=None if case.env_files is None else [directory / file for file in case.env_files],
        environment=case.environment,
        profiles=None if case.profiles is None else frozenset(case.profiles),
    )


def seen_by_us(project: ComposeProject) -> dict[str, Any]:
    return {
        "name": project.name,
        "services": {
            name: {
                "image": service.image,
                "build": service.has_build,
                "platform": service.platform,
                "profiles": sorted(service.profiles),
                "binds": {
                    bind.target: str(bind.source) for bind in project.bind_sources if bind.service == name
                },
            }
            for name, service in project.services.items()
        },
        "configs": sorted(str(file.path) for file in project.files if file.role == "config"),
        "secrets": sorted(str(file.path) for file in project.secret_files),
    }


def bound(mount: dict[str, Any], volumes: dict[str, Any]) -> str | None:
    """The source of a mount that is a bind mount, openly or as a named volume."""
    if mount["type"] == "bind":
        return str(Path(mount["source"]))  # Compose leaves `/absolute/path/` as it is
    options = volumes.get(mount.get("source", ""), {}).get("driver_opts", {})
    return options["device"] if options.get("o") == "bind" else None


def seen_by_compose(config: dict[str, Any]) -> dict[str, Any]:
    volumes = config.get("volumes", {})
    return {
        "name": config["name"],
        "services": {
            name: {
                "image": service.get("image"),
                "build": "build" in service,
                "platform": service.get("platform"),
                "profiles": sorted(service.get("profiles", [])),
                "binds": {
                    mount["target"]: source
                    for mount in service.get("volumes", [])
                    if (source := bound(mount, volumes)) is not None
                },
            }
            for name, service in config["services"].items()
        },
        "configs": sorted(item["file"] for item in config.get("configs", {}).values() if "file" in item),
        "secrets": sorted(item["file"] for item in config.get("secrets", {}).values() if "file" in item),
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_project_is_read_as_compose_reads_it(path: Path, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    case = case_in(path, directory)
    answer = compose(directory, arguments(case), case.environment)
    if case.refused is None:
        assert answer.config is not None, answer.words
        assert seen_by_us(load(case, directory)) == seen_by_compose(answer.config), case.why
        return
    if case.refused_until is None or compose_version() < version_of(case.refused_until):
        assert answer.config is None, "Compose itself takes this project"
    with pytest.raises(InputError) as caught:
        load(case, directory)
    assert case.refused in f"{caught.value} {caught.value.problems[0].hint}"
    assert caught.value.problems[0].place.file, "the message must say where"


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 40
