"""`lockflight init` as a person runs it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lockflight.cli.app import run
from lockflight.config import read_manifest
from lockflight.errors import EXIT_DONE, EXIT_INPUT
from tests.setup.repositories import deployment, without_checkouts
from tests.support.repositories import commit_file, git, new_repository

COMPOSE = """services:
  cart: {image: "ghcr.io/acme/cart:${SHA}"}
  db: {image: "postgres:16"}
"""
RECORD = ".github/workflows/lockflight-record.yml"
LOCK = ".github/workflows/lockflight-lock.yml"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return deployment(tmp_path, {"services/cart": True}, COMPOSE)


def init(folder: Path, *arguments: str) -> int:
    return run(["-C", str(folder), "init", *arguments])


def test_a_manifest_is_written_that_loads(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(shop) == EXIT_DONE
    assert read_manifest(shop / "lockflight.yaml").services["cart"].submodule == "services/cart"
    said = capsys.readouterr()
    assert said.out == ""
    assert "lockflight.yaml: written" in said.err
    assert "fill in tag" in said.err


def test_nothing_that_exists_is_overwritten_without_force(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "lockflight.yaml").write_text("mine\n")
    assert init(shop) == EXIT_INPUT
    assert (shop / "lockflight.yaml").read_text() == "mine\n"
    assert "--force" in capsys.readouterr().err
    assert init(shop, "--force") == EXIT_DONE
    assert read_manifest(shop / "lockflight.yaml").project == "shop"


def test_a_dry_run_prints_the_text_and_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(shop, "--dry-run") == EXIT_DONE
    assert "submodule: services/cart" in capsys.readouterr().out
    assert not (shop / "lockflight.yaml").exists()


def test_registry_and_project_are_taken_from_the_options(shop: Path) -> None:
    assert init(shop, "--registry", "quay.io/acme", "--project", "market") == EXIT_DONE
    manifest = read_manifest(shop / "lockflight.yaml")
    assert (manifest.project, manifest.image) == ("market", "quay.io/acme/{service}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--registry", "https://ghcr.io/acme"),
        ("--registry", "acme"),
        ("--project", "Not A Project"),
        ("--service",),
        ("--ci", "github", "--service", "not/a service"),
        ("--ci", "jenkins"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(shop: Path, arguments: tuple[str, ...]) -> None:
    assert init(shop, *arguments) == EXIT_INPUT
    assert not (shop / "lockflight.yaml").exists()
    assert not (shop / ".github").exists()


def test_a_program_gets_one_document(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(shop, "--json") == EXIT_DONE
    said = json.loads(capsys.readouterr().out)
    assert [file["path"] for file in said["files"]] == ["lockflight.yaml"]
    assert said["todo"][0].startswith("tag:")


def test_a_folder_without_anything_gets_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == EXIT_DONE
    assert set(read_manifest(tmp_path / "lockflight.yaml").services) == {"example"}
    assert "no commit here" in capsys.readouterr().err


def test_a_link_that_leads_out_is_not_written_through(tmp_path: Path) -> None:
    shop = deployment(tmp_path, {"services/cart": True})
    (shop / ".github").symlink_to(tmp_path)
    assert init(shop, "--ci", "github") != EXIT_DONE
    assert not (tmp_path / "workflows").exists()


# --- workflows ---


def test_a_service_gets_its_workflow_and_no_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cart = new_repository(tmp_path / "cart")
    commit_file(cart, "Dockerfile", "FROM scratch\n")
    commit_file(cart, "openapi.yaml", "openapi: 3.1.0\n")
    git(cart, "remote", "add", "origin", "https://github.com/Acme/cart.git")
    assert init(cart, "--ci", "github", "--service") == EXIT_DONE
    text = (cart / RECORD).read_text()
    assert "IMAGE: ghcr.io/acme/cart" in text
    assert "SERVICE: cart" in text
    assert "API: openapi.yaml" in text
    assert not (cart / "lockflight.yaml").exists()
    assert "fill in" not in capsys.readouterr().err


def test_the_branch_of_the_origin_counts_and_not_the_one_that_is_checked_out(tmp_path: Path) -> None:
    origin = new_repository(tmp_path / "cart")
    commit_file(origin, "Dockerfile", "FROM scratch\n")
    git(tmp_path, "clone", "--quiet", "cart", "clone")
    git(tmp_path / "clone", "switch", "--quiet", "--create", "my-idea")
    assert init(tmp_path / "clone", "--ci", "github", "--service") == EXIT_DONE
    assert "branches:\n      - main\n" in (tmp_path / "clone" / RECORD).read_text()


def test_the_service_may_be_named_and_its_registry_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, "--ci", "github", "--service", "basket", "--registry", "quay.io/acme") == EXIT_DONE
    assert "IMAGE: quay.io/acme/basket" in (tmp_path / RECORD).read_text()
    said = capsys.readouterr().err
    assert "REGISTRY_USERNAME" in said
    assert "a Dockerfile" in said


def test_the_repository_of_the_manifest_gets_the_workflow_of_the_lock(shop: Path) -> None:
    assert init(shop) == EXIT_DONE
    before = (shop / "lockflight.yaml").read_text()
    assert init(shop, "--ci", "github") == EXIT_DONE
    assert "lockflight lock -o" in (shop / LOCK).read_text()
    assert (shop / "lockflight.yaml").read_text() == before


def test_where_there_is_no_manifest_it_is_written_with_the_workflow(shop: Path) -> None:
    assert init(shop, "--ci", "github") == EXIT_DONE
    assert set(read_manifest(shop / "lockflight.yaml").services) == {"cart"}
    assert "registry: ghcr.io" in (shop / LOCK).read_text()


def test_a_workflow_of_ones_own_is_kept_and_the_manifest_is_not_written_half(shop: Path) -> None:
    (shop / LOCK).parent.mkdir(parents=True)
    (shop / LOCK).write_text("mine\n")
    assert init(shop, "--ci", "github") == EXIT_INPUT
    assert (shop / LOCK).read_text() == "mine\n"
    assert not (shop / "lockflight.yaml").exists()


def test_the_same_text_again_needs_no_force(shop: Path) -> None:
    assert init(shop, "--ci", "github") == EXIT_DONE
    assert init(shop, "--ci", "github") == EXIT_DONE


# --- a person at the terminal ---


def test_a_person_at_the_terminal_is_asked(tmp_path: Path) -> None:
    compose = 'services: {cart: {image: "${REGISTRY}/cart:${TAG}"}}'
    shop = without_checkouts(deployment(tmp_path, {"services/cart": True, "settings": False}, compose))
    person, terminal = pty.openpty()
    os.write(person, b"ghcr.io/acme\nmain-{sha:7}\nn\n")
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "GITHUB_ACTIONS")}
    command = [sys.executable, "-m", "lockflight", "-C", str(shop), "init"]
    subprocess.run(
        command,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment,
        check=True,
        timeout=60,
    )
    os.close(terminal)
    os.close(person)
    manifest = read_manifest(shop / "lockflight.yaml")
    assert (manifest.image, manifest.tag) == ("ghcr.io/acme/{service}", "main-{sha:7}")
    assert manifest.services["settings"].image is False
