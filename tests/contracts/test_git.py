"""The Git port's contract: the same tests on the fake, and on the real adapter with real repositories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.errors import InputError, OutsideError
from lockflight.ports.git import Git, Submodule
from lockflight.testing.git import FakeGit, FakeHistory
from tests.support.repositories import add_submodule, commit_file, new_repository

UNKNOWN = "f" * 40
PATH = "services/cart"


@dataclass(frozen=True)
class Subject:
    """A shop with one submodule, of which two commits are checked out; its repository has a third."""

    git: Git
    commits: tuple[str, str, str]
    url: str
    nowhere: str


def of_fake() -> Subject:
    remote = FakeHistory()
    commits = (remote.commit("first"), remote.commit("second"), remote.commit("third"))
    here = FakeHistory(remote.commits[:2], {"main": commits[1]}, {(commits[0], "a.txt"): b"1"})
    url = "https://git.example/acme/cart"
    subject = FakeGit(
        modules=[Submodule(PATH, commits[1])],
        checkouts={PATH: here},
        remotes={url: remote},
        ignored={"x.env"},
    )
    return Subject(subject, commits, url, "https://git.example/acme/nowhere")


def of_git(folder: Path) -> Subject:
    source = new_repository(folder / "source")
    first = commit_file(source, "a.txt", "1", "first")
    second = commit_file(source, "a.txt", "2", "second")
    shop = new_repository(folder / "shop")
    commit_file(shop, ".gitignore", "*.env\n")
    add_submodule(shop, source, PATH)
    third = commit_file(source, "a.txt", "3", "third")
    return Subject(GitCli(shop), (first, second, third), str(source), str(folder / "nowhere"))


@pytest.fixture(params=["fake", "git"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    return of_fake() if request.param == "fake" else of_git(tmp_path)


def test_a_commit_on_the_branch_of_the_checkout_asks_nobody_else(subject: Subject) -> None:
    first = subject.commits[0]
    assert subject.git.on_branch(first, "main", PATH, subject.nowhere) is True
    assert subject.git.on_branch(first, "main", PATH, None) is True


def test_a_checkout_that_does_not_have_the_commit_is_not_believed(subject: Subject) -> None:
    third = subject.commits[2]
    assert subject.git.on_branch(third, "main", PATH, subject.url) is True
    assert subject.git.on_branch(UNKNOWN, "main", PATH, subject.url) is False


def test_the_repository_is_asked_where_nothing_is_checked_out(subject: Subject) -> None:
    first, _, third = subject.commits
    assert subject.git.on_branch(first, "main", None, subject.url) is True
    assert subject.git.on_branch(third, "main", "services/none", subject.url) is True
    assert subject.git.on_branch(first, "none", None, subject.url) is False


def test_an_unreachable_repository_is_a_failure_of_the_outside(subject: Subject) -> None:
    first = subject.commits[0]
    with pytest.raises(OutsideError):
        subject.git.on_branch(first, "main", None, subject.nowhere)
    with pytest.raises(OutsideError):
        subject.git.on_branch(UNKNOWN, "main", PATH, subject.nowhere)
    with pytest.raises(OutsideError):
        subject.git.remote_commit(subject.nowhere, "main")


def test_nobody_to_ask_is_no_answer(subject: Subject) -> None:
    first = subject.commits[0]
    assert subject.git.on_branch(first, "main", None, None) is None
    assert subject.git.on_branch(first, "none", PATH, None) is None


def test_the_commit_behind_a_name(subject: Subject) -> None:
    first, _, third = subject.commits
    assert subject.git.remote_commit(subject.url, "main") == third
    assert subject.git.remote_commit(subject.url, "none") is None
    assert subject.git.remote_commit(subject.nowhere, first) == first


def test_whether_a_checkout_knows_a_commit(subject: Subject) -> None:
    first, _, third = subject.commits
    assert subject.git.has_commit(PATH, first) is True
    assert subject.git.has_commit(PATH, third) is False
    assert subject.git.has_commit("services/none", first) is None


def test_the_commits_between(subject: Subject) -> None:
    first, second, third = subject.commits
    between = subject.git.commits_between(PATH, first, second)
    assert between is not None
    assert [(line.commit, line.author, line.subject) for line in between] == [(second, "Ada", "second")]
    assert subject.git.commits_between(PATH, first, third) is None
    assert subject.git.commits_between("services/none", first, second) is None


def test_a_file_of_a_commit(subject: Subject) -> None:
    first = subject.commits[0]
    assert subject.git.file_at(PATH, first, "a.txt") == b"1"
    assert subject.git.file_at(PATH, first, "b.txt") is None
    assert subject.git.file_at("services/none", first, "a.txt") is None


def test_what_is_ignored_and_what_lies_in_a_submodule(subject: Subject) -> None:
    paths = (f"{PATH}/a.txt", "x.env", "y.txt", PATH)
    assert subject.git.is_ignored(paths) == {"x.env"}
    assert subject.git.inside_submodules(paths) == {f"{PATH}/a.txt": PATH}


@pytest.mark.parametrize("path", ["../evil", "/evil", "-evil"])
def test_a_path_that_leads_out_is_refused(subject: Subject, path: str) -> None:
    first, second, _ = subject.commits
    with pytest.raises(InputError):
        subject.git.last_change(path)
    with pytest.raises(InputError):
        subject.git.is_clean(path)
    with pytest.raises(InputError):
        subject.git.commits_between(path, first, second)
    with pytest.raises(InputError):
        subject.git.has_commit(path, first)
    with pytest.raises(InputError):
        subject.git.on_branch(first, "main", path, None)


def test_the_branches_of_another_repository(subject: Subject) -> None:
    assert subject.git.branches(subject.url) == ("main",)
    with pytest.raises(OutsideError):
        subject.git.branches(subject.nowhere)
