"""From a manifest to a connected engine. Only this module knows the adapters."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.adapters.system_clock import SystemClock
from lockflight.concurrency import at_interruption
from lockflight.errors import InputError, Place
from lockflight.places import MANIFEST, manifest_folder
from lockflight.ports.clock import Clock

if TYPE_CHECKING:
    from lockflight.config import Manifest
    from lockflight.ports.git import Git
    from lockflight.ports.ledger import Ledger
    from lockflight.ports.registry import Registry
    from lockflight.ports.stack_engine import StackEngine
    from lockflight.ports.target import Target


@dataclass(frozen=True)
class Engine:
    """A manifest and the worlds that it speaks of. Each world is connected when it is first asked for."""

    root: Path
    manifest: Manifest
    environment: Mapping[str, str]

    @cached_property
    def git(self) -> Git:
        return connect_git(self.root)

    @cached_property
    def registry(self) -> Registry:
        return open_registry(self.environment, self.manifest.insecure_registries())

    @cached_property
    def stack_engine(self) -> StackEngine:
        return connect_stack_engine(self.environment)

    @cached_property
    def ledger(self) -> Ledger:
        return connect_ledger(self)

    def target(self, environment: str) -> Target:
        """What an environment of the manifest runs on."""
        return connect_target(self, environment)

    @cached_property
    def clock(self) -> Clock:
        return SystemClock()


def connect(folder: Path, environment: Mapping[str, str]) -> Engine:
    """The engine of the manifest in this folder or the nearest one above."""
    from lockflight.config import find_manifest, read_manifest

    path = find_manifest(folder)
    called = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return Engine(path.parent, read_manifest(path, called=called), environment)


def connect_git(folder: Path) -> Git:
    """The repository around a folder. Its processes do not outlive this one."""
    from lockflight.adapters.git_cli import GitCli
    from lockflight.adapters.git_process import stop_children

    at_interruption(stop_children)
    return GitCli(folder)


def connect_stack_engine(environment: Mapping[str, str]) -> StackEngine:
    """The Docker engine that this user's client talks to. What it starts does not outlive this process."""
    from lockflight.adapters.stack_engine import DockerStackEngine
    from lockflight.adapters.stack_engine.processes import stop_children as stop_compose

    at_interruption(stop_compose)
    return DockerStackEngine(environment)


def connect_ledger(engine: Engine) -> Ledger:
    """The working folder's, or the branch that the manifest names."""
    settings = engine.manifest.ledger
    if settings.branch is None:
        from lockflight.adapters.ledger_folder import LedgerFolder

        return LedgerFolder(engine.root)
    from lockflight.adapters.git_process import stop_children
    from lockflight.adapters.ledger_branch import LedgerBranch

    at_interruption(stop_children)
    return LedgerBranch(
        _remote_url(engine.root, settings.remote),
        engine.root,
        engine.clock,
        branch=settings.branch,
        environment=engine.environment,
    )


def _remote_url(root: Path, remote: str) -> str:
    """A remote's name by git's configuration; a URL or a path is one already."""
    found = git_setting(root, f"remote.{remote}.url")
    if found:
        return found
    if "/" in remote or ":" in remote:
        return remote
    raise InputError(
        f"ledger.remote: git knows no remote '{remote}' here",
        place=Place(MANIFEST),
        hint=f"'git remote add {remote} URL' adds it; or write the repository's URL instead of its name",
    )


def git_setting(root: Path, key: str) -> str | None:
    """What git's configuration says for the repository around a folder; its first value where there are several."""
    from lockflight.adapters.git_process import run

    said = run(["-C", str(root), "config", "--get-all", key])
    return next(iter(said.text.splitlines()), None) if said.code == 0 else None


def connect_target(engine: Engine, environment: str) -> Target:
    """The adapter for the kind of target that the manifest names."""
    settings = engine.manifest.environments[environment].target
    if settings.compose is not None:
        from lockflight.adapters.stack_engine.processes import stop_children
        from lockflight.adapters.target_compose import ComposeTarget

        at_interruption(stop_children)
        return ComposeTarget(
            settings.compose, engine.environment, engine.clock, project=engine.manifest.project
        )
    if settings.swarm is not None:
        from lockflight.adapters.stack_engine.processes import stop_children
        from lockflight.adapters.target_swarm import SwarmTarget

        at_interruption(stop_children)
        return SwarmTarget(settings.swarm, engine.environment, engine.clock, project=engine.manifest.project)
    raise InputError(
        f"environments.{environment}: the target 'command' is not built yet", hint="use 'compose' or 'swarm'"
    )


def system_clock() -> Clock:
    return SystemClock()


def connect_registry(folder: Path, environment: Mapping[str, str]) -> Registry:
    """The registries for a command that needs no manifest, but heeds the settings of one that is there."""
    where = manifest_folder(folder)
    if where is None:
        return open_registry(environment, frozenset())
    from lockflight.config import read_manifest

    return open_registry(environment, read_manifest(where / MANIFEST).insecure_registries())


def open_registry(environment: Mapping[str, str], insecure: frozenset[str]) -> Registry:
    """A registry client with the credentials of this user and the cache of this machine."""
    from lockflight.adapters.registry_oci.cache import ContentCache
    from lockflight.adapters.registry_oci.client import OciRegistry
    from lockflight.adapters.registry_oci.credentials import DockerCredentials

    return OciRegistry(
        clock=SystemClock(),
        credentials=DockerCredentials(environment),
        insecure=insecure,
        environment=environment,
        cache=ContentCache(cache_folder(environment) / "content.db"),
    )


def credential_source(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Tells where the credentials for a registry come from, never what they are."""
    from lockflight.adapters.registry_oci.credentials import DockerCredentials

    store = DockerCredentials(environment)

    def source(host: str) -> str:
        found = store.find(host)
        if found.trouble:
            return found.trouble
        return (
            f"credentials from {found.source}" if found.credentials else f"anonymous: none in {found.source}"
        )

    return source


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where this user's caches lie; everything in there may be deleted at any time."""
    base = environment.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "lockflight"
    home = environment.get("HOME")
    # A user without a home, as in some containers, has a cache for as long as the container lives.
    return (Path(home) / ".cache" if home else Path(tempfile.gettempdir())) / "lockflight"
