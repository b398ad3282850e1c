"""The configuration files that go into a lock, by digest: the stack's own, those it binds in, and more.

A file that git is told to ignore is no configuration: it is data, or a secret, or one machine's own. Neither
are the locks themselves, even where a service binds in the whole repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from lockflight.compose_files.contents import configuration_files
from lockflight.compose_files.project import ComposeProject
from lockflight.compose_files.reader import Role
from lockflight.config import Manifest
from lockflight.errors import InputError, Place
from lockflight.findings import Finding
from lockflight.ports.git import Git

# A folder that is bound in and holds more than this is data that somebody forgot to tell git to ignore.
_MOST_FILES = 5_000
_SKIPPED_FOLDERS = frozenset({".git", ".lockflight"})
_OUR_OWN = "locks/"
# What somebody wrote to be read by the stack; that git ignores it deserves a word.
_MEANT = frozenset({Role.PROJECT_ENV, Role.SERVICE_ENV, Role.CONFIG})


def configuration(
    manifest: Manifest, root: Path, project: ComposeProject | None, git: Git
) -> tuple[dict[str, str], list[Finding]]:
    """The digest of every configuration file, by its path from the manifest's folder."""
    findings: list[Finding] = []
    covered = _covered(git, {*manifest.config, *_sources(root, project)})
    of_stack = _of_stack(root, project, findings) if project else set()
    named = _named(manifest, root, covered.keys(), findings)
    found = of_stack | named
    covered |= _covered(git, found)
    findings += _in_no_service(manifest, covered)
    found -= covered.keys()
    # A file that the manifest names in full is meant, whatever git is told.
    ignored = git.is_ignored(tuple(sorted(found))) - frozenset(manifest.config)
    if project:
        findings += _ignored_on_purpose(root, project, ignored)
    wanted = [path for path in sorted(found - ignored) if _has_a_name(path, findings)]
    findings += _uncommitted(git, wanted)
    return {path: _digest(root / path) for path in wanted}, findings


def _covered(git: Git, paths: set[str]) -> dict[str, str]:
    """Those that lie in a submodule or are one, with its path: its commit covers them, checked out here or not."""
    # What lies below a path is asked about, because a submodule's own folder does not lie inside it.
    found = git.inside_submodules(tuple(f"{path}/_" for path in sorted(paths)))
    return {path.removesuffix("/_"): module for path, module in found.items()}


def _in_no_service(manifest: Manifest, covered: dict[str, str]) -> Iterator[Finding]:
    services = {service.submodule for service in manifest.services.values()}
    for module in sorted(set(covered.values()) - services):
        first = min(path for path, its in covered.items() if its == module)
        message = f"lies in the submodule {module}, whose commit is not locked"
        hint = "name the submodule as a service, with 'image: false' where it is only configuration"
        yield Finding("config-in-submodule", first, message, hint=hint)


def _sources(root: Path, project: ComposeProject | None) -> set[str]:
    """The files and folders that the stack names, whether they are there or not."""
    files = project.files if project else ()
    return {_from_root(root, file.path) for file in files if file.inside}


def _has_a_name(path: str, findings: list[Finding]) -> bool:
    """Whether a lock can hold the path: one line of text."""
    if path.isprintable():
        return True
    shown = path.encode(errors="replace").decode()
    message = "has a name that a lock cannot hold: only printable characters may be in it"
    findings.append(Finding("config-name", shown, message, hint="rename the file"))
    return False


def _uncommitted(git: Git, paths: list[str]) -> list[Finding]:
    """A change may be locked in the commit that makes it, but a reviewer should know."""
    if git.head() is None or git.is_clean("."):
        return []
    message = "has changes that are not committed; the lock holds its content on this disk"
    return [
        Finding("config-uncommitted", path, message, note=True) for path in paths if not git.is_clean(path)
    ]


def _of_stack(root: Path, project: ComposeProject, findings: list[Finding]) -> set[str]:
    files = configuration_files(project, skipped_folders=_SKIPPED_FOLDERS)
    if len(files) > _MOST_FILES:
        raise InputError(
            f"the stack binds in {len(files)} files of this repository, more than {_MOST_FILES}",
            hint="if it is data, tell git to ignore it; if it is configuration, bind in a smaller folder",
        )
    for bind in project.missing_bind_sources:
        message = f"is bound into '{bind.service}', but does not exist ({bind.place})"
        hint = "the engine would make an empty folder of it"
        findings.append(Finding("bind-missing", str(bind.source), message, hint=hint, note=True))
    found = {_from_root(root, path) for path in files}
    return {path for path in found if not _is_our_own(path)}


def _is_our_own(path: str) -> bool:
    return path.startswith(_OUR_OWN) or not _SKIPPED_FOLDERS.isdisjoint(path.split("/"))


def _ignored_on_purpose(root: Path, project: ComposeProject, ignored: frozenset[str]) -> Iterator[Finding]:
    for file in project.files:
        if file.role in _MEANT and file.inside and _from_root(root, file.path) in ignored:
            message = f"is ignored by git, so the lock does not cover this {file.role}"
            hint = "two machines may run the same lock with other values; commit it, unless it holds secrets"
            yield Finding("config-ignored", _from_root(root, file.path), message, hint=hint, note=True)


def _from_root(root: Path, path: Path) -> str:
    """The path as a lock names it; through its links where it is reached by one."""
    inside = path if path.is_relative_to(root) else path.resolve()
    return inside.relative_to(root if path.is_relative_to(root) else root.resolve()).as_posix()


def _named(manifest: Manifest, root: Path, covered: Collection[str], findings: list[Finding]) -> set[str]:
    found: set[str] = set()
    for pattern in manifest.config:
        if pattern in covered:
            continue
        paths = sorted(root.glob(pattern)) if "*" in pattern else [root / pattern]
        files = [file for path in paths for file in _files_below(path)]
        if not files:
            message = "stands under 'config' of the manifest, but no file fits it"
            findings.append(Finding("config-missing", pattern, message))
        for file in files:
            if not file.resolve().is_relative_to(root.resolve()):
                raise InputError("leaves the repository through a symbolic link", place=Place(str(file)))
            found.add(file.relative_to(root).as_posix())
    return {path for path in found if not _is_our_own(path)}


def _files_below(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path] if path.is_file() else []
        next(path.iterdir(), None)  # rglob would take a folder that may not be looked into for an empty one
        return [file for file in sorted(path.rglob("*")) if file.is_file()]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(str(path))) from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(str(path))) from error
