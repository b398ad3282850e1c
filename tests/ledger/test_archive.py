"""An archived lock is proved by its own digests whenever it is read, whatever store it lies in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockflight.adapters.ledger_folder import LedgerFolder
from lockflight.errors import InputError, Refused
from lockflight.ledger.archive import archive_of, archived_configuration, archived_lock, unsound
from lockflight.locks.file import render
from lockflight.locks.model import Lock
from lockflight.ports.ledger import Archive, File
from lockflight.testing.ledger import FakeLedger
from tests.ledger.builders import event
from tests.locks import builders

CONTENTS = {
    "compose/stack.yaml": b"services: {}\n",
    "compose/logo.png": bytes(range(256)),
    "run.sh": b"#!/bin/sh\n",
}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for path, content in CONTENTS.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "run.sh").chmod(0o755)
    return tmp_path


@pytest.fixture
def lock() -> Lock:
    return builders.lock(config={path: digest(content) for path, content in CONTENTS.items()})


def test_a_lock_comes_back_from_the_archive_with_its_configuration(shop: Path, lock: Lock) -> None:
    ledger = FakeLedger()
    ledger.archive(archive_of(lock, shop))
    assert archived_lock(ledger, lock.id) == lock
    found = archived_configuration(ledger, lock)
    assert {path: file.content for path, file in found.items()} == CONTENTS
    assert [path for path, file in found.items() if file.executable] == ["run.sh"]
    assert list(archived_configuration(ledger, lock, ["run.sh"])) == ["run.sh"]
    assert unsound(ledger) == []


def change(shop: Path) -> None:
    (shop / "compose/stack.yaml").write_text("services: {evil: {}}\n")


def remove(shop: Path) -> None:
    (shop / "compose/stack.yaml").unlink()


def replace_by_folder(shop: Path) -> None:
    remove(shop)
    (shop / "compose/stack.yaml").mkdir()


@pytest.mark.parametrize("hand", [change, remove, replace_by_folder])
def test_configuration_that_is_not_the_locked_one_is_not_archived(
    shop: Path, lock: Lock, hand: Callable[[Path], None]
) -> None:
    hand(shop)
    with pytest.raises(Refused, match=r"compose/stack\.yaml: is not what the lock has"):
        archive_of(lock, shop)


def test_a_file_outside_of_the_repository_is_not_archived(shop: Path, lock: Lock, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.yaml"
    outside.write_bytes(CONTENTS["compose/stack.yaml"])
    remove(shop)
    (shop / "compose/stack.yaml").symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        archive_of(lock, shop)
    evil = builders.lock(config={"../outside.yaml": digest(outside.read_bytes())})
    with pytest.raises(InputError, match="not one that can be archived"):
        archive_of(evil, shop)


def test_a_link_that_leads_round_in_a_circle_is_refused(shop: Path) -> None:
    (shop / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop: is a link that leads round in a circle"):
        archive_of(builders.lock(config={"loop": digest(b"")}), shop)


def tampered(shop: Path, lock: Lock, **changes: object) -> FakeLedger:
    ledger = FakeLedger()
    whole = archive_of(lock, shop)
    ledger.archives[lock.id] = replace(whole, **changes)  # type: ignore[arg-type]
    return ledger


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"compose/logo.png": File(CONTENTS["compose/logo.png"][:-1])}, "its digest is another"),
        ({"compose/logo.png": None}, "is missing from the archive"),
    ],
)
def test_a_changed_archive_is_refused_with_the_files_name(
    shop: Path, lock: Lock, files: dict[str, File | None], why: str
) -> None:
    changed = {**archive_of(lock, shop).files, **files}
    ledger = tampered(shop, lock, files={path: file for path, file in changed.items() if file is not None})
    with pytest.raises(InputError, match=rf"{lock.id}/config/compose/logo\.png: .*{why}"):
        archived_configuration(ledger, lock)
    assert list(archived_configuration(ledger, lock, ["run.sh"])) == ["run.sh"]
    (finding,) = unsound(ledger)
    assert (finding.code, finding.subject) == ("archive-changed", f"lock {lock.id[:12]}")
    assert why in finding.message


def test_a_changed_lock_is_refused(shop: Path, lock: Lock) -> None:
    other = render(lock).replace(digest(CONTENTS["run.sh"]), digest(b"evil"))
    with pytest.raises(InputError, match="the id does not match the content"):
        archived_lock(tampered(shop, lock, lock_text=other), lock.id)


def test_another_lock_in_the_place_of_one_is_refused(shop: Path, lock: Lock) -> None:
    ledger = tampered(shop, lock, lock_text=render(builders.lock(config={})))
    with pytest.raises(InputError, match="holds another lock"):
        archived_lock(ledger, lock.id)
    assert [finding.code for finding in unsound(ledger)] == ["archive-changed"]


def test_a_lock_that_is_not_archived_is_said_to_be_missing(lock: Lock) -> None:
    with pytest.raises(InputError, match=f"the lock {lock.id[:12]} is not archived"):
        archived_lock(FakeLedger(), lock.id)


def test_a_file_that_is_no_configuration_of_the_lock_is_refused(shop: Path, lock: Lock) -> None:
    with pytest.raises(InputError, match="is no configuration of the lock"):
        archived_configuration(FakeLedger(), lock, ["other.yaml"])


def test_a_lock_that_ran_without_being_archived_is_found(lock: Lock) -> None:
    ledger = FakeLedger()
    ledger.write(event("started", 1, "a"))
    (finding,) = unsound(ledger)
    assert (finding.code, finding.message) == ("not-archived", "ran in staging and is not archived")


def test_a_changed_byte_on_the_disk_is_noticed(shop: Path, lock: Lock) -> None:
    ledger = LedgerFolder(shop)
    ledger.archive(archive_of(lock, shop))
    assert archived_configuration(ledger, archived_lock(ledger, lock.id))["run.sh"].executable
    logo = shop / "locks/archive" / lock.id / "config/compose/logo.png"
    logo.write_bytes(bytes(255))
    with pytest.raises(InputError, match="its digest is another"):
        archived_configuration(ledger, lock)


def test_an_archive_of_another_version_is_refused_by_its_version(shop: Path, lock: Lock) -> None:
    ledger = FakeLedger()
    ledger.archive(Archive(lock.id, render(lock).replace("version: 1", "version: 2", 1)))
    with pytest.raises(InputError, match="version 2"):
        archived_lock(ledger, lock.id)
