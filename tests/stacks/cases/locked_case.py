"""A project in a folder, a lock of it, and what Compose itself makes of both."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lockflight import names
from lockflight.adapters.git_cli import GitCli
from lockflight.adapters.stack_engine import DockerStackEngine
from lockflight.config import Manifest, read_manifest
from lockflight.locks.model import Lock, LockedImage
from lockflight.ports.stack_engine import ComposeCall
from lockflight.stacks.prepare import Request
from lockflight.stacks.surroundings import Surroundings
from lockflight.testing.clock import FakeClock
from lockflight.yaml_source import read_document
from tests.compose_files.compose_cli import Answer, compose
from tests.locks import builders

FOLDER = Path(__file__).parent
LABEL = "dev.lockflight."
TAG = "locked-tag"
Config = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A project, how it is to be read, and what of it is locked."""

    why: str
    files: dict[str, str]
    compose: list[str] = field(default_factory=lambda: ["compose.yaml"])
    project_directory: str | None = None
    env_files: list[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    # Of the manifest, and of the command line.
    profiles: list[str] | None = None
    command_profiles: list[str] = field(default_factory=list)
    unlocked: list[str] = field(default_factory=list)
    # Variables that Compose asks for, and that a lock makes unnecessary.
    asked: dict[str, str] = field(default_factory=dict)
    # Words of the refusals when a stack of it is to be isolated; it runs alone instead.
    not_isolatable: list[str] = field(default_factory=list)
    # What stands otherwise in the project that an isolated stack equals.
    isolated_like: dict[str, str] = field(default_factory=dict)
    # Words of our reader, which does not take what Compose takes; no lock is made of it, and nothing run.
    unreadable: str | None = None


def read_case(path: Path) -> Case:
    data: dict[str, Any] = read_document(path).data
    return Case(**data)


@dataclass(frozen=True)
class Scene:
    """A case on the disk."""

    case: Case
    root: Path

    def original(self, name: str | None = None) -> Answer:
        """What `docker compose config` says of the user's own files."""
        case = self.case
        words = [part for file in case.compose for part in ("-f", file)]
        words += [part for file in case.env_files or () for part in ("--env-file", file)]
        words += [part for one in case.command_profiles or case.profiles or () for part in ("--profile", one)]
        words += ["--project-directory", case.project_directory] if case.project_directory else []
        words += ["--project-name", name] if name else []
        return compose(self.root, words, {**self.environment(), **case.asked})

    def config(self, name: str | None = None) -> Config:
        answer = self.original(name)
        assert answer.config is not None, answer.words
        return answer.config

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.root / "home"), **self.case.environment}

    def surroundings(self, lock: Lock, **stack: Any) -> Surroundings:
        """With the real Compose; the manifest maps each `sNUMBER` of the lock to its service."""
        whole = {
            "PATH": os.environ["PATH"],
            "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")),
            **self.environment(),
        }
        return Surroundings(
            self.root,
            self._manifest(lock, stack),
            whole,
            GitCli(self.root),
            DockerStackEngine(whole),
            FakeClock(),
        )

    def request(self, lock: Lock, name: str = "", **changes: Any) -> Request:
        given: dict[str, Any] = {
            "profiles": tuple(self.case.command_profiles),
            "allow_unlocked": frozenset(self.case.unlocked),
            "allow_changed_config": True,
        }
        return Request(lock, name, "up", **{**given, **changes})

    def read_back(self, here: Surroundings, call: ComposeCall) -> Config:
        """What `docker compose config` says of a call, in the words of `config`."""
        text = json.dumps(here.engine.read(call))
        result: Config = json.loads(text.replace("$$", "$"))
        return result

    def pinned_with(self, here: Surroundings, call: ComposeCall, override: str) -> Config:
        path = self.root.parent / "pinned.yaml"
        path.write_text(override)
        return self.read_back(here, replace(call, files=(*call.files, path)))

    def _manifest(self, lock: Lock, stack: Mapping[str, Any]) -> Manifest:
        case = self.case
        said = {
            "files": case.compose,
            "project_directory": case.project_directory,
            "env_files": case.env_files,
            "profiles": case.profiles,
            **stack,
        }
        document = {
            "version": 1,
            "project": lock.project,
            "image": "registry.example/acme/{service}",
            "services": {
                name: {"path": ".", "compose": [locked.path] if locked.path else [name]}
                for name, locked in lock.services.items()
            },
            "stack": {key: value for key, value in said.items() if value is not None},
        }
        path = self.root.parent / "manifest.yaml"
        path.write_text(json.dumps(document))
        return read_manifest(path)


def as_isolated(case: Case) -> Case:
    """The project that an isolated stack equals, but for names and ports."""
    files = dict(case.files)
    for old, new in case.isolated_like.items():
        files = {name: text.replace(old, new) for name, text in files.items()}
    return replace(case, files=files)


def scene_of(case: Case, folder: Path) -> Scene:
    """The case's files, written into a folder of the project."""
    root = folder / "project"
    for name, text in case.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(textwrap.dedent(text).encode())
    return Scene(case, root)


def lock_of(config: Config, unlocked: Sequence[str] = ()) -> tuple[Lock, dict[str, str]]:
    """A lock of everything that Compose reads, and the image that each service is to run.

    In turns a service is locked by the manifest's names, by its image, and as a third party's by name.
    """
    services = {"nowhere": builders.service("nowhere", path=None, api=None)}
    images: dict[str, LockedImage] = {}
    pins: dict[str, str] = {}
    taken = {config["services"][name].get("image") for name in unlocked}
    wanted = [item for item in config["services"].items() if item[0] not in unlocked]
    for number, (name, service) in enumerate(wanted):
        reference = _reference(service.get("image"))
        # An image that is in the lock would pin the services that are to stay unlocked too.
        if number % 3 == 0 or reference is None or service["image"] in taken:
            own = builders.service(
                f"s{number}", path=name, tag=TAG, image=f"registry.example/acme/s{number}", api=None
            )
            services[f"s{number}"] = own
            pins[name] = f"{own.image}@{own.digest}"
        else:
            key = name if number % 3 == 1 else f"third-party-{number}"
            digest = reference.digest or builders.digest(str(reference))
            tag = reference.tag or (None if reference.digest else "latest")
            images[key] = LockedImage(image=reference.name, tag=tag, digest=digest)
            pins[name] = f"{reference.name}@{digest}"
    return builders.lock(services=services, images=images, config={}), pins


def _reference(image: str | None) -> names.ImageReference | None:
    try:
        return names.parse_reference(image) if image else None
    except ValueError:
        return None
