"""The ledger in a folder: whole files or none, one winner of every number, and no way out of the folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from lockflight.adapters.ledger_folder import LedgerFolder
from lockflight.errors import InputError, OutsideError
from lockflight.ports.ledger import Archive, File, GateEvidence, NumberTaken
from lockflight.ports.ledger_event import Run
from tests.ledger.builders import event, lock

A = lock("a")
EVENTS = "locks/ledger/staging"


def test_of_many_who_want_a_number_one_gets_it_and_the_others_are_told(tmp_path: Path) -> None:
    persons, numbers = 8, 20
    at_once = Barrier(persons)

    def want(owner: int, number: int) -> str:
        try:
            return str(LedgerFolder(tmp_path).write(event("started", number, run=Run(owner=f"ci-{owner}"))))
        except NumberTaken:
            return "taken"

    def want_all(owner: int) -> list[str]:
        return [want(owner, number) for number in range(1, numbers + 1) if at_once.wait(60) >= 0]

    with ThreadPoolExecutor(persons) as pool:
        answers = list(zip(*pool.map(want_all, range(persons)), strict=True))
    there = LedgerFolder(tmp_path).events("staging")
    assert [sorted(of_number) for of_number in answers] == [["True", *["taken"] * (persons - 1)]] * numbers
    assert [one.run for one in there] == [Run(owner=f"ci-{of_number.index('True')}") for of_number in answers]


def test_nothing_but_the_event_is_left_in_its_folder(tmp_path: Path) -> None:
    ledger = LedgerFolder(tmp_path)
    ledger.write(event("started", 7))
    ledger.write(event("started", 7))
    assert [path.name for path in (tmp_path / EVENTS).iterdir()] == ["00000007-started.json"]


def test_what_is_no_event_does_not_matter(tmp_path: Path) -> None:
    ledger = LedgerFolder(tmp_path)
    ledger.write(event("started", 7))
    for name in ("README.md", ".gitkeep", ".0123.tmp", ".half.json"):
        (tmp_path / EVENTS / name).write_text("{")
    (tmp_path / "locks/ledger/empty").mkdir()
    assert ledger.events("staging") == (event("started", 7),)
    assert ledger.environments() == ("staging",)


def test_a_damaged_event_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / EVENTS).mkdir(parents=True)
    (tmp_path / EVENTS / "00000007-started.json").write_text('{"version": 1')
    with pytest.raises(InputError, match=r"locks/ledger/staging/00000007-started\.json.*is not valid JSON"):
        LedgerFolder(tmp_path).events("staging")


def test_an_archive_that_was_cut_off_is_none_and_is_completed(tmp_path: Path) -> None:
    ledger = LedgerFolder(tmp_path)
    whole = Archive(A, "version: 1\n", {"a.txt": File(b"a"), "b.txt": File(b"b")})
    half = tmp_path / "locks/archive" / A / "config"
    half.mkdir(parents=True)
    (half / "a.txt").write_bytes(b"some other day's")
    assert ledger.archived() == ()
    assert ledger.archive(whole) is True
    assert ledger.archived_files(A, ["a.txt", "b.txt"]) == whole.files


def test_files_have_the_modes_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        ledger = LedgerFolder(tmp_path)
        ledger.archive(Archive(A, "version: 1\n", {"run.sh": File(b"", executable=True)}))
        ledger.write(event("started", 7))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {"run.sh": 0o750, "lock.yaml": 0o640, "00000007-started.json": 0o640}


@pytest.mark.parametrize("where", ["locks", "locks/ledger", EVENTS])
def test_a_link_that_leads_out_of_the_repository_is_refused(tmp_path: Path, where: str) -> None:
    root, outside = tmp_path / "shop", tmp_path / "outside"
    outside.mkdir()
    (root / where).parent.mkdir(parents=True)
    (root / where).symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        LedgerFolder(root).write(event("started", 7))
    with pytest.raises(InputError, match="symbolic link"):
        LedgerFolder(root).events("staging")
    assert list(outside.iterdir()) == []


def test_an_event_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / EVENTS).mkdir(parents=True)
    (tmp_path / EVENTS / "00000007-started.json").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="is a symbolic link, and a ledger has none"):
        LedgerFolder(tmp_path).events("staging")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "locks/evidence" / A).mkdir(parents=True)
    os.mkfifo(tmp_path / "locks/evidence" / A / "load.json")
    with pytest.raises(InputError, match="is no file"):
        LedgerFolder(tmp_path).evidence(A)


def test_evidence_is_put_in_the_place_of_a_link_and_not_through_it(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "locks/evidence" / A).mkdir(parents=True)
    victim = tmp_path / "victim.json"
    victim.write_text("mine")
    (folder / "locks/evidence" / A / "load.json").symlink_to(victim)
    with pytest.raises(InputError):
        LedgerFolder(folder).write_evidence(GateEvidence(A, "load", "{}"))
    assert victim.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_a_failure_of_the_outside(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(OutsideError, match="cannot write") as raised:
        LedgerFolder(tmp_path).write(event("started", 7))
    assert raised.value.problems[0].hint


def test_a_full_disk_leaves_no_half_of_an_event(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from lockflight.adapters.ledger_folder import LedgerFolder\n"
        "from lockflight.errors import OutsideError\n"
        "from tests.ledger.builders import event\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: LedgerFolder(Path(sys.argv[1])).write(event('started', 7))\n"
        "except OutsideError as error: print(error)\n"
    )
    said = run_python(code, str(tmp_path))
    assert "cannot write: File too large" in said
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_whatever_is_archived_after_a_kill_is_whole(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from lockflight.adapters.ledger_folder import LedgerFolder\n"
        "from lockflight.ports.ledger import Archive, File\n"
        "from tests.ledger.builders import lock\n"
        "for number in range(10_000):\n"
        "    files = {f'{n}.bin': File(bytes([n]) * 5000) for n in range(20)}\n"
        "    LedgerFolder(Path(sys.argv[1])).archive(Archive(lock(str(number)), 'version: 1\\n' * 500, files))\n"
        "    print(number, flush=True)\n"
    )
    for lines in (1, 3):
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                writer.stdout.readline()
            writer.kill()
        ledger = LedgerFolder(tmp_path)
        assert ledger.archived()
        for lock_id in ledger.archived():
            assert ledger.archived_lock_text(lock_id) == "version: 1\n" * 500
            files = ledger.archived_files(lock_id, [f"{n}.bin" for n in range(20)])
            assert [len(file.content) for file in files.values()] == [5000] * 20


def run_python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
