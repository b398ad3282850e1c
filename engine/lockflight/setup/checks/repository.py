"""Git, and the repository that the manifest's commits come from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockflight.errors import LockflightError
from lockflight.setup import commands
from lockflight.setup.checks.model import Checked, Surroundings, missing, note, ok

# The first with `--filter` for fetching commits alone, and with `protocol.allow` for submodules.
_OLDEST_GIT = (2, 25)
_INSTALL = "Debian, Ubuntu: sudo apt-get install git; macOS: xcode-select --install"


def program(surroundings: Surroundings) -> Iterator[Checked]:
    said = commands.ask(["git", "--version"], surroundings.environment)
    version = re.search(r"(\d+)\.(\d+)(?:\.\d+)?", said.output)
    if not said.ok or version is None:
        yield missing("git", said.reason, _INSTALL)
    elif (int(version[1]), int(version[2])) < _OLDEST_GIT:
        yield missing("git", f"git {version[0]} is older than 2.25", _INSTALL)
    else:
        yield ok("git", f"git {version[0]}")


def repository(surroundings: Surroundings) -> Iterator[Checked]:
    """Whether there is a commit to lock, in a repository that git trusts, with its history."""
    if not commands.installed("git", surroundings.environment):
        return
    state = missing if surroundings.manifest else note
    try:
        head = surroundings.git.head()
    except LockflightError as error:
        yield missing("repository", error.problems[0].message, error.problems[0].hint)
        return
    if head is None:
        yield state(
            "repository", f"there is no commit in {surroundings.folder}", "git init, and commit; or -C DIR"
        )
        return
    where = f" on {head.ref}" if head.ref else ", no branch (detached)"
    yield ok("repository", f"commit {head.commit[:12]}{where}")
    yield from _history(surroundings)


def _history(surroundings: Surroundings) -> Iterator[Checked]:
    said = _git(surroundings, "rev-parse", "--is-shallow-repository")
    if said.output != "true":
        yield ok("history", "complete")
        return
    manifest = surroundings.manifest
    needs_it = manifest is not None and any(service.path for service in manifest.services.values())
    advice = "git fetch --unshallow; in GitHub Actions 'fetch-depth: 0' of actions/checkout"
    if needs_it:
        yield missing("history", "the clone is shallow, and services are locked by path", advice)
    else:
        yield note("history", "the clone is shallow: commits between two locks may not be told", advice)


def submodules(surroundings: Surroundings) -> Iterator[Checked]:
    """Every submodule of the manifest, in the committed tree; a checkout is not needed."""
    manifest = surroundings.manifest
    wanted = {} if manifest is None else {n: s.submodule for n, s in manifest.services.items() if s.submodule}
    if not wanted or not commands.installed("git", surroundings.environment):
        return
    try:
        there = {module.path for module in surroundings.git.submodules()}
        changes = surroundings.git.submodule_changes()
    except LockflightError as error:
        yield missing("submodules", error.problems[0].message, error.problems[0].hint)
        return
    for name, path in wanted.items():
        if path not in there:
            yield missing(
                f"submodule {name}", f"{path} is no submodule of the commit that is checked out", _ADD
            )
    for change in changes:
        if change.path in wanted.values():
            found = f"{change.path}: {change.change.value} ({change.detail})"
            yield missing(f"submodule {change.path}", found, "commit it, or 'git submodule update'")
    here = [path for path in wanted.values() if (surroundings.folder / path / ".git").exists()]
    yield ok(
        "submodules",
        f"{len(there & set(wanted.values()))} of {len(wanted)} in the tree, {_checked_out(here)}",
    )


def _checked_out(here: list[str]) -> str:
    return f"{len(here)} checked out (none needs to be)"


def _git(surroundings: Surroundings, *arguments: str) -> commands.Answer:
    return commands.ask(["git", "-C", str(surroundings.folder), *arguments], surroundings.environment)


_ADD = "git submodule add URL PATH, and commit; or correct the manifest"
