"""What Compose is given for a deployment. Pure."""

from __future__ import annotations

from lockflight.ports.stack_engine import ComposeCall
from lockflight.ports.target import Deployment


def call_of(deployment: Deployment, project: str) -> ComposeCall:
    """The user's own files, under the project's name; paths are those of the root where they are relative."""
    root = deployment.root
    env_files = deployment.env_files
    return ComposeCall(
        files=tuple(root / file for file in deployment.files),
        directory=None if deployment.directory is None else root / deployment.directory,
        env_files=None if env_files is None else tuple(root / file for file in env_files),
        profiles=deployment.profiles,
        name=project,
        variables=dict(deployment.variables),
    )
