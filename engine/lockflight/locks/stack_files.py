"""The stack's compose project as the manifest names its files, read without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockflight.compose_files.project import ComposeProject, load_project
from lockflight.config import Manifest


def read_stack(manifest: Manifest, root: Path, environment: Mapping[str, str]) -> ComposeProject | None:
    """The stack's compose project, read without an engine."""
    stack = manifest.stack
    if stack is None:
        return None
    return load_project(
        [root / file for file in stack.files],
        environment=environment,
        project_directory=root / stack.project_directory if stack.project_directory else None,
        env_files=None if stack.env_files is None else [root / file for file in stack.env_files],
        project_name=manifest.project,
        root=root,
        pinned=frozenset(name for service in manifest.services for name in manifest.compose_names(service)),
    )
