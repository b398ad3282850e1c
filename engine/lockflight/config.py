"""The manifest, `lockflight.yaml`: the only file that a user must write."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from lockflight import names
from lockflight.contradictions import contradictions
from lockflight.environments import Environment
from lockflight.errors import InputError, Place, Problem
from lockflight.models import Line, Model, Platform, ProjectName, ServiceName, validate
from lockflight.places import CURRENT, manifest_folder
from lockflight.places import MANIFEST as MANIFEST
from lockflight.values import (
    Argument,
    ContainerPath,
    Duration,
    EnvironmentName,
    InsidePath,
    SuiteName,
    VariableName,
)
from lockflight.yaml_source import Document, read_document

DEFAULT_LOCK = CURRENT


def _is_template(template: str) -> str:
    problem = names.template_problem(template)
    if problem:
        raise ValueError(problem)
    return template


def _is_image_template(template: str) -> str:
    sample = names.expand(_is_template(template), service="service", sha="0123456789abcdef" * 3)
    reference = names.parse_reference(sample)
    if reference.tag or reference.digest:
        raise ValueError(
            f"'{template}' must name no tag and no digest; the tag has a field of its own: 'tag'"
        )
    return template


def _is_tag_template(template: str) -> str:
    sample = names.expand(_is_template(template), service="service", sha="0123456789abcdef" * 3)
    if not re.fullmatch(names.TAG, sample):
        raise ValueError(f"'{template}' makes no valid tag: letters, digits, '_', '.', '-', at most 128")
    return template


def _without_password(url: str) -> str:
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*:[^/]*@", url):
        raise ValueError("must not hold a password; git finds credentials in its own configuration")
    return url


def _is_reference(text: str) -> str:
    names.parse_reference(text)
    return text


ImageTemplate = Annotated[
    Line,
    AfterValidator(_is_image_template),
    Field(description="Registry and path, with {service}, {sha}, {sha:7}."),
]
TagTemplate = Annotated[
    Line, AfterValidator(_is_tag_template), Field(description="A tag, with {service}, {sha}, {sha:7}.")
]
Reference = Annotated[Line, AfterValidator(_is_reference), Field(description="registry/path:tag")]
RepositoryUrl = Annotated[Line, AfterValidator(_without_password)]
Host = Annotated[
    str, Field(pattern=rf"^{names.HOST}$", description="A registry's host, with its port if any.")
]
# What may vouch for the build behind an image, the strongest first.
Origin = Literal["record", "label", "tag"]


class Service(Model):
    """One service: where its commit comes from, and how its image is named."""

    submodule: InsidePath | None = Field(
        None, description="The commit is the one that this git submodule is pinned to."
    )
    path: InsidePath | None = Field(
        None, description="The commit is the last one that touched this folder of this repository."
    )
    repository: RepositoryUrl | None = Field(
        None, description="The commit is that of `ref` in another repository; a URL that git understands."
    )
    ref: Line | None = Field(None, description="Branch, tag or full commit in `repository`.")
    image: ImageTemplate | Literal[False] | None = Field(
        None,
        description="Overrides the manifest's `image`; `false` for a service that is only configuration.",
    )
    tag: TagTemplate | None = Field(None, description="Overrides the manifest's `tag`.")
    compose: list[ServiceName] | None = Field(
        None, description="The service's names in the compose files, when they differ from its name here."
    )
    branch: Line | None = Field(None, description="The branch that the commit must lie on.")
    platforms: list[Platform] | None = Field(None, description="The platforms that the image must have.")
    api: InsidePath | None = Field(
        None, description="The API description, relative to the service's own root; its digest is locked."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Service:
        given = [key for key in ("submodule", "path", "repository") if getattr(self, key) is not None]
        if len(given) != 1:
            said = f"it says {' and '.join(given)}" if given else "it says none of them"
            raise ValueError(f"must say where its commit comes from: submodule, path or repository; {said}")
        if (self.repository is None) != (self.ref is None):
            raise ValueError("'repository' and 'ref' go together")
        return self


class Suite(Model):
    """One suite of system tests: a command on this machine, a service of the stack, or an image of the lock."""

    command: list[Argument] | None = Field(
        None,
        min_length=1,
        description="Program and arguments, given to no shell. Alone it runs on this machine, in the "
        "repository; with `service` or `image` it is what runs in the container.",
    )
    service: ServiceName | None = Field(
        None, description="A service of the compose files that is the suite; it is not started with the rest."
    )
    image: ServiceName | None = Field(
        None, description="A service or third-party image of the lock, by its name there."
    )
    network: Literal["stack", "host"] = Field(
        "stack", description="For `image`: in the stack's networks, or on the machine's own."
    )
    directory: InsidePath | None = Field(
        None, description="Where a command on this machine runs; the manifest's folder otherwise."
    )
    mount: dict[InsidePath, ContainerPath] = Field(
        default={}, description="For `image`: files or folders of the repository, and where it reads them."
    )
    env: dict[VariableName, Argument] = Field(
        default={},
        description="Variables; {url.SERVICE}, {host.SERVICE} and {port.SERVICE} say where a service is "
        "({url.SERVICE.8080} for one of several ports), {lock.id} what is tested.",
    )
    secrets: list[VariableName] = Field(
        default=[], description="Variables of lockflight's own environment that a container is given too."
    )
    timeout: Duration = Field("10m", description="When it is ended, and counts as failed: 90s, 10m, 1h30m.")
    junit: list[Argument] = Field(
        default=[],
        description="JUnit XML files that it writes, '*' is understood; a container's by absolute path.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Suite:
        if self.service is not None and self.image is not None:
            raise ValueError("says both 'service' and 'image'; a suite is one of them, or a command")
        if self.command is None and self.service is None and self.image is None:
            raise ValueError("must say what runs: 'command' on this machine, a 'service', or an 'image'")
        if self.mount and self.image is None:
            raise ValueError("has 'mount', which only a suite with 'image' understands")
        if self.network == "host" and self.image is None:
            raise ValueError("has 'network: host', which only a suite with 'image' understands")
        if self.directory is not None and self.runs_in_a_container:
            raise ValueError("has 'directory', which only a command on this machine understands")
        if self.secrets and not self.runs_in_a_container:
            raise ValueError("has 'secrets', but a command on this machine has the whole environment anyway")
        for path in self.junit:
            if path.startswith("/") != self.runs_in_a_container:
                where = "absolute, in the container" if self.runs_in_a_container else "inside the repository"
                raise ValueError(f"junit: '{path}' must be {where}")
            if ".." in PurePosixPath(path).parts:
                raise ValueError(f"junit: '{path}' must not go up with '..'")
        return self

    @property
    def runs_in_a_container(self) -> bool:
        return self.service is not None or self.image is not None


class Stack(Model):
    """The compose files of the whole stack, as `docker compose -f … -f …` would be given them."""

    files: list[InsidePath] = Field(min_length=1, description="The compose files, in order.")
    project_directory: InsidePath | None = Field(
        None, description="What relative paths start from; the folder of the first file otherwise."
    )
    env_files: list[InsidePath] | None = Field(
        None, description="Files with variables for the compose files; `.env` otherwise."
    )
    profiles: list[Line] = Field(
        default=[], description="Compose profiles that are active; COMPOSE_PROFILES otherwise."
    )
    deadline: Duration = Field(
        "3m", description="How long all services together may take to be ready: 90s, 3m."
    )
    alone: bool = Field(
        False,
        description="The stack needs its fixed ports, addresses or the machine's own network, and so has the "
        "engine to itself while it runs.",
    )
    suites: dict[SuiteName, Suite] = Field(
        default={}, description="The system tests of the stack, run in this order by `stack test`."
    )


class LedgerSettings(Model):
    """Where the ledger lives: in the working folder, or on a git branch of its own."""

    branch: Line | None = Field(
        None,
        description="A branch that holds nothing else, such as lockflight-ledger; the working folder otherwise.",
    )
    remote: Line = Field("origin", description="The remote, or the URL, that the branch is pushed to.")


class RegistrySettings(Model):
    """How to talk to one registry."""

    insecure: bool = Field(False, description="Allow plain http. Loopback needs no permission.")


class Manifest(Model):
    """What lockflight.yaml says."""

    version: Literal[1] = Field(description="The version of this format.")
    project: ProjectName = Field(description="The name of the whole; goes into the lock.")
    image: ImageTemplate | None = Field(None, description="How images are named unless a service says so.")
    tag: TagTemplate = Field("{sha}", description="How images are tagged unless a service says so.")
    branch: Line | None = Field(None, description="The branch that every commit must lie on.")
    platforms: list[Platform] = Field(default=[], description="The platforms that every image must have.")
    accept: list[Origin] = Field(
        default=["record", "label", "tag"],
        min_length=1,
        description="What may vouch for a build: its record, the image's revision label, or only its tag.",
    )
    services: dict[ServiceName, Service] = Field(min_length=1, description="The services, by name.")
    exclude: list[ServiceName] = Field(
        default=[], description="Compose services and submodules that are deliberately not locked."
    )
    stack: Stack | None = Field(None, description="The stack that the services run in.")
    environments: dict[EnvironmentName, Environment] = Field(
        default={}, description="What a lock is promoted to, in the order of the promotion."
    )
    ledger: LedgerSettings = Field(
        default=LedgerSettings(), description="Where it is written down what happened to the environments."
    )
    images: dict[ServiceName, Reference] = Field(
        default={}, description="Further third-party images, or other references for those of the stack."
    )
    config: list[InsidePath] = Field(
        default=[], description="Further configuration files to lock; '*' and '**' are understood."
    )
    registries: dict[Host, RegistrySettings] = Field(default={}, description="Settings by registry host.")

    def compose_names(self, service: str) -> list[str]:
        """What the service is called in the compose files."""
        return self.services[service].compose or [service]

    def image_of(self, service: str, sha: str) -> names.ImageReference | None:
        """The image and tag that a commit of the service should have; None for one without an image."""
        settings = self.services[service]
        template = self.image if settings.image is None else settings.image
        if not template:
            return None
        reference = names.parse_reference(names.expand(template, service=service, sha=sha))
        return reference.with_tag(names.expand(settings.tag or self.tag, service=service, sha=sha))

    def image_name_of(self, service: str) -> str | None:
        """Registry and path of the service's image, which hold no commit but in theory."""
        reference = self.image_of(service, "0" * 40)
        return reference.name if reference else None

    def services_by_image(self) -> dict[str, str]:
        """The services by the name of their image."""
        named = {service: self.image_name_of(service) for service in self.services}
        return {image: service for service, image in named.items() if image is not None}

    def platforms_of(self, service: str) -> list[str]:
        wanted = self.services[service].platforms
        return self.platforms if wanted is None else wanted

    def branch_of(self, service: str) -> str | None:
        return self.services[service].branch or self.branch

    def insecure_registries(self) -> frozenset[str]:
        return frozenset(host for host, settings in self.registries.items() if settings.insecure)


