"""The digest of a suite changes with what it tests, and with nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from lockflight.stacks.suites.definition import definition_digest
from tests.stacks.suites.benches import suite


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with tests in it."""
    for name in (
        "tests/system/test_cart.py",
        "tests/system/data/cart.json",
        "run.sh",
        "pytest.ini",
        "src/cart.py",
    ):
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "repository"


def digest(root: Path, **settings: object) -> str:
    return definition_digest(suite(**settings), root)


def changed_by(root: Path, change: Callable[[], object], **settings: object) -> bool:
    before = digest(root, **settings)
    change()
    return digest(root, **settings) != before


def test_a_digest_is_the_same_wherever_the_repository_lies(root: Path) -> None:
    before = digest(root, command=["pytest", "tests"])
    elsewhere = root.rename(root.parent / "elsewhere")
    assert digest(elsewhere, command=["pytest", "tests"]) == before
    assert before.startswith("sha256:")


def test_a_digest_covers_the_manifest_entry(root: Path) -> None:
    first = digest(root, command=["pytest", "tests"])
    assert digest(root, command=["pytest", "-x", "tests"]) != first
    assert digest(root, command=["pytest", "tests"], env={"A": "b"}) != first
    assert digest(root, command=["pytest", "tests"], timeout="10m") == first  # as it is when nothing is said


@pytest.mark.parametrize(
    "command",
    [
        ["pytest", "tests"],
        ["pytest", "tests/system/test_cart.py::test_add"],
        ["pytest", "--rootdir=tests/system"],
        ["pytest", "./tests/../tests"],
        ["pytest", "."],
    ],
    ids=lambda command: command[1],
)
def test_a_changed_test_is_another_suite(root: Path, command: list[str]) -> None:
    test = root / "tests/system/test_cart.py"
    assert changed_by(root, lambda: test.write_text("assert True"), command=command)


def test_a_new_test_is_another_suite(root: Path) -> None:
    assert changed_by(root, lambda: (root / "tests/test_new.py").write_text(""), command=["pytest", "tests"])


def test_a_changed_script_is_another_suite(root: Path) -> None:
    assert changed_by(root, lambda: (root / "run.sh").write_text("exit 0"), command=["./run.sh"])
    assert changed_by(root, lambda: (root / "run.sh").write_text("exit 1"), command=["sh", "run.sh"])


def test_a_changed_file_of_the_folder_that_it_runs_in_is_another_suite(root: Path) -> None:
    change = lambda: (root / "tests/system/data/cart.json").write_text("{}")  # noqa: E731 - said where it is used
    assert changed_by(root, change, command=["npx", "playwright", "test"], directory="tests")


def test_words_are_looked_for_in_the_folder_that_it_runs_in(root: Path) -> None:
    change = lambda: (root / "run.sh").write_text("exit 0")  # noqa: E731 - said where it is used
    assert changed_by(root, change, command=["sh", "../run.sh"], directory="tests")


def test_a_changed_file_that_is_mounted_is_another_suite(root: Path) -> None:
    change = lambda: (root / "tests/system/test_cart.py").write_text("")  # noqa: E731 - said where it is used
    assert changed_by(root, change, image="tester", mount={"tests": "/tests"})


def test_another_image_is_another_suite(root: Path) -> None:
    entry = suite(image="tester")
    digests = {
        definition_digest(entry, root, image=f"localhost/tester@sha256:{letter * 64}") for letter in "ab"
    }
    assert len(digests) == 2


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("something else")


@pytest.mark.parametrize(
    "path",
    ["src/cart.py", "tests/__pycache__/test_cart.pyc", "tests/.git/HEAD", "tests/node_modules/a.js", "tests/results/junit.xml"],
)  # fmt: skip
def test_what_is_no_test_changes_nothing(root: Path, path: str) -> None:
    settings = {"command": ["pytest", "tests"], "junit": ["tests/results/*.xml"]}
    assert not changed_by(root, lambda: write(root / path), **settings)


@pytest.mark.parametrize("path", ["locks/evidence/ab/system-tests.json", ".lockflight/stacks/a/output.log"])
def test_what_lockflight_writes_changes_nothing(root: Path, path: str) -> None:
    assert not changed_by(root, lambda: write(root / path), command=["pytest", "."])


def test_what_git_ignores_changes_nothing(root: Path) -> None:
    def ignored(paths: Iterable[str]) -> list[str]:
        return [path for path in paths if path.endswith(".log")]

    entry = suite(command=["pytest", "tests"])
    before = definition_digest(entry, root, ignored=ignored)
    write(root / "tests/last.log")
    assert definition_digest(entry, root, ignored=ignored) == before


@pytest.mark.parametrize("word", ["/etc/passwd", "../outside", "x" * 5000, "\x07", "", "a\nb", "--", "="])
def test_a_word_that_names_no_file_of_the_repository_is_only_a_word(root: Path, word: str) -> None:
    (root.parent / "outside").write_text("1")
    assert not changed_by(root, lambda: (root.parent / "outside").write_text("2"), command=["true", word])


def test_a_program_on_the_path_is_not_taken_for_a_folder_of_the_same_name(root: Path) -> None:
    assert not changed_by(root, lambda: write(root / "pytest/x.py"), command=["pytest", "-q"])


def test_a_link_counts_by_where_it_points_and_what_is_there(root: Path) -> None:
    link = root / "suite"
    link.symlink_to("tests")
    settings = {"command": ["pytest", "suite"]}
    assert changed_by(root, lambda: write(root / "tests/system/test_cart.py"), **settings)
    before = digest(root, **settings)
    link.unlink()
    link.symlink_to("src")
    assert digest(root, **settings) != before


def test_a_link_that_leaves_the_repository_or_leads_round_is_not_followed(root: Path) -> None:
    (root / "tests/out").symlink_to("/etc")
    (root / "tests/round").symlink_to("..")
    (root / "tests/self").symlink_to("self")
    (root / "tests/hosts").symlink_to("/etc/hostname")
    settings = {"command": ["pytest", "tests", "tests/self", "tests/out"]}
    assert digest(root, **settings) == digest(root, **settings)
    assert not changed_by(root, lambda: write(root / "src/new.py"), **settings)


def test_names_that_are_no_text_and_files_that_are_no_files_do_no_harm(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root / "tests") + b"/caf\xe9")).write_text("")
    os.mkfifo(root / "tests/pipe")
    assert digest(root, command=["pytest", "tests"])
