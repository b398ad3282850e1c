"""Which files are configuration, and which are data, secrets or somebody else's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.config import Manifest, read_manifest
from lockflight.errors import InputError
from lockflight.findings import Finding, refusals
from lockflight.locks.configuration import configuration
from lockflight.locks.stack_files import read_stack
from lockflight.ports.git import Submodule
from lockflight.testing.git import FakeGit
from tests.support.repositories import add_submodule, commit_file, git, new_repository

MANIFEST = """\
version: 1
project: shop
image: ghcr.io/acme/{service}
services: {cart: {path: cart}}
stack: {files: [compose/stack.yaml]}
"""
STACK = """\
services:
  cart:
    image: ghcr.io/acme/cart
    env_file: [cart.env]
    volumes:
      - ./nginx:/etc/nginx:ro
      - ./data:/var/lib/data
      - /etc/localtime:/etc/localtime:ro
    configs: [app]
    secrets: [key]
configs: {app: {file: app.conf}}
secrets: {key: {file: nginx/key.pem}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "lockflight.yaml": MANIFEST,
        "compose/stack.yaml": STACK,
        "compose/cart.env": "A=1",
        "compose/app.conf": "app",
        "compose/nginx/nginx.conf": "worker_processes 1;",
        "compose/nginx/conf.d/site.conf": "server {}",
        "compose/nginx/key.pem": "secret",
        "compose/data/base.db": "rows",
        "extra/one.yaml": "1",
        "extra/two.yaml": "2",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def found(root: Path, git: FakeGit | None = None, manifest: Manifest | None = None) -> dict[str, str]:
    manifest = manifest or read_manifest(root / "lockflight.yaml")
    files, _ = configuration(manifest, root, read_stack(manifest, root, {}), git or FakeGit())
    return files


def test_the_stacks_files_and_those_that_it_binds_in_are_configuration(root: Path) -> None:
    git = FakeGit(ignored={"compose/data/base.db"})
    assert sorted(found(root, git)) == [
        "compose/app.conf",
        "compose/cart.env",
        "compose/nginx/conf.d/site.conf",
        "compose/nginx/nginx.conf",
        "compose/stack.yaml",
    ]


def test_a_digest_is_that_of_the_bytes(root: Path) -> None:
    assert found(root)["compose/app.conf"] == f"sha256:{hashlib.sha256(b'app').hexdigest()}"


def test_a_secret_is_never_fingerprinted_even_where_its_folder_is_bound_in(root: Path) -> None:
    assert not any("key.pem" in path for path in found(root))


def test_further_files_are_named_by_patterns(root: Path) -> None:
    (root / "lockflight.yaml").write_text(MANIFEST + "config: [extra/*.yaml]\n")
    assert {"extra/one.yaml", "extra/two.yaml"} <= found(root).keys()


def test_a_pattern_that_fits_nothing_is_a_finding(root: Path) -> None:
    (root / "lockflight.yaml").write_text(MANIFEST + "config: [extra/*.toml]\n")
    manifest = read_manifest(root / "lockflight.yaml")
    _, findings = configuration(manifest, root, None, FakeGit())
    assert [(finding.code, finding.subject, finding.note) for finding in findings] == [
        ("config-missing", "extra/*.toml", False)
    ]


def test_a_pattern_that_leads_outside_through_a_link_is_refused(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.yaml"
    outside.write_text("x")
    (root / "extra" / "link.yaml").symlink_to(outside)
    (root / "lockflight.yaml").write_text(MANIFEST + "config: [extra/*.yaml]\n")
    with pytest.raises(InputError, match="leaves the repository through a symbolic link"):
        found(root)


def test_neither_locks_nor_ignored_files_are_configuration(root: Path) -> None:
    (root / "lockflight.yaml").write_text(MANIFEST + "config: ['**/*.yaml', extra]\n")
    (root / "locks").mkdir()
    (root / "locks" / "current.yaml").write_text("lock")
    (root / "extra" / ".one.swp").write_text("editor")
    names = found(root, FakeGit(ignored={"extra/.one.swp"})).keys()
    assert "extra/one.yaml" in names
    assert not {"locks/current.yaml", "extra/.one.swp"} & names


def test_what_lies_in_a_submodule_is_covered_by_its_commit(root: Path) -> None:
    (root / "lockflight.yaml").write_text(MANIFEST.replace("stack:", "# ") + "config: [extra]\n")
    git = FakeGit(modules=[Submodule("extra", "a" * 40)])
    manifest = read_manifest(root / "lockflight.yaml")
    files, findings = configuration(manifest, root, None, git)
    assert (files, [finding.code for finding in findings]) == ({}, ["config-in-submodule"])
    text = MANIFEST.replace("stack:", "# ").replace("{path: cart}", "{submodule: extra}")
    (root / "lockflight.yaml").write_text(text + "config: [extra]\n")
    files, findings = configuration(read_manifest(root / "lockflight.yaml"), root, None, git)
    assert (files, findings) == ({}, [])


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A repository whose stack and manifest name files of a submodule: directly, and through links."""
    settings = new_repository(tmp_path / "settings")
    commit_file(settings, "app.conf", "app")
    commit_file(settings, "more/b.conf", "b")
    shop = new_repository(tmp_path / "shop")
    commit_file(shop, "web.conf", "web")
    commit_file(shop, "compose/stack.yaml", LINKED_STACK)
    (shop / "compose" / "app.conf").symlink_to("../settings/app.conf")
    (shop / "extra").symlink_to("settings/more")
    (shop / "gone.conf").symlink_to("settings/gone.conf")
    git(shop, "add", "--all")
    add_submodule(shop, settings, "settings")
    return shop


LINKED_STACK = """\
services:
  cart:
    image: ghcr.io/acme/cart
    configs: [app]
    volumes: [../extra/b.conf:/b.conf, ../web.conf:/web.conf]
configs: {app: {file: app.conf}}
"""
LINKED_CONFIG = "config: [extra, gone.conf, 'settings/*.conf']\n"


def with_and_without_the_checkout(shop: Path, manifest: str) -> list[tuple[list[str], list[Finding]]]:
    """What is configuration, and the findings that refuse, in a whole checkout and without the submodule."""
    (shop / "lockflight.yaml").write_text(manifest)
    outcomes = []
    for command in (("status",), ("deinit", "--force", "--all")):
        git(shop, "submodule", "--quiet", *command)
        read = read_manifest(shop / "lockflight.yaml")
        files, findings = configuration(read, shop, read_stack(read, shop, {}), GitCli(shop))
        outcomes.append((sorted(files), refusals(findings)))
    assert not list((shop / "settings").iterdir())
    return outcomes


def test_a_link_into_a_submodule_locks_the_same_whether_it_is_checked_out_or_not(linked: Path) -> None:
    services = "services: {cart: {path: compose}, settings: {submodule: settings, image: false}}"
    manifest = MANIFEST.replace("services: {cart: {path: cart}}", services) + LINKED_CONFIG

    outcomes = with_and_without_the_checkout(linked, manifest)

    assert outcomes == [(["compose/stack.yaml", "web.conf"], [])] * 2


@pytest.mark.parametrize("config", ["", LINKED_CONFIG, "config: [settings]\n", "config: [gone.conf]\n"])
def test_a_link_into_a_submodule_that_no_service_names_is_the_same_finding_without_its_checkout(
    linked: Path, config: str
) -> None:
    whole, without = with_and_without_the_checkout(linked, MANIFEST + config)

    assert whole == without
    assert [(finding.code, finding.subject) for finding in whole[1]] == [
        ("config-in-submodule", "compose/app.conf")
    ]


def test_an_uncommitted_change_is_noted(root: Path) -> None:
    manifest = read_manifest(root / "lockflight.yaml")
    git = FakeGit(dirty={".", "compose/app.conf"})
    _, findings = configuration(manifest, root, read_stack(manifest, root, {}), git)
    assert [(f.code, f.subject, f.note) for f in findings] == [
        ("config-uncommitted", "compose/app.conf", True)
    ]


def test_a_file_whose_name_no_lock_can_hold_is_a_finding(root: Path) -> None:
    (root / "extra" / "a\tb.yaml").write_text("1")
    (root / "lockflight.yaml").write_text(MANIFEST + "config: [extra]\n")
    _, findings = configuration(read_manifest(root / "lockflight.yaml"), root, None, FakeGit())
    assert [finding.code for finding in findings] == ["config-name"]


def test_a_bind_mount_whose_source_is_missing_is_noted(root: Path) -> None:
    (root / "compose/stack.yaml").write_text(STACK.replace("./nginx:", "./ngin:"))
    manifest = read_manifest(root / "lockflight.yaml")
    _, findings = configuration(manifest, root, read_stack(manifest, root, {}), FakeGit())
    assert [finding.code for finding in findings] == ["bind-missing"]