def find_manifest(start: Path) -> Path:
    """The manifest of this folder, or of the nearest folder above that has one."""
    folder = manifest_folder(start)
    if folder is not None:
        return folder / MANIFEST
    if not os.access(start, os.X_OK):
        raise InputError(
            "may not be looked into, so there is no manifest to be found",
            place=Place(str(start)),
            hint="whose folder is it? 'ls -ld' tells, and '-C DIR' looks in another one",
        )
    raise InputError(
        f"there is no {MANIFEST} in {start} or any folder above it",
        hint="'lockflight init' writes one from what it finds; '-C DIR' looks in another folder",
    )


def read_manifest(path: Path, *, called: str | None = None) -> Manifest:
    """Read and check the manifest; every problem is reported with its line."""
    document = read_document(path, called=called or path.name)
    manifest = validate(Manifest, _with_lists(document))
    problems = [
        *contradictions(manifest, document),
        *_paths_through_links(manifest, document, path.parent),
    ]
    if problems:
        raise InputError(problems)
    return manifest


def _with_lists(document: Document) -> Document:
    """One compose name may be written without brackets: `compose: cart-api`."""
    services = document.data.get("services") if isinstance(document.data, dict) else None
    for service in services.values() if isinstance(services, dict) else ():
        if isinstance(service, dict) and isinstance(service.get("compose"), str):
            service["compose"] = [service["compose"]]
    return document


