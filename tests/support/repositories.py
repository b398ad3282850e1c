"""Real git repositories in scratch folders."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-11-21T08:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-21T08:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git there and answer what it printed."""
    return subprocess.run(
        ["git", "-C", str(folder), "-c", "protocol.file.allow=always", *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **_IDENTITY},
    ).stdout.strip()


def new_repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit_file(folder: Path, name: str, text: str, subject: str = "change") -> str:
    """Write a file, commit it, and answer the commit."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(folder, "add", "--", name)
    git(folder, "commit", "--quiet", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def commit_all(folder: Path, subject: str = "change") -> str:
    """Commit everything that is there, and answer the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def add_submodule(folder: Path, source: Path, path: str) -> str:
    """Add and commit a submodule, and answer the commit that it is pinned to."""
    git(folder, "submodule", "--quiet", "add", str(source), path)
    git(folder, "commit", "--quiet", "-m", f"add {path}")
    return git(folder / path, "rev-parse", "HEAD")
