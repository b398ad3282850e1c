"""The configuration files that go into a lock, by digest: the stack's own, those it binds in, and more.

A file that git is told to ignore is no configuration: it is data, or a secret, or one machine's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from lockflight.compose_files.project import ComposeProject
from lockflight.config import Manifest
from lockflight.errors import InputError, Place
from lockflight.findings import Finding
from lockflight.ports.git import Git

# A folder that is bound in and holds more than this is data that somebody forgot to tell git to ignore.
_MOST_FILES = 5_000


def configuration(
    manifest: Manifest, root: Path, project: ComposeProject | None, git: Git
) -> tuple[dict[str, str], list[Finding]]:
    """The digest of every configuration file, by its path from the manifest's folder."""
    findings: list[Finding] = []
    of_stack = _of_stack(root, project, findings) if project else set()
    ignored = git.is_ignored(tuple(sorted(of_stack)))
    named = set(_named(manifest, root, findings))
    wanted = sorted((of_stack - ignored) | named)
    return {path: _digest(root / path) for path in wanted}, findings


def _of_stack(root: Path, project: ComposeProject, findings: list[Finding]) -> set[str]:
    found: set[str] = set()
    secrets = {file.path.resolve() for file in project.secret_files}
    for file in project.files:
        for path in _files_below(file.path):
            if path.resolve() not in secrets:
                found.update(_inside(root, path))
    for bind in project.missing_bind_sources:
        message = f"is bound into '{bind.service}', but does not exist ({bind.place})"
        hint = "the engine would make an empty folder of it"
        findings.append(Finding("bind-missing", str(bind.source), message, hint=hint, note=True))
    return found


def _inside(root: Path, path: Path) -> Iterator[str]:
    """The path from the root; nothing for a file that lies elsewhere, which only that machine has."""
    if path.resolve().is_relative_to(root.resolve()) and path.is_relative_to(root):
        yield path.relative_to(root).as_posix()
    elif path.resolve().is_relative_to(root.resolve()):
        yield path.resolve().relative_to(root.resolve()).as_posix()


def _files_below(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        return []
    found = []
    for file in sorted(path.rglob("*")):
        if file.is_file() and ".git" not in file.relative_to(path).parts:
            found.append(file)
        if len(found) > _MOST_FILES:
            raise InputError(
                f"is bound into the stack and holds more than {_MOST_FILES} files",
                place=Place(str(path)),
                hint="if it is data, tell git to ignore it; if it is configuration, bind in a smaller folder",
            )
    return found


def _named(manifest: Manifest, root: Path, findings: list[Finding]) -> Iterator[str]:
    for pattern in manifest.config:
        paths = sorted(root.glob(pattern)) if "*" in pattern else [root / pattern]
        files = [file for path in paths for file in _files_below(path)]
        if not files:
            message = "stands under 'config' of the manifest, but no file fits it"
            findings.append(Finding("config-missing", pattern, message))
        for file in files:
            if not file.resolve().is_relative_to(root.resolve()):
                raise InputError("leaves the repository through a symbolic link", place=Place(str(file)))
            yield file.relative_to(root).as_posix()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(str(path))) from error