def _paths_through_links(manifest: Manifest, document: Document, root: Path) -> list[Problem]:
    """Paths that look as if they were inside, but leave through a symbolic link."""
    problems = []
    real_root = root.resolve()
    # A thousand services share their folders. Path.is_symlink raises where nobody may look.
    is_link = cache(os.path.islink)
    for path, value in _paths(manifest):
        steps = [root / value, *(root / parent for parent in PurePosixPath(value).parents)]
        if any(map(is_link, steps[:-1])) and not _lies_in(root / value, real_root):
            place = document.place(path)
            problems.append(Problem(f"'{value}' leaves the repository through a symbolic link", place))
    return problems


def _lies_in(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links that lead round in a circle lead nowhere
        return False


def _paths(manifest: Manifest) -> list[tuple[tuple[str | int, ...], str]]:
    found: list[tuple[tuple[str | int, ...], str]] = []
    for name, service in manifest.services.items():
        for key in ("submodule", "path"):
            value = getattr(service, key)
            if value:
                found.append((("services", name, key), value))
    if manifest.stack:
        found += [(("stack", "files", n), file) for n, file in enumerate(manifest.stack.files)]
        found += [(("stack", "env_files", n), file) for n, file in enumerate(manifest.stack.env_files or ())]
        if manifest.stack.project_directory:
            found.append((("stack", "project_directory"), manifest.stack.project_directory))
    found += [(("config", n), pattern.split("*", 1)[0]) for n, pattern in enumerate(manifest.config)]
    return found
