"""From a lock and an environment's settings to what a target is given: every image by digest, or a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockflight.compose_files.contents import configuration_files
from lockflight.compose_files.project import ComposeProject, load_project
from lockflight.config import Manifest
from lockflight.environments import Environment
from lockflight.errors import InputError, Problem, Refused
from lockflight.locks.convert.pinned import images_of
from lockflight.locks.file import render
from lockflight.locks.model import Lock
from lockflight.locks.pinning import ComposeImage, pin
from lockflight.ports.target import Deployment


@dataclass(frozen=True, slots=True)
class Made:
    """A deployment, and the digests of the files that this environment alone uses: no lock covers those."""

    deployment: Deployment
    own_files: Mapping[str, str]


def deployment_of(
    manifest: Manifest, environment: str, lock: Lock, root: Path, variables: Mapping[str, str]
) -> Made:
    """`root` is where the configuration lies: the repository, or what was taken out of the archive.

    `variables` are the process's own, for interpolation; none of them is kept.
    """
    settings = manifest.environments[environment]
    if settings.target.command is not None:
        images = {image.name: image.reference for image in images_of(lock)}
        return Made(_deployment(manifest, environment, lock, root, images, ()), {})
    files = _files(manifest, settings)
    project = _project(manifest, environment, root, files, variables)
    images = _images(manifest, settings, lock, project)
    _refuse_missing_sources(project, images)
    return Made(
        _deployment(manifest, environment, lock, root, images, files),
        dict(sorted(_own_files(project, lock, root))),
    )


def _deployment(
    manifest: Manifest,
    environment: str,
    lock: Lock,
    root: Path,
    images: Mapping[str, str],
    files: tuple[str, ...],
) -> Deployment:
    settings, stack = manifest.environments[environment], manifest.stack
    env_files = _env_files(manifest, settings)
    directory = stack.project_directory if stack is not None else None
    return Deployment(
        environment=environment,
        project=manifest.project,
        lock_id=lock.id,
        images=images,
        files=tuple(root / file for file in files),
        directory=root / directory if directory else None,
        env_files=None if env_files is None else tuple(root / file for file in env_files),
        profiles=tuple(settings.profiles),
        variables=dict(settings.variables),
        secrets=tuple(settings.secrets),
        lock_text=render(lock),
        root=root,
    )


def _files(manifest: Manifest, settings: Environment) -> tuple[str, ...]:
    if settings.files is not None:
        return tuple(settings.files)
    return tuple(manifest.stack.files) if manifest.stack is not None else ()


def _env_files(manifest: Manifest, settings: Environment) -> list[str] | None:
    if settings.env_files is not None:
        return settings.env_files
    return manifest.stack.env_files if manifest.stack is not None else None


def _project(
    manifest: Manifest, environment: str, root: Path, files: tuple[str, ...], variables: Mapping[str, str]
) -> ComposeProject:
    settings, stack = manifest.environments[environment], manifest.stack
    env_files = _env_files(manifest, settings)
    directory = stack.project_directory if stack is not None else None
    return load_project(
        [root / file for file in files],
        environment={**variables, **settings.variables},
        project_directory=root / directory if directory else None,
        env_files=None if env_files is None else [root / file for file in env_files],
        profiles=frozenset(settings.profiles),
        project_name=f"{manifest.project}-{environment}",
        root=root,
        pinned=frozenset(name for service in manifest.services for name in manifest.compose_names(service)),
    )


def _images(manifest: Manifest, settings: Environment, lock: Lock, project: ComposeProject) -> dict[str, str]:
    """By compose service, for what runs here; what cannot be pinned is refused by name."""
    names = {name: manifest.compose_names(name) for name in manifest.services}
    left_out = {
        compose_name
        for name in manifest.services
        if settings.services is not None and name not in settings.services
        for compose_name in names[name]
    }
    services = {
        name: ComposeImage(one.image, one.has_build)
        for name, one in project.services.items()
        if name not in left_out
    }
    if not services:
        raise InputError(
            "the environment runs no service of the lock", hint="see its 'services' and 'profiles'"
        )
    pinning = pin(lock, names, services)
    if pinning.unpinned:
        hint = "nothing is deployed by tag: lock it, or take it out of the environment's files"
        raise Refused(
            Problem(f"{name}: cannot be pinned: it {why}", hint=hint, code="unlocked")
            for name, why in sorted(pinning.unpinned.items())
        )
    return {name: image.reference for name, image in pinning.pinned.items()}


def _refuse_missing_sources(project: ComposeProject, images: Mapping[str, str]) -> None:
    missing = [bind for bind in project.missing_bind_sources if bind.service in images and bind.inside]
    if missing:
        hint = "the engine would make an empty folder of it; is the file committed, is the path right?"
        raise Refused(
            Problem(
                f"{bind.service}: the bind mount's source '{bind.source}' does not exist",
                hint=hint,
                code="bind-missing",
            )
            for bind in missing
        )


def _own_files(project: ComposeProject, lock: Lock, root: Path) -> Iterator[tuple[str, str]]:
    for path in configuration_files(project):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        if name not in lock.config:
            yield name, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
