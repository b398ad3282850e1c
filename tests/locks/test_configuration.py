"""Which files are configuration, and which are data, secrets or somebody else's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lockflight.config import Manifest, read_manifest
from lockflight.errors import InputError
from lockflight.locks.configuration import configuration
from lockflight.locks.gather import read_stack
from lockflight.ports.git import Submodule
from lockflight.testing.git import FakeGit

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
