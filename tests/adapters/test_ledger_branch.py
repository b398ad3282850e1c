"""The ledger on a branch: pushed without a checkout, by many at once, through refusals, damage and lost answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lockflight.adapters.ledger_branch import BRANCH, LedgerBranch
from lockflight.errors import InputError, OutsideError
from lockflight.ports.ledger import Archive, Batch, File, GateEvidence, NumberTaken
from lockflight.ports.ledger_event import Run
from lockflight.testing.clock import FakeClock
from tests.ledger.builders import event, lock
from tests.support.git_http import git_server
from tests.support.repositories import commit_file, git, new_repository

A = lock("a")
ROOT = Path(__file__).parent.parent.parent
OpenClone = Callable[..., LedgerBranch]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    return tmp_path / "remote.git"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "shop")
    commit_file(folder, "a.txt", "1")
    return folder


@pytest.fixture
def ledger(remote: Path, clone: Path, clock: FakeClock) -> LedgerBranch:
    return LedgerBranch(str(remote), clone, clock, fresh_seconds=0)


def kinds(ledger: LedgerBranch) -> list[str]:
    return [one.kind for one in ledger.events("staging")]


def hook(remote: Path, name: str, script: str) -> None:
    path = remote / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def refuse(remote: Path, times: int) -> None:
    """Let the remote refuse the next pushes."""
    counter = remote / "refused"
    script = f'echo x >> {counter}; test "$(wc -l < {counter})" -gt {times} || {{ echo "error: not today" >&2; exit 1; }}'
    hook(remote, "pre-receive", script)


def test_a_batch_is_one_commit_on_a_branch_without_a_past(ledger: LedgerBranch, remote: Path) -> None:
    ledger.write_all(
        Batch((event("started", 7),), (Archive(A, "version: 1\n", {"run.sh": File(b"x", True)}),))
    )
    ledger.write_all(
        Batch((event("deployed", 7), event("succeeded", 7)), (), (GateEvidence(A, "load", "{}"),))
    )
    assert git(remote, "rev-list", "--count", BRANCH) == "2"
    modes = [line.split("\t") for line in git(remote, "ls-tree", "-r", BRANCH).splitlines()]
    assert {path: meta[:6] for meta, path in modes} == {
        f"locks/archive/{A}/config/run.sh": "100755",
        f"locks/archive/{A}/lock.yaml": "100644",
        f"locks/evidence/{A}/load.json": "100644",
        "locks/ledger/staging/00000007-deployed.json": "100644",
        "locks/ledger/staging/00000007-started.json": "100644",
        "locks/ledger/staging/00000007-succeeded.json": "100644",
    }
    assert (
        git(remote, "log", "--format=%s", BRANCH).splitlines()[0] == "staging: 00000007-deployed and 2 more"
    )


def test_writing_what_is_there_makes_no_commit(ledger: LedgerBranch, remote: Path) -> None:
    ledger.write(event("started", 7))
    ledger.write(event("started", 7))
    assert git(remote, "rev-list", "--count", BRANCH) == "1"


def test_the_commit_is_by_whom_the_environment_says_or_by_lockflight(
    remote: Path, clone: Path, clock: FakeClock
) -> None:
    LedgerBranch(str(remote), clone, clock, environment={}).write(event("started", 7))
    named = {"GIT_COMMITTER_NAME": "A <b>\n", "GIT_COMMITTER_EMAIL": "bot@example.org"}
    LedgerBranch(str(remote), clone, clock, environment=named).write(event("deployed", 7))
    said = git(remote, "log", "--format=%an <%ae> %ct / %cn <%ce>", BRANCH).splitlines()
    time = int(clock.now().timestamp())
    assert said[0] == f"A b <bot@example.org> {time} / A b <bot@example.org>"
    assert said[1] == f"lockflight <lockflight@localhost> {time} / lockflight <lockflight@localhost>"


def test_the_users_own_repository_is_not_touched(remote: Path, clone: Path, clock: FakeClock) -> None:
    git(clone, "remote", "add", "origin", str(remote))
    git(clone, "push", "--quiet", "origin", "main")
    git(clone, "fetch", "--quiet", "origin")
    (clone / "staged.txt").write_text("staged")
    git(clone, "add", "staged.txt")
    for name in ("pre-push", "reference-transaction", "post-index-change"):
        hook(clone / ".git", name, f"touch {clone}/ran-{name}; exit 1")

    def looks() -> list[object]:
        inner = sorted(path for path in (clone / ".git").rglob("*") if path.is_file())
        return [(path, path.read_bytes(), path.stat().st_mtime_ns) for path in inner]

    before = looks()
    ledger = LedgerBranch(str(remote), clone, clock, fresh_seconds=0)
    ledger.write_all(Batch((event("started", 7),), (Archive(A, "version: 1\n", {"a": File(b"1")}),)))
    assert kinds(ledger) == ["started"]
    assert looks() == before
    assert sorted(path.name for path in clone.iterdir()) == [".git", ".lockflight", "a.txt", "staged.txt"]
    assert git(remote, "for-each-ref", "--format=%(refname)").splitlines() == [
        f"refs/heads/{BRANCH}",
        "refs/heads/main",
    ]


def test_many_clones_at_once_lose_nothing_and_double_nothing(tmp_path: Path, remote: Path) -> None:
    persons, count = [f"writer-{number}" for number in range(5)], 4
    writers = [start_writer(new_repository(tmp_path / person), remote, person, count) for person in persons]
    won = [writer.communicate()[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * len(writers)
    there = LedgerBranch(str(remote), new_repository(tmp_path / "reader"), FakeClock()).events("staging")
    approved = Counter((one.number, one.person) for one in there if one.kind == "approved")
    assert approved == {(number, person): 1 for number in range(1, count + 1) for person in persons}
    owners = {one.number: one.run.owner for one in there if one.kind == "started" and one.run}
    assert owners == {
        int(number): person for person, numbers in zip(persons, won, strict=True) for number in numbers
    }
    assert sorted(owners) == list(range(1, count + 1))
    # One commit an event: none was written, overwritten and written again.
    assert git(remote, "rev-list", "--count", BRANCH) == str(len(there))
    git(remote, "fsck", "--strict")


def test_processes_that_share_a_clone_take_turns(tmp_path: Path, remote: Path) -> None:
    folder = new_repository(tmp_path / "shared")
    writers = [start_writer(folder, remote, person, 3) for person in ("Ada", "Grace", "Edith")]
    assert [len(writer.communicate()) for writer in writers] == [2, 2, 2]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    there = LedgerBranch(str(remote), folder, FakeClock()).events("staging")
    assert Counter(one.kind for one in there) == {"approved": 9, "started": 3}
    assert git(remote, "rev-list", "--count", BRANCH) == "12"


def test_a_writer_that_is_killed_anywhere_ends_at_the_same_end(tmp_path: Path, remote: Path) -> None:
    folder = new_repository(tmp_path / "ada")
    for lines in (0, 1, 2):
        with start_writer(folder, remote, "Ada", 5) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                writer.stdout.readline()
            writer.kill()
        if lines == 1:
            shutil.rmtree(folder / ".lockflight", ignore_errors=True)
    with start_writer(folder, remote, "Ada", 5) as writer:
        writer.communicate()
    there = LedgerBranch(str(remote), folder, FakeClock()).events("staging")
    assert Counter(one.name for one in there) == {one.name: 1 for one in there}
    assert Counter(one.kind for one in there) == {"approved": 5, "started": 5}
    assert git(remote, "rev-list", "--count", BRANCH) == "10"


def start_writer(folder: Path, remote: Path, person: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.writer", str(folder), str(remote), person, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_push_that_is_refused_five_times_arrives_at_the_sixth(
    ledger: LedgerBranch, remote: Path, clock: FakeClock
) -> None:
    refuse(remote, 5)
    assert ledger.write(event("started", 7)) is True
    assert len(clock.slept) == 5
    assert clock.slept[-1] > clock.slept[0]
    assert kinds(ledger) == ["started"]


def test_a_push_that_is_always_refused_ends_by_the_deadline_and_names_the_remote(
    remote: Path, clone: Path, clock: FakeClock
) -> None:
    refuse(remote, 1000)
    ledger = LedgerBranch(str(remote), clone, clock, seconds=30)
    with pytest.raises(OutsideError) as raised:
        ledger.write(event("started", 7))
    (problem,) = raised.value.problems
    assert problem.message.startswith(f"the ledger on branch {BRANCH} of {remote} cannot be written: ")
    assert "not today" in problem.message
    assert "times within 30 s" in problem.message
    assert "may this login push" in (problem.hint or "")
    assert 20 < sum(clock.slept) <= 30
    assert ledger.events("staging") == ()


def test_those_who_pushed_first_are_built_upon_and_cost_no_long_wait(
    ledger: LedgerBranch, remote: Path, clock: FakeClock
) -> None:
    ledger.write(event("started", 7))
    # After the client compared and before the remote does, the branch moves on, five times in a row.
    moved = remote / "moved"
    move = (
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; "
        "export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x; "
        f"git update-ref refs/heads/{BRANCH} $(git commit-tree -p {BRANCH} -m theirs '{BRANCH}^{{tree}}')"
    )
    hook(remote, "pre-receive", f'echo x >> {moved}; test "$(wc -l < {moved})" -gt 5 || {{ {move}; }}')
    assert ledger.write(event("deployed", 7)) is True
    assert kinds(ledger) == ["started", "deployed"]
    assert git(remote, "log", "--format=%s", BRANCH).splitlines().count("theirs") == 5
    assert len(clock.slept) == 5
    assert max(clock.slept) <= 0.5


def test_an_event_whose_answer_got_lost_is_known_as_written(
    remote: Path, clone: Path, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, cut = tmp_path / "ssh.py", tmp_path / "cut"
    script.write_text(
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(['sh', '-c', sys.argv[-1]], stdout=subprocess.PIPE)\n"
        "while said := os.read(child.stdout.fileno(), 65536):\n"
        f"    if b'unpack ok' in said and not os.path.exists('{cut}'):\n"
        f"        open('{cut}', 'w'); child.wait(); sys.exit(1)\n"
        "    os.write(1, said)\n"
        "sys.exit(child.wait())\n"
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{sys.executable} {script}")
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    ledger = LedgerBranch(f"ssh://host{remote}", clone, clock, fresh_seconds=0)
    assert ledger.write(event("started", 7)) is True
    assert cut.exists()
    assert ledger.write(event("started", 7)) is False
    assert git(remote, "rev-list", "--count", BRANCH) == "1"


def test_a_number_that_somebody_else_took_meanwhile_is_refused(
    ledger: LedgerBranch, tmp_path: Path, remote: Path, clock: FakeClock
) -> None:
    other = LedgerBranch(str(remote), new_repository(tmp_path / "other"), clock)
    assert kinds(ledger) == []
    other.write(event("started", 7, run=Run(owner="ci-2")))
    with pytest.raises(NumberTaken, match="by ci-2"):
        ledger.write(event("started", 7))
    assert clock.slept == []


def test_what_was_read_a_moment_ago_is_not_asked_for_again(
    remote: Path, clone: Path, clock: FakeClock
) -> None:
    ledger = LedgerBranch(str(remote), clone, clock, fresh_seconds=2)
    ledger.write(event("started", 7))
    remote.rename(remote.with_suffix(".away"))
    assert kinds(ledger) == ["started"]
    clock.advance(2)
    with pytest.raises(OutsideError, match="cannot be read"):
        ledger.events("staging")
    assert len(clock.slept) == 2


def test_a_branch_that_was_rewritten_is_read_as_it_is_now(ledger: LedgerBranch, remote: Path) -> None:
    ledger.write(event("started", 7))
    ledger.write(event("deployed", 7))
    git(remote, "update-ref", f"refs/heads/{BRANCH}", f"{BRANCH}~1")
    assert kinds(ledger) == ["started"]
    assert ledger.write(event("succeeded", 7)) is True
    git(remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert kinds(ledger) == []
    assert ledger.write(event("started", 7)) is True


def test_an_event_that_was_changed_on_the_branch_is_refused(
    ledger: LedgerBranch, remote: Path, tmp_path: Path
) -> None:
    ledger.write(event("started", 7))
    git(tmp_path, "clone", "--quiet", "--branch", BRANCH, str(remote), "edit")
    commit_file(tmp_path / "edit", "locks/ledger/staging/00000007-started.json", "{}")
    git(tmp_path / "edit", "push", "--quiet", "origin", BRANCH)
    with pytest.raises(InputError, match="00000007-started"):
        ledger.events("staging")


def the_store(clone: Path) -> Path:
    (store,) = (clone / ".lockflight" / "ledger").glob("*.git")
    return store


def damage_objects(store: Path) -> None:
    for path in sorted((store / "objects").rglob("*")):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"")


def damage_config(store: Path) -> None:
    (store / "config").write_text("garbage[")


def damage_left_locks(store: Path) -> None:
    for name in ("refs/lockflight/next.lock", f"refs/heads/{BRANCH}.lock", "shallow.lock"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text("")


def damage_no_folder(store: Path) -> None:
    shutil.rmtree(store)
    store.write_text("")


@pytest.mark.parametrize("damage", [damage_objects, damage_config, damage_left_locks, damage_no_folder])
def test_a_damaged_copy_is_made_anew(
    remote: Path, clone: Path, clock: FakeClock, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    mine = LedgerBranch(str(remote), clone, clock, fresh_seconds=0)
    mine.write(event("started", 7))
    damage(the_store(clone))
    assert kinds(mine) == ["started"]
    other = LedgerBranch(str(remote), new_repository(tmp_path / "other"), clock)
    other.write(event("deployed", 7))
    assert kinds(mine) == ["started", "deployed"]
    damage(the_store(clone))
    assert LedgerBranch(str(remote), clone, clock).write(event("succeeded", 7)) is True
    assert git(remote, "rev-list", "--count", BRANCH) == "3"


def test_a_password_in_the_url_stays_out_of_processes_files_and_messages(
    remote: Path, clone: Path, clock: FakeClock, tmp_path: Path
) -> None:
    with git_server(tmp_path, "bot", "s3cret") as server:
        url = server.url.replace("http://", "http://bot:s3cret@") + "/remote.git"
        ledger = LedgerBranch(url, clone, clock, fresh_seconds=0)
        assert ledger.write(event("started", 7)) is True
        assert kinds(ledger) == ["started"]
        assert "bot" in server.users
        assert not [line for line in server.seen if b"s3cret" in line]
        refuse(remote, 1000)
        with pytest.raises(OutsideError) as raised:
            ledger.write(event("deployed", 7))
    assert "s3cret" not in str(raised.value)
    assert server.url in str(raised.value)
    kept = [path for path in (clone / ".lockflight").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"s3cret" in path.read_bytes()]


def test_the_login_that_a_checkout_keeps_in_the_repository_is_used(
    remote: Path, clone: Path, clock: FakeClock, tmp_path: Path
) -> None:
    with git_server(tmp_path, "bot", "s3cret") as server:
        header = "Authorization: Basic Ym90OnMzY3JldA=="
        git(clone, "config", f"http.{server.url}/.extraheader", header)
        ledger = LedgerBranch(f"{server.url}/remote.git", clone, clock, fresh_seconds=0)
        assert ledger.write(event("started", 7)) is True
        assert kinds(ledger) == ["started"]
        assert not [line for line in server.seen if b"Ym90OnMzY3JldA" in line]


def test_a_remote_that_is_not_there_is_named(clone: Path, clock: FakeClock, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="nowhere cannot be read"):
        LedgerBranch(str(tmp_path / "nowhere"), clone, clock).events("staging")


def test_git_in_the_environment_of_a_hook_does_not_lead_astray(
    ledger: LedgerBranch, clone: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(clone / "nowhere"))
    ledger.write(event("started", 7))
    assert kinds(ledger) == ["started"]
    monkeypatch.undo()
    shown = git(remote, "show", f"{BRANCH}:locks/ledger/staging/00000007-started.json")
    assert json.loads(shown)["number"] == 7
    assert not os.path.lexists(clone / "nowhere")
