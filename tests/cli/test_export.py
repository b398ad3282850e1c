"""`lockflight export` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockflight.cli.app import run
from lockflight.errors import EXIT_DONE, EXIT_INPUT
from lockflight.locks.convert import FORMATS
from lockflight.locks.file import write_lock
from tests.compose_files.compose_cli import compose
from tests.locks.builders import digest, lock

MANIFEST = """
version: 1
project: shop
image: ghcr.io/acme/{service}
services:
  cart: {path: cart, compose: [cart-api, cart-worker]}
  orders: {path: orders}
stack: {files: [stack.yaml]}
images: {tool: "docker.io/acme/tool:1"}
"""
STACK = """
services:
  cart-api: {image: "ghcr.io/acme/cart:dev"}
  cart-worker: {image: "ghcr.io/acme/cart:dev"}
  orders: {build: .}
  postgres: {image: "postgres:16"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a lock at its usual place, and no manifest."""
    write_lock(lock(), tmp_path / "locks/current.yaml")
    return tmp_path


def exports(folder: Path, *arguments: str) -> int:
    return run(["-C", str(folder), "export", *arguments])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_goes_to_standard_output(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert exports(folder, "--format", name) == EXIT_DONE
    assert digest("cart").removeprefix("sha256:") in capsys.readouterr().out


def test_a_file_is_written_and_standard_output_stays_empty(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exports(folder, "--format", "env", "-o", "out/lock.env") == EXIT_DONE
    assert capsys.readouterr().out == ""
    assert f"CART_DIGEST={digest('cart')}\n" in (folder / "out/lock.env").read_text()


def test_another_lock_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_lock(lock(project="other"), folder / "other.yaml")

    assert exports(folder, "other.yaml", "--format", "env") == EXIT_DONE
    assert lock(project="other").id in capsys.readouterr().out


def test_a_lock_that_was_edited_is_not_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "locks/current.yaml"
    path.write_text(path.read_text().replace(digest("cart"), digest("evil")))

    assert exports(folder, "--format", "env", "-o", "lock.env") == EXIT_INPUT
    assert "the id does not match" in capsys.readouterr().err
    assert not (folder / "lock.env").exists()


def test_with_a_manifest_compose_runs_the_lock_under_the_stacks_own_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lockflight.yaml").write_text(MANIFEST)
    (folder / "stack.yaml").write_text(STACK)

    assert exports(folder, "--format", "compose", "-o", "override.yaml") == EXIT_DONE

    answer = compose(folder, ["-f", "stack.yaml", "-f", "override.yaml"], {})
    assert answer.config is not None, answer.words
    assert {name: service["image"] for name, service in answer.config["services"].items()} == {
        "cart-api": f"ghcr.io/acme/cart@{digest('cart')}",
        "cart-worker": f"ghcr.io/acme/cart@{digest('cart')}",
        "orders": f"ghcr.io/acme/orders@{digest('orders')}",
        "postgres": f"docker.io/library/postgres@{digest('pg')}",
    }
    assert all("build" not in service for service in answer.config["services"].values())


def test_an_image_that_the_stack_does_not_run_is_left_out_and_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lockflight.yaml").write_text(MANIFEST)
    (folder / "stack.yaml").write_text("services: {orders: {image: x}}\n")

    assert exports(folder, "--format", "compose") == EXIT_DONE

    captured = capsys.readouterr()
    assert "postgres" not in captured.out
    assert "not in the stack, and so not in the override: cart, postgres" in captured.err


def test_helm_values_stand_below_the_prefix(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exports(folder, "--format", "helm", "--prefix", "global.shop") == EXIT_DONE
    assert "global:\n  shop:\n    lock:\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "env", "--prefix", "x"], "--prefix means nothing for the format 'env'"),
        (["--format", "helm", "--names", "service"], "--names means nothing for the format 'helm'"),
        (["--format", "helm", "--prefix", "a..b"], "--prefix wants keys"),
        (["--format", "toml"], "invalid choice: 'toml'"),
        ([], "required: --format"),
    ],
)
def test_wrong_usage_is_exit_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert exports(folder, *arguments) == EXIT_INPUT
    assert message in capsys.readouterr().err


def test_json_wraps_the_text_for_a_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(folder), "--json", "export", "--format", "env"]) == EXIT_DONE

    said = json.loads(capsys.readouterr().out)
    assert (said["id"], said["format"]) == (lock().id, "env")
    assert said["text"].endswith("\n")


def test_json_says_whether_the_file_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = []
    for _ in range(2):
        run(["-C", str(folder), "--json", "export", "--format", "env", "-o", "lock.env"])
        written.append(json.loads(capsys.readouterr().out)["written"])

    assert written == [True, False]


def test_without_a_manifest_it_is_said_that_the_names_are_those_of_the_lock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lock(lock(), tmp_path / "lock.yaml")
    assert run(["-C", str(tmp_path), "export", "--format", "compose", "lock.yaml"]) == 0
    assert "there is no lockflight.yaml here" in capsys.readouterr().err
