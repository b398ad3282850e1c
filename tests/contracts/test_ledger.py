"""The Ledger port's contract: the same tests on the fake, on a folder, and on a branch of a real repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lockflight.adapters.ledger_branch import LedgerBranch
from lockflight.adapters.ledger_folder import LedgerFolder
from lockflight.errors import InputError, OutsideError
from lockflight.ports.ledger import Archive, Batch, File, GateEvidence, Ledger, NumberTaken
from lockflight.ports.ledger_event import Run
from lockflight.testing.clock import FakeClock
from lockflight.testing.ledger import FakeLedger
from tests.ledger.builders import at, event, gone_back, lock, passed
from tests.support.repositories import git, new_repository

A, B = lock("a"), lock("b")
BINARY = bytes(range(256)) * 10
ARCHIVE = Archive(
    A,
    "version: 1\n",
    {
        "compose/stack.yaml": File(b"services: {}\n"),
        "compose/start.sh": File(b"#!/bin/sh\n", executable=True),
        "compose/logo.png": File(BINARY),
        'config/with "quotes", back\\slash and ümlaut.txt': File(b""),
    },
)
# Makes another view of the same ledger, as another process has it.
OpenLedger = Callable[[], Ledger]


def of_branch(folder: Path) -> OpenLedger:
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    opened: list[Path] = []

    def open_one() -> Ledger:
        clone = new_repository(folder / f"clone-{len(opened)}")
        opened.append(clone)
        return LedgerBranch(str(folder / "remote.git"), clone, FakeClock(), fresh_seconds=0)

    return open_one


@pytest.fixture(params=["fake", "folder", "branch"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLedger:
    if request.param == "branch":
        return of_branch(tmp_path)
    if request.param == "folder":
        return lambda: LedgerFolder(tmp_path)
    fake = FakeLedger()
    return lambda: fake


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    return open_ledger()


def test_an_empty_ledger_knows_nothing(ledger: Ledger) -> None:
    assert ledger.environments() == ()
    assert ledger.events("staging") == ()
    assert ledger.archived() == ()
    assert ledger.archived_lock_text(A) is None
    assert ledger.archived_file(A, "compose/stack.yaml") is None
    assert ledger.evidence(A) == {}
    assert ledger.write_all(Batch()) is False


def test_what_one_wrote_another_reads_in_order(ledger: Ledger, open_ledger: OpenLedger) -> None:
    told = [*passed(1, "a"), *gone_back(2, "b", "a")]
    assert [ledger.write(one) for one in reversed(told)] == [True] * len(told)
    assert ledger.write(event("held", 1, environment="production")) is True
    other = open_ledger()
    assert other.environments() == ("production", "staging")
    assert other.events("staging") == tuple(told) == ledger.events("staging")
    assert [one.kind for one in other.events("production")] == ["held"]


def test_the_same_event_again_is_no_second_one(ledger: Ledger, open_ledger: OpenLedger) -> None:
    assert ledger.write(event("started", 7)) is True
    assert ledger.write(event("started", 7)) is False
    assert open_ledger().write(event("started", 7, time=at(99))) is False
    assert ledger.events("staging") == (event("started", 7),)


def test_another_event_of_that_name_is_refused_by_name(ledger: Ledger, open_ledger: OpenLedger) -> None:
    ledger.write(event("started", 7, run=Run(owner="ci-1")))
    late = Batch(
        events=(event("deployed", 7, run=Run(owner="ci-2")), event("started", 7, run=Run(owner="ci-2"))),
        archives=(ARCHIVE,),
        evidence=(GateEvidence(A, "suite", "{}"),),
    )
    with pytest.raises(
        NumberTaken, match="staging: the ledger already has another '00000007-started' by ci-1"
    ):
        open_ledger().write_all(late)
    assert [one.kind for one in ledger.events("staging")] == ["started"]
    assert ledger.archived() == ()
    assert ledger.evidence(A) == {}


def test_a_batch_that_contradicts_itself_is_refused(ledger: Ledger) -> None:
    with pytest.raises(NumberTaken):
        ledger.write_all(Batch(events=(event("started", 7), event("started", 7, "b"))))
    assert ledger.environments() == ()


def test_several_persons_may_speak_under_one_number(ledger: Ledger) -> None:
    for person in ("Ada", "Grace", "Ada"):
        ledger.write(event("approved", 7, person=person))
    assert sorted(one.person or "" for one in ledger.events("staging")) == ["Ada", "Grace"]


def test_a_batch_is_written_whole_and_only_once(ledger: Ledger, open_ledger: OpenLedger) -> None:
    batch = Batch((event("started", 7), event("started", 7, environment="qa")), (ARCHIVE,))
    assert ledger.write_all(batch) is True
    assert open_ledger().write_all(batch) is False
    assert ledger.environments() == ("qa", "staging")
    assert ledger.archived() == (A,)


def test_what_is_left_of_a_batch_is_added(ledger: Ledger) -> None:
    ledger.write(event("started", 7))
    assert ledger.write_all(Batch((event("started", 7), event("deployed", 7)))) is True
    assert [one.kind for one in ledger.events("staging")] == ["started", "deployed"]


def test_an_archive_gives_back_what_was_put_in(ledger: Ledger, open_ledger: OpenLedger) -> None:
    assert ledger.archive(ARCHIVE) is True
    other = open_ledger()
    assert other.archived() == (A,)
    assert other.archived_lock_text(A) == "version: 1\n"
    assert other.archived_files(A, list(ARCHIVE.files)) == ARCHIVE.files
    assert other.archived_file(A, "compose/start.sh") == File(b"#!/bin/sh\n", executable=True)
    assert other.archived_file(A, "compose/none") is None
    assert other.archived_lock_text(B) is None


def test_a_lock_is_archived_once(ledger: Ledger) -> None:
    ledger.archive(ARCHIVE)
    assert ledger.archive(Archive(A, "version: 1\n# another\n", {"b": File(b"2")})) is False
    assert ledger.archived_lock_text(A) == "version: 1\n"
    assert ledger.archived_file(A, "b") is None
    assert ledger.archive(Archive(B, "version: 1\n")) is True
    assert ledger.archived() == tuple(sorted((A, B)))


def test_the_newest_evidence_counts(ledger: Ledger, open_ledger: OpenLedger) -> None:
    failed, good = GateEvidence(A, "system-tests", '{"passed": false}\n'), '{"passed": true}\n'
    assert ledger.write_evidence(failed) is True
    assert ledger.write_evidence(failed) is False
    assert ledger.write_evidence(GateEvidence(A, "system-tests", good)) is True
    assert ledger.write_evidence(GateEvidence(A, "load", "{}")) is True
    assert ledger.write_evidence(GateEvidence(B, "load", "{}")) is True
    assert open_ledger().evidence(A) == {"load": "{}", "system-tests": good}


@pytest.mark.parametrize(
    "path",
    ["../evil", "/evil", "a/../../evil", "a//b", "./a", "a/.", "", "a\nb", "a\0b", ".git/config", "a/.GIT/x"],
)
def test_a_path_that_leads_out_is_refused(ledger: Ledger, path: str) -> None:
    with pytest.raises(InputError):
        Archive(A, "version: 1\n", {path: File(b"")})
    with pytest.raises(InputError):
        ledger.archived_file(A, path)


def test_a_file_cannot_lie_below_a_file() -> None:
    with pytest.raises(InputError, match="has both 'a' and 'a/b/c'"):
        Archive(A, "version: 1\n", {"a": File(b""), "a/b/c": File(b"")})


@pytest.mark.parametrize("name", ["..", "../staging", "a/b", "", ".hidden", "a\n"])
def test_a_name_that_leads_out_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(InputError):
        ledger.events(name)
    with pytest.raises(InputError):
        ledger.archived_lock_text(name)
    with pytest.raises(InputError):
        ledger.evidence(name)
    with pytest.raises(InputError):
        GateEvidence(A, name, "{}")


def test_a_fake_can_be_told_to_be_out_of_reach() -> None:
    fake = FakeLedger(refusals=1)
    with pytest.raises(OutsideError):
        fake.write(event("started", 7))
    assert fake.write(event("started", 7)) is True
