"""Two that put up the same stack do so one after the other, and leave no file behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from lockflight.stacks import alone
from lockflight.stacks.alone import one_at_a_time

SECONDS = 30


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def nobody() -> None:
    raise AssertionError("nobody is in the way")


def test_nothing_is_left_behind(folder: Path) -> None:
    with one_at_a_time("shop", nobody):
        assert [path.name for path in folder.iterdir()] == ["lockflight-stack-shop.lock"]
    assert list(folder.iterdir()) == []


def test_the_second_says_that_it_waits_and_comes_when_the_first_is_done(folder: Path) -> None:
    waits, second = threading.Event(), threading.Event()

    def come() -> None:
        with one_at_a_time("shop", waits.set):
            second.set()

    other = threading.Thread(target=come)
    with one_at_a_time("shop", nobody):
        other.start()
        assert waits.wait(SECONDS)
        assert not second.is_set()
    other.join(SECONDS)
    assert second.is_set()
    assert list(folder.iterdir()) == []


def test_a_file_that_was_removed_meanwhile_guards_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody opened it, and its owner removed it before it could be locked."""
    opened, original = [], alone._open

    def and_lose_it(path: Path) -> int:
        opened.append(original(path))
        if len(opened) == 1:
            path.unlink()
        return opened[-1]

    monkeypatch.setattr(alone, "_open", and_lose_it)
    with one_at_a_time("shop", nobody):
        assert len(opened) == 2
        assert os.path.samestat((folder / "lockflight-stack-shop.lock").stat(), os.fstat(opened[1]))


def test_never_two_at_once() -> None:
    inside, most, guard = [], [], threading.Lock()

    def come() -> None:
        for _ in range(50):
            with one_at_a_time("shop", lambda: None):
                with guard:
                    inside.append(1)
                    most.append(len(inside))
                with guard:
                    inside.pop()

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert (len(most), max(most)) == (200, 1)
