"""Deployment repositories as teams have them, made for real in scratch folders."""

from __future__ import annotations

from pathlib import Path

from tests.support.repositories import add_submodule, commit_file, git, new_repository


def service_repository(folder: Path, *, dockerfile: bool = True) -> Path:
    """A service's own repository."""
    repository = new_repository(folder)
    commit_file(repository, "README.md", folder.name)
    if dockerfile:
        commit_file(repository, "Dockerfile", "FROM scratch\n")
    return repository


def deployment(folder: Path, submodules: dict[str, bool], compose: str | None = None) -> Path:
    """A repository with submodules, by path and whether each has a Dockerfile, and a compose file."""
    repository = new_repository(folder / "shop")
    commit_file(repository, "README.md", "the shop")
    for path, dockerfile in submodules.items():
        origin = service_repository(folder / "origins" / Path(path).name, dockerfile=dockerfile)
        add_submodule(repository, origin, path)
    if compose is not None:
        commit_file(repository, "compose.yaml", compose)
    return repository


def without_checkouts(repository: Path) -> Path:
    """As after a plain clone: submodules are there by name only."""
    git(repository, "submodule", "--quiet", "deinit", "--all", "--force")
    return repository
