"""Looking around: everything in a repository that `init` bases a manifest on. Nothing is decided here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from lockflight.compose_files.dotenv import read_env_files
from lockflight.compose_files.variables import Scope
from lockflight.errors import InputError, Place, Problem
from lockflight.ports.git import Git
from lockflight.setup import commands
from lockflight.setup.compose_places import ComposeFiles, candidates, choose
from lockflight.setup.compose_reading import ComposeUse, Reading, has_services, read_uses

_DEEPEST = 4
_MOST_FOLDERS = 5_000
# Folders of other people's code, of builds, and of one machine.
_SKIPPED = frozenset({"node_modules", "vendor", "venv", "target", "dist", "build", "__pycache__"})
_API_FILES = tuple(
    f"{folder}{stem}{ending}"
    for folder in ("", "api/", "docs/", "spec/")
    for stem in ("openapi", "swagger", "asyncapi")
    for ending in (".yaml", ".yml", ".json")
)


@dataclass(frozen=True, slots=True)
class FoundSubmodule:
    """A submodule of the committed tree, or one that only .gitmodules names (`committed` is False)."""

    path: str
    branch: str | None = None
    committed: bool = True
    checked_out: bool = False
    has_dockerfile: bool = False
    inside: bool = True  # False where a link leads out of the repository
    bound_in: bool = False  # the stack binds files of it in
    api: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. All paths are from the folder that the manifest will lie in."""

    folder: str
    repository: str | None = None
    branch: str | None = None
    submodules: tuple[FoundSubmodule, ...] = ()
    compose: ComposeFiles = field(default_factory=ComposeFiles)
    compose_project: str | None = None
    uses: tuple[ComposeUse, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    dockerfiles: tuple[str, ...] = ()  # folders with a Dockerfile, outside of submodules
    has_schemas: bool = False
    warnings: tuple[Problem, ...] = ()


def survey(folder: Path, git: Git, environment: Mapping[str, str]) -> Survey:
    """Look at the committed tree, .gitmodules, compose files and Dockerfiles below a folder."""
    head = git.head()
    files = choose([path for path in candidates(folder) if has_services(folder, path)])
    reading = read_uses(folder, files.stack)
    if head is None:
        reading.warnings.append(_not_in_git(folder))
    variables = _variables(folder, files, reading)
    bound = {bind for use in reading.uses.values() for bind in use.binds}
    modules = tuple(_with_binds(module, bound) for module in _submodules(folder, git, environment))
    return Survey(
        folder=folder.name,
        repository=head.repository if head else None,
        branch=_default_branch(folder, environment) or (head.ref if head else None),
        submodules=modules,
        compose=files,
        compose_project=reading.project,
        uses=tuple(reading.uses.values()),
        variables=variables,
        dockerfiles=tuple(_dockerfiles(folder, {module.path for module in modules})),
        has_schemas=(folder / "schemas" / "manifest.schema.json").is_file(),
        warnings=tuple(reading.warnings),
    )


def _default_branch(folder: Path, environment: Mapping[str, str]) -> str | None:
    """The branch that a clone of the origin begins on; the one that is checked out may be anything."""
    command = ["git", "-C", str(folder), "symbolic-ref", "--short", "refs/remotes/origin/HEAD"]
    said = commands.ask(command, environment)
    return said.output.removeprefix("origin/") if said.ok else None


def _variables(folder: Path, files: ComposeFiles, reading: Reading) -> dict[str, str]:
    """What the `.env` beside the stack's first file sets; what only this machine's environment has is left out."""
    if not files.stack:
        return {}
    path = PurePosixPath(files.stack[0]).parent / ".env"
    if not (folder / path).is_file():
        return {}
    try:
        found = read_env_files([(folder / path, str(path))], Scope())
    except InputError as error:
        reading.warnings += error.problems
        return {}
    return {name: known.text for name, known in found.items()}


def _submodules(folder: Path, git: Git, environment: Mapping[str, str]) -> Iterator[FoundSubmodule]:
    committed = git.submodules()
    for module in committed:
        yield _look_into(folder, module.path, module.branch, committed=True)
    known = {module.path for module in committed}
    for path, branch in _described(folder, environment):
        if path not in known:
            yield _look_into(folder, path, branch, committed=False)


def _described(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """What the .gitmodules on disk names: submodules that are added, but not committed yet."""
    file = folder / ".gitmodules"
    if not file.is_file():
        return
    said = commands.ask(["git", "config", "--file", str(file), "-z", "--list"], environment)
    by_name: dict[str, dict[str, str]] = {}
    for entry in said.output.split("\0") if said.ok else ():
        key, _, value = entry.partition("\n")
        match = re.fullmatch(r"submodule\.(.+)\.(path|branch)", key, re.DOTALL)
        if match:
            by_name.setdefault(match[1], {})[match[2]] = value
    for described in by_name.values():
        if "path" in described:
            yield described["path"].rstrip("/"), described.get("branch")


def _look_into(folder: Path, path: str, branch: str | None, *, committed: bool) -> FoundSubmodule:
    root = folder / path
    inside = root.resolve().is_relative_to(folder.resolve())
    checked_out = inside and (root / ".git").exists()
    return FoundSubmodule(
        path=path,
        branch=branch if branch != "." else None,
        committed=committed,
        checked_out=checked_out,
        inside=inside,
        has_dockerfile=checked_out and any(True for _ in _dockerfiles(root, set(), deepest=2)),
        api=api_file(root) if checked_out else None,
    )


def _with_binds(module: FoundSubmodule, bound: Iterable[str]) -> FoundSubmodule:
    return replace(module, bound_in=any(PurePosixPath(path).is_relative_to(module.path) for path in bound))


def api_file(root: Path) -> str | None:
    """The API description of a service, where it lies in a usual place."""
    return next((name for name in _API_FILES if (root / name).is_file()), None)


def _dockerfiles(root: Path, skipped: Iterable[str], *, deepest: int = _DEEPEST) -> Iterator[str]:
    """The folders that have a Dockerfile, the root first; hidden folders and submodules are passed over."""
    left = _MOST_FOLDERS
    barred = set(skipped)
    for place, folders, files in os.walk(root):
        here = PurePosixPath(Path(place).relative_to(root).as_posix())
        left -= 1
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and str(here / name) not in barred
        )
        if len(here.parts) >= deepest or left <= 0:
            folders.clear()
        if any(_is_dockerfile(name) for name in files):
            yield str(here)


def _is_dockerfile(name: str) -> bool:
    return name in ("Dockerfile", "Containerfile") or name.startswith("Dockerfile.")


def _not_in_git(folder: Path) -> Problem:
    """What to say where there is no commit to lock."""
    return Problem(
        "there is no commit here, and a lock names commits",
        Place(str(folder)),
        "run 'git init', and commit, before 'lockflight lock'",
    )
