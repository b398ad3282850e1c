"""`lockflight import` as a person runs it: folders, what is written, what is refused, exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lockflight import wiring
from lockflight.cli.app import run
from lockflight.errors import EXIT_DONE, EXIT_INPUT, EXIT_OUTSIDE, EXIT_REFUSED
from lockflight.locks.file import read_lock
from lockflight.ports.registry import RegistryUnavailable
from lockflight.testing import images
from lockflight.testing.registry import FakeRegistry, RegistryServer
from tests.locks.builders import commit, digest
from tests.locks.convert.foreign_locks import document, entry, write

REVISION = "org.opencontainers.image.revision"
GOOD = document({"cart": entry("cart"), "orders": entry("orders")})
BAD = document({"cart": entry("cart"), "gone": entry("gone")})


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    """What every registry of the command answers with; cart and orders are there."""
    registry = FakeRegistry()
    for name in ("cart", "orders"):
        registry.add_image(f"ghcr.io/acme/{name}", commit(name), labels={REVISION: commit(name)})
    monkeypatch.setattr(wiring, "open_registry", lambda *_: registry)
    return registry


@pytest.fixture
def folder(tmp_path: Path, registry: FakeRegistry) -> Path:
    return tmp_path


def imports(folder: Path, *arguments: str) -> int:
    return run(["-C", str(folder), "import", *arguments])


def report(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["-C", str(folder), "--json", "import", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_one_file_becomes_one_lock(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "old.json", GOOD)

    assert imports(folder, "old.json", "-o", "locks/current.yaml") == EXIT_DONE

    lock = read_lock(folder / "locks/current.yaml")
    assert sorted(lock.services) == ["cart", "orders"]
    assert lock.id[:12] in capsys.readouterr().out
    assert sorted(path.name for path in (folder / "locks").iterdir()) == ["current.yaml"]


def test_a_folder_becomes_locks_under_the_same_names(folder: Path) -> None:
    write(folder / "old/2026/lock-1.json", GOOD)
    write(folder / "old/2026/lock-2.yml", document({"cart": entry("cart")}))

    assert imports(folder, "old", "--output-dir", "new") == EXIT_DONE

    written = sorted(str(path.relative_to(folder)) for path in (folder / "new").rglob("*.*"))
    assert written == ["new/2026/lock-1.yaml", "new/2026/lock-2.yaml"]
    assert read_lock(folder / "new/2026/lock-1.yaml").services["cart"].origin == "import old/2026/lock-1.json"


def test_findings_are_kept_beside_the_lock_that_they_forbid(folder: Path) -> None:
    write(folder / "old/bad.json", BAD)
    write(folder / "old/good.json", GOOD)

    assert imports(folder, "old", "--output-dir", "new") == EXIT_REFUSED

    assert sorted(path.name for path in (folder / "new").iterdir()) == ["bad.findings.json", "good.yaml"]
    kept = json.loads((folder / "new/bad.findings.json").read_text())
    assert (kept["file"], kept["lock"], kept["services"], kept["resolved"]) == ("old/bad.json", None, 2, 1)
    assert [(finding["subject"], finding["code"]) for finding in kept["findings"]] == [
        ("gone", "image-missing")
    ]


def test_a_clean_import_takes_earlier_findings_away(folder: Path, registry: FakeRegistry) -> None:
    write(folder / "old/bad.json", BAD)
    imports(folder, "old", "--output-dir", "new")
    registry.add_image("ghcr.io/acme/gone", commit("gone"), labels={REVISION: commit("gone")})

    assert imports(folder, "old", "--output-dir", "new") == EXIT_DONE

    assert [path.name for path in (folder / "new").iterdir()] == ["bad.yaml"]


def test_somebody_elses_file_of_that_name_is_left_alone(folder: Path) -> None:
    write(folder / "old.json", GOOD)
    write(folder / "new.findings.json", {"mine": True})

    assert imports(folder, "old.json", "-o", "new.yaml") == EXIT_DONE
    assert json.loads((folder / "new.findings.json").read_text()) == {"mine": True}


def test_a_lock_that_is_there_already_is_not_rewritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old.json", GOOD)
    imports(folder, "old.json", "-o", "new.yaml")
    before = (folder / "new.yaml").stat()

    code, said = report(folder, capsys, "old.json", "-o", "new.yaml")

    assert (code, said["files"][0]["outcome"]) == (EXIT_DONE, "unchanged")
    assert (folder / "new.yaml").stat().st_mtime_ns == before.st_mtime_ns
    assert (folder / "new.yaml").stat().st_ino == before.st_ino


def test_the_summary_has_a_row_for_each_file_and_totals(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write(folder / f"old/bad-{number}.json", BAD)
    write(folder / "old/good.json", GOOD)

    imports(folder, "old", "--output-dir", "new")

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["old/bad-0.json", "2", "1", "1", "refused", "-"] in lines
    assert ["image-missing", "refuses", "3"] in lines
    assert ["4", "files:", "3", "refused,", "1", "written"] in lines


def test_json_has_all_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "old/bad.json", BAD)
    write(folder / "old/good.json", GOOD)

    code, said = report(folder, capsys, "old", "--output-dir", "new")

    assert code == EXIT_REFUSED
    assert [(file["file"], file["outcome"]) for file in said["files"]] == [
        ("old/bad.json", "refused"),
        ("old/good.json", "written"),
    ]
    assert said["files"][1]["id"] == read_lock(folder / "new/good.yaml").id
    assert said["totals"] == {
        "files": 2,
        "locks": 1,
        "services": 4,
        "resolved": 3,
        "findings": {"image-missing": 1},
    }


def test_a_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "old/good.json", GOOD)
    write(folder / "old/bad.json", BAD)

    assert imports(folder, "old", "--output-dir", "new", "--dry-run") == EXIT_REFUSED
    assert "would be written" in capsys.readouterr().out
    assert not (folder / "new").exists()


def test_the_findings_of_many_files_are_shown_when_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old/good.json", GOOD)
    write(folder / "old/bad.json", BAD)

    imports(folder, "old", "--dry-run")
    assert "image-missing" not in capsys.readouterr().err
    imports(folder, "old", "--dry-run", "-v")
    assert "old/bad.json: [image-missing] gone: the registry has no" in capsys.readouterr().err


def test_a_registry_that_does_not_answer_is_exit_3(folder: Path, registry: FakeRegistry) -> None:
    registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io: connection refused")
    write(folder / "old.json", GOOD)

    assert imports(folder, "old.json", "-o", "new.yaml") == EXIT_OUTSIDE
    assert not (folder / "new.yaml").exists()


def test_a_finding_weighs_more_than_a_registry_that_does_not_answer(
    folder: Path, registry: FakeRegistry
) -> None:
    registry.failures["ghcr.io"] = RegistryUnavailable("ghcr.io: connection refused")
    write(folder / "old.json", document({"cart": {**entry("cart"), "git_sha": "unknown"}}))

    assert imports(folder, "old.json", "-o", "new.yaml") == EXIT_REFUSED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "is not a lock of a known kind"),
        ("just words", "is not a lock of a known kind"),
        ("", "is not a lock of a known kind"),
        ('{"version": 2, "anything": {}}', "is not a lock of a known kind"),
        ('{"services": {"a": {"git_sha": "x"}, "a": {}}}', "the key 'a' stands there twice"),
        ("services:\n  a: {git_sha: x}\n  a: {}\n", "the key 'a' stands there twice"),
        ("services: {a: \0}", "NUL byte"),
        ("\ufeffservices: {}", "byte order mark"),
        ("services:\n\ta: 1", "a tab is used for indentation"),
        ('{"a": 1}\n{"a": 2}', "holds several documents"),
        ('{"version": 1, "id": "x", "project": "p", "services": {}}', "is a lock of lockflight already"),
        ('{"lockflight_findings": 1}', "is what an earlier import found"),
        ('{"lockflight_record": 1}', "is not a lock of a known kind but a record"),
    ],
)
def test_what_is_no_lock_is_exit_2_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (folder / "old.yaml").write_text(text)

    assert imports(folder, "old.yaml", "-o", "new.yaml") == EXIT_INPUT
    said = capsys.readouterr().err
    assert message in said
    assert "old.yaml" in said
    assert not (folder / "new.yaml").exists()


def test_a_file_that_is_no_lock_does_not_keep_the_others_from_being_imported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old/good.json", GOOD)
    write(folder / "old/strange.json", {"hello": "world"})

    code, said = report(folder, capsys, "old", "--output-dir", "new")

    assert code == EXIT_INPUT
    assert [problem["file"] for problem in said["problems"]] == ["old/strange.json"]
    assert (folder / "new/good.yaml").exists()


def test_well_known_other_files_of_a_folder_are_passed_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "locks/good.json", GOOD)
    (folder / "locks/README.md").write_text("# locks")
    (folder / "locks/compose.yaml").write_text("services: {cart: {image: x}}")
    imports(folder, "locks/good.json", "-o", "locks/ours.yaml")
    write(folder / "locks/x.findings.json", {"lockflight_findings": 1})

    code, said = report(folder, capsys, "locks", "--output-dir", "new")

    assert code == EXIT_DONE
    assert said["passed_over"] == ["locks/compose.yaml", "locks/ours.yaml", "locks/x.findings.json"]


def test_a_folder_of_nothing_but_other_files_is_exit_2(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old/compose.yaml").write_text("services: {cart: {image: x}}")

    assert imports(folder, "old", "--output-dir", "new") == EXIT_INPUT


def test_a_path_that_does_not_exist_is_exit_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imports(folder, "nowhere.json", "-o", "new.yaml") == EXIT_INPUT
    assert "nowhere.json: does not exist" in capsys.readouterr().err


def test_an_empty_folder_is_exit_2(folder: Path) -> None:
    (folder / "old").mkdir()

    assert imports(folder, "old", "--output-dir", "new") == EXIT_INPUT


def test_a_format_that_was_named_is_not_guessed_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old.json", GOOD)

    assert imports(folder, "old.json", "-o", "new.yaml", "--format", "imgpkg") == EXIT_INPUT
    assert "it is a home-made lock: --format home-made" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["old"], "it is not said where"),
        (["old", "-o", "one.yaml"], "-o names one file, and there are 2"),
        (["old", "--output-dir", "new", "--project", "My Shop"], "is no project name"),
    ],
)
def test_wrong_usage_is_exit_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    write(folder / "old/a.json", GOOD)
    write(folder / "old/b.json", GOOD)

    assert imports(folder, *arguments) == EXIT_INPUT
    assert message in capsys.readouterr().err


def test_two_files_that_would_become_one_are_refused_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old/a.json", GOOD)
    write(folder / "old/a.yml", BAD)

    assert imports(folder, "old", "--output-dir", "new") == EXIT_INPUT
    assert (
        "old/a.yml: [name-clash] would be written to new/a.yaml, and so would old/a.json"
        in capsys.readouterr().err
    )
    assert not (folder / "new").exists()


def test_what_is_read_is_never_overwritten(folder: Path) -> None:
    text = write(folder / "old/a.yaml", GOOD).read_text()

    assert imports(folder, "old", "--output-dir", "old") == EXIT_INPUT
    assert imports(folder, "old/a.yaml", "-o", "old/../old/a.yaml") == EXIT_INPUT
    assert (folder / "old/a.yaml").read_text() == text


def test_a_folder_that_cannot_be_written_to_is_exit_3_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old/a.json", GOOD)
    (folder / "new").write_text("a file stands where the folder should be")

    assert imports(folder, "old", "--output-dir", "new") == EXIT_OUTSIDE
    assert "cannot write" in capsys.readouterr().err


def test_offline_asks_no_registry(folder: Path, registry: FakeRegistry) -> None:
    write(folder / "old.json", document({"cart": entry("cart", digest=digest("cart"))}))

    assert imports(folder, "old.json", "-o", "new.yaml", "--offline") == EXIT_DONE
    assert registry.asked == []
    assert "not-verified" in (folder / "new.findings.json").read_text()


def test_the_project_of_a_manifest_is_taken_where_the_file_says_none(folder: Path) -> None:
    (folder / "lockflight.yaml").write_text(
        "version: 1\nproject: store\nimage: ghcr.io/acme/{service}\nservices: {cart: {path: cart}}\n"
    )
    write(folder / "old.json", document({"cart": entry("cart")}, project=None))

    assert imports(folder, "old.json", "-o", "new.yaml") == EXIT_DONE
    assert read_lock(folder / "new.yaml").project == "store"


def test_names_from_a_file_cannot_write_to_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old.json", document({"cart\x1b[2J": entry("cart")}))

    imports(folder, "old.json", "-o", "new.yaml")

    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_half_characters_in_a_file_or_its_name_do_no_harm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old").mkdir()
    odd = Path(os.fsdecode(b"old/lock-\xff.json"))
    (folder / odd).write_text(json.dumps(document({"c\ud800": entry("cart")}, branch="x\ud800")))

    code, said = report(folder, capsys, "old", "--output-dir", "new")

    assert code == EXIT_REFUSED
    assert said["files"][0]["file"] == "old/lock-?.json"
    assert "malformed-name" in [finding["code"] for finding in said["files"][0]["findings"]]


def test_digests_are_resolved_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    built = images.build_image({REVISION: commit("cart")})
    with RegistryServer() as server:
        for blob in built.blobs:
            server.repository("acme/cart").put_blob(blob)
        server.repository("acme/cart").put_manifest(built.body, built.media_type, commit("cart"))
        write(tmp_path / "old.json", document({"cart": entry("cart", repository=f"{server.host}/acme/cart")}))

        assert imports(tmp_path, "old.json", "-o", "new.yaml") == EXIT_DONE

    assert read_lock(tmp_path / "new.yaml").services["cart"].digest == built.digest


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "is not valid JSON"), ("[]", "is not a lock of a known kind")]
)
def test_a_file_that_cannot_be_read_stands_in_the_summary_with_its_reason(
    text: str, reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old/good.json", GOOD)
    (folder / "old/bad.json").write_text(text)

    assert imports(folder, "old", "--output-dir", "new") == EXIT_INPUT

    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert ["old/bad.json", "-", "-", "-", "refused", "-"] in lines
    assert ["2", "files:", "1", "refused,", "1", "written"] in lines
    assert reason in out
    _, said = report(folder, capsys, "old", "--output-dir", "new")
    (bad,) = [file for file in said["files"] if file["file"] == "old/bad.json"]
    assert (bad["outcome"], said["totals"]["files"]) == ("refused", 2)
    assert reason in bad["problems"][0]["message"]


def test_an_import_that_informs_otherwise_is_written_anew(
    folder: Path, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "old.json", GOOD)
    imports(folder, "old.json", "-o", "new.yaml")
    write(
        folder / "old.json",
        {**GOOD, "services": {**GOOD["services"], "cart": {**entry("cart"), "submodule_path": "x"}}},
    )
    _, said = report(folder, capsys, "old.json", "-o", "new.yaml")
    assert said["files"][0]["outcome"] == "written"
    assert read_lock(folder / "new.yaml").services["cart"].path == "x"
