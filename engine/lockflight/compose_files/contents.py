"""The files whose content counts as configuration of a project, folders that are bound in unfolded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lockflight.compose_files.project import ComposeProject
from lockflight.compose_files.reader import Role, lies_inside

_SKIPPED = frozenset({".git"})


def configuration_files(
    project: ComposeProject, *, skipped_folders: frozenset[str] = _SKIPPED
) -> tuple[Path, ...]:
    """Every file of the project that is there and lies in the repository's folder, once, sorted.

    Secrets are left out, also where they lie in a folder that is bound in, and so are links that lead out of
    the repository. Folders with a name in `skipped_folders` are not entered.
    """
    secrets = {file.path.resolve() for file in project.secret_files if file.inside}
    found: set[Path] = set()
    for file in project.files:
        if file.inside and file.exists:
            found.update(_unfolded(file.path, skipped_folders) if file.role is Role.BIND else [file.path])
    return tuple(
        sorted(
            path
            for path in found
            if path.is_file() and lies_inside(path, project.root) and path.resolve() not in secrets
        )
    )


def _unfolded(path: Path, skipped: frozenset[str]) -> Iterator[Path]:
    """The path itself, or the files below it; links to folders are not followed."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in skipped]
        yield from (Path(folder, name) for name in names)
