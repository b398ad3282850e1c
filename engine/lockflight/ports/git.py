"""The repository that holds the manifest, and the histories of the services around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is checked out; `ref` is its branch, or None when detached."""

    commit: str
    ref: str | None
    repository: str | None
    committed: datetime


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule as the committed tree has it, whether it is checked out or not."""

    path: str
    commit: str
    url: str | None = None
    branch: str | None = None
    name: str | None = None


class Change(Enum):
    """Why a submodule on disk is not what the committed tree says."""

    LOCAL_COMMITS = "it has another commit checked out"
    LOCAL_CHANGES = "it has uncommitted changes"
    STAGED = "a new commit of it is staged but not committed"
    CONFLICT = "a merge that changes it is not finished"


@dataclass(frozen=True, slots=True)
class SubmoduleChange:
    path: str
    change: Change
    detail: str


@dataclass(frozen=True, slots=True)
class CommitLine:
    """One commit as a reviewer wants to see it."""

    commit: str
    author: str
    subject: str


class Git(Protocol):
    """Reading only. Paths are relative to the manifest's folder; nothing is ever fetched into a checkout.

    `None` where git cannot tell, for example because no checkout or no history is at hand. A path that is
    absolute, leads out by `..`, or starts with `-` is an `InputError`; one that leads out through a symbolic
    link is no checkout. Another repository that cannot be reached is an `OutsideError`.
    """

    def head(self) -> Head | None:
        """The checked-out commit, or None outside a repository or before the first commit."""
        ...

    def submodules(self) -> tuple[Submodule, ...]:
        """The submodules of the committed tree."""
        ...

    def submodule_changes(self) -> tuple[SubmoduleChange, ...]:
        """Submodules whose checkout or staged commit differs from the committed tree.

        One whose folder was removed is not checked out, and that is no change.
        """
        ...

    def last_change(self, path: str) -> str | None:
        """The last commit that touched a path of the committed tree; None when it is not in there, or in a
        history too shallow to tell."""
        ...

    def is_clean(self, path: str) -> bool:
        """Whether a path has no uncommitted change; files that git does not track are none."""
        ...

    def remote_commit(self, url: str, ref: str) -> str | None:
        """The commit behind a branch, tag or full SHA of another repository; None when it is not there."""
        ...

    def on_branch(self, commit: str, branch: str, path: str | None, url: str | None) -> bool | None:
        """Whether a commit lies on a branch: asked of the checkout at `path`, else of the one at `url`.

        A checkout's yes is enough; its no may only mean that it is old, so then the repository is asked. One
        that cannot be reached is an `OutsideError`, whatever the checkout said: the check must not pass, nor
        fail, by chance. None only where there is no repository to ask and no checkout that can tell.
        """
        ...

    def branches(self, url: str) -> tuple[str, ...]:
        """The names of another repository's branches, sorted."""
        ...

    def has_commit(self, path: str | None, commit: str) -> bool | None:
        """Whether the checkout at `path` knows a commit; None when there is no checkout."""
        ...

    def commits_between(
        self, path: str | None, old: str, new: str, below: str | None = None
    ) -> tuple[CommitLine, ...] | None:
        """The commits that `new` has and `old` has not, newest first, from the checkout at `path`.

        With `below`, only those that touched that folder of the checkout.
        """
        ...

    def file_at(self, path: str | None, commit: str, file: str) -> bytes | None:
        """The content of a file in a commit of the checkout at `path`."""
        ...

    def is_ignored(self, paths: tuple[str, ...]) -> frozenset[str]:
        """Those of the paths that git is told to ignore, by the submodule for those that lie in one.

        A path beyond a symbolic link is ignored where the link is, or what it leads to.
        """
        ...

    def inside_submodules(self, paths: tuple[str, ...]) -> dict[str, str]:
        """Those of the paths that lie inside a submodule, committed or staged, each with the submodule's path.

        Links are followed, also where the submodule that they lead into is not checked out.
        """
        ...
