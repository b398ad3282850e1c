"""Compare two locks as a reviewer wants it: services added, removed and changed, with the commits between,
API descriptions that changed, third-party images, and configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lockflight.cli.context import Context
from lockflight.cli.which_lock import existing
from lockflight.errors import EXIT_DONE
from lockflight.places import manifest_folder

if TYPE_CHECKING:
    from lockflight.locks.diff import Between
    from lockflight.locks.model import Lock
    from lockflight.ports.git import CommitLine, Git

EXAMPLES = """examples:
  lockflight diff old.yaml locks/current.yaml
  lockflight diff old.yaml new.yaml --markdown   for the comment of a pull request
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="A", help="the lock before")
    parser.add_argument("new", metavar="B", help="the lock after")
    parser.add_argument("--markdown", action="store_true", help="as Markdown, for a pull request's comment")


def run(context: Context, options: argparse.Namespace) -> int:
    from lockflight.cli import diff_view
    from lockflight.locks.diff import compare
    from lockflight.locks.file import read_lock

    old = read_lock(*existing(context.path(options.old), options.old))
    new = read_lock(*existing(context.path(options.new), options.new))
    difference = compare(old, new, _between(context, _paths(old, new)))
    if context.as_json:
        context.json(diff_view.as_data(difference))
    elif options.markdown:
        context.result(diff_view.as_markdown(difference))
    else:
        context.result(diff_view.as_text(difference))
    return EXIT_DONE


def _paths(*locks: Lock) -> dict[str, str]:
    """Where each service's history may be at hand; the newer lock knows better."""
    return {name: service.path for lock in locks for name, service in lock.services.items() if service.path}


def _between(context: Context, paths: dict[str, str]) -> Between:
    from lockflight.wiring import connect_git

    git = connect_git(_root(context.folder))

    def between(service: str, old: str, new: str) -> tuple[CommitLine, ...] | None:
        path = paths.get(service)
        return _commits(git, path, old, new) if path else None

    return between


def _commits(git: Git, path: str, old: str, new: str) -> tuple[CommitLine, ...] | None:
    """From the submodule at the path, or else from this repository, looking only at that folder."""
    found = git.commits_between(path, old, new)
    return git.commits_between(".", old, new, path) if found is None else found


def _root(folder: Path) -> Path:
    return manifest_folder(folder) or folder
