"""The branch check of repositories that nobody checked out: in parallel, after damage, and without a trace of
credentials."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run as run_process

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.adapters.git_store import Remote
from lockflight.errors import OutsideError
from tests.support.repositories import add_submodule, commit_file, git, new_repository


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "cart")
    for number in range(20):
        commit_file(folder, "a.txt", str(number))
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


def the_store(scratch: Path) -> Path:
    (store,) = scratch.glob("*.git")
    return store


def test_many_at_once_get_the_same_answer(tmp_path: Path, cart: Path) -> None:
    old = git(cart, "rev-parse", "HEAD~10")
    here = GitCli(tmp_path, tmp_path / "scratch")
    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(lambda _: here.on_branch(old, "main", None, str(cart)), range(12)))
    assert answers == {True}
    assert [path.suffix for path in sorted((tmp_path / "scratch").iterdir())] == [".git", ".lock"]


def damage_half_made(store: Path) -> None:
    for path in ("objects", "config", "packed-refs"):
        (store / path).rename(store.parent.parent / path) if (store / path).exists() else None


def damage_locked(store: Path) -> None:
    (store / "refs" / "heads" / "main.lock").write_text("")


def damage_garbage(store: Path) -> None:
    (store / "config").write_text("garbage[")


def damage_no_folder(store: Path) -> None:
    store.rename(store.with_suffix(".away"))
    store.write_text("")


@pytest.mark.parametrize("damage", [damage_half_made, damage_locked, damage_garbage, damage_no_folder])
def test_a_damaged_store_is_made_anew(tmp_path: Path, cart: Path, damage: object) -> None:
    assert callable(damage)
    old = git(cart, "rev-parse", "HEAD~10")
    here = GitCli(tmp_path, tmp_path / "scratch")
    assert here.on_branch(old, "main", None, str(cart)) is True
    damage(the_store(tmp_path / "scratch"))
    commit_file(cart, "b.txt", "more")
    assert here.on_branch(old, "main", None, str(cart)) is True
    assert here.on_branch("f" * 40, "main", None, str(cart)) is False


def test_a_branch_that_was_moved_back_no_longer_has_its_commits(tmp_path: Path, cart: Path) -> None:
    newer = git(cart, "rev-parse", "HEAD~1")
    here = GitCli(tmp_path, tmp_path / "scratch")
    assert here.on_branch(newer, "main", None, str(cart)) is True
    git(cart, "reset", "--quiet", "--hard", "HEAD~5")
    assert here.on_branch(newer, "main", None, str(cart)) is False


def test_an_unreachable_repository_is_a_failure_of_the_outside_unless_the_checkout_says_yes(
    tmp_path: Path, cart: Path
) -> None:
    shop = new_repository(tmp_path / "shop")
    commit = add_submodule(shop, cart, "cart")
    here = GitCli(shop)
    nowhere = str(tmp_path / "nowhere")
    assert here.on_branch(commit, "main", "cart", nowhere) is True
    with pytest.raises(OutsideError):
        here.on_branch("f" * 40, "main", "cart", nowhere)
    with pytest.raises(OutsideError):
        here.on_branch(commit, "main", None, nowhere)
    assert here.on_branch(commit, "main", None, None) is None


def test_a_scratch_folder_that_cannot_be_made_is_named(tmp_path: Path, cart: Path) -> None:
    (tmp_path / "scratch").write_text("a file")
    old = git(cart, "rev-parse", "HEAD~10")
    with pytest.raises(OutsideError, match="cannot be kept"):
        GitCli(tmp_path, tmp_path / "scratch").on_branch(old, "main", None, str(cart))


# Tells what it was called with, and what it was told by the environment.
_TELLING = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
os.execv({git!r}, ["git", *sys.argv[1:]])
"""


def test_git_writes_no_url_and_no_argument_shows_it(
    tmp_path: Path, cart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_process(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True)
    log, folder = tmp_path / "log", tmp_path / "bin"
    folder.mkdir()
    telling = _TELLING.format(python=sys.executable, log=str(log), git=real.stdout.strip())
    (folder / "git").write_text(telling)
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    secret = cart.rename(tmp_path / "bot:hunter2@cart")
    old = git(secret, "rev-parse", "HEAD~10")
    here = GitCli(tmp_path, tmp_path / "scratch")
    log.unlink()
    assert here.on_branch(old, "main", None, f"file://{secret}") is True
    called = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("fetch" in words for words in called)
    assert not [word for words in called for word in words if "hunter2" in word]
    files = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2" in path.read_bytes()]


def test_a_failure_calls_the_repository_by_its_url_without_credentials(tmp_path: Path) -> None:
    with pytest.raises(OutsideError) as caught:
        Remote("https://bot:hunter2@127.0.0.1:1/x.git", tmp_path, None).refs("refs/heads/main")
    assert "hunter2" not in str(caught.value)
    assert "lockflight-asked" not in str(caught.value)
