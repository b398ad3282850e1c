"""A repository in memory: the committed tree, its submodules, and the histories around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from lockflight import names
from lockflight.errors import InputError, OutsideError
from lockflight.ports.git import CommitLine, Head, Submodule, SubmoduleChange

_A_DAY = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@dataclass
class FakeHistory:
    """A line of commits, the oldest first, and the branches that point into it."""

    commits: list[CommitLine] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def commit(self, subject: str, *, branch: str = "main", author: str = "Ada") -> str:
        """Add a commit on top and move the branch there."""
        sha = f"{len(self.commits) + 1:040x}"
        self.commits.append(CommitLine(sha, author, subject))
        self.branches[branch] = sha
        return sha

    def position(self, commit: str) -> int | None:
        found = [n for n, line in enumerate(self.commits) if line.commit == commit]
        return found[0] if found else None

    def has_on_branch(self, commit: str, branch: str) -> bool | None:
        """Whether a commit lies on a branch; None when there is no such branch."""
        if branch not in self.branches:
            return None
        tip, position = self.position(self.branches[branch]), self.position(commit)
        return tip is not None and position is not None and position <= tip


@dataclass
class FakeGit:
    """Implements the Git port over histories that a test made; `checkouts` are those at hand."""

    commit: str | None = "c" * 40
    branch: str | None = "main"
    repository: str | None = "https://git.example/acme/shop"
    modules: list[Submodule] = field(default_factory=list)
    changes: list[SubmoduleChange] = field(default_factory=list)
    last_changes: dict[str, str] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    checkouts: dict[str, FakeHistory] = field(default_factory=dict)
    remotes: dict[str, FakeHistory] = field(default_factory=dict)

    def head(self) -> Head | None:
        return None if self.commit is None else Head(self.commit, self.branch, self.repository, _A_DAY)

    def submodules(self) -> tuple[Submodule, ...]:
        return tuple(self.modules)

    def submodule_changes(self) -> tuple[SubmoduleChange, ...]:
        return tuple(self.changes)

    def last_change(self, path: str) -> str | None:
        return self.last_changes.get(_inside(path))

    def is_clean(self, path: str) -> bool:
        return _inside(path) not in self.dirty

    def remote_commit(self, url: str, ref: str) -> str | None:
        if names.is_commit(ref):
            return ref
        return self._remote(url).branches.get(ref)

    def on_branch(self, commit: str, branch: str, path: str | None, url: str | None) -> bool | None:
        checkout = self._checkout(path)
        here = checkout.has_on_branch(commit, branch) if checkout else None
        if here or not url:
            return here
        return bool(self._remote(url).has_on_branch(commit, branch))

    def branches(self, url: str) -> tuple[str, ...]:
        return tuple(sorted(self._remote(url).branches))

    def has_commit(self, path: str | None, commit: str) -> bool | None:
        history = self._checkout(path)
        return None if history is None else history.position(commit) is not None

    def commits_between(
        self,
        path: str | None,
        old: str,
        new: str,
        below: str | None = None,  # noqa: ARG002 - every commit of a history touches all that it is about
    ) -> tuple[CommitLine, ...] | None:
        history = self._checkout(path)
        if history is None:
            return None
        first, last = history.position(old), history.position(new)
        if first is None or last is None:
            return None
        return tuple(reversed(history.commits[first + 1 : last + 1]))

    def file_at(self, path: str | None, commit: str, file: str) -> bytes | None:
        history = self._checkout(path)
        return history.files.get((commit, file)) if history else None

    def is_ignored(self, paths: tuple[str, ...]) -> frozenset[str]:
        return frozenset(paths) & frozenset(self.ignored)

    def inside_submodules(self, paths: tuple[str, ...]) -> dict[str, str]:
        modules = [module.path for module in self.modules]
        return {path: module for path in paths for module in modules if path.startswith(f"{module}/")}

    def _checkout(self, path: str | None) -> FakeHistory | None:
        return self.checkouts.get(_inside(path or "."))

    def _remote(self, url: str) -> FakeHistory:
        if url not in self.remotes:
            raise OutsideError(f"the repository {names.without_credentials(url)} cannot be read")
        return self.remotes[url]


def _inside(path: str) -> str:
    if path.startswith(("/", "-")) or ".." in path.split("/"):
        raise InputError(f"the path '{path}' leads out of the repository")
    return path
