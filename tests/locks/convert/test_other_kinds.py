"""Importing imgpkg's and Skaffold's files, our own exports among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockflight.locks.convert import imgpkg, skaffold
from lockflight.locks.model import LockedImage
from lockflight.testing.registry import FakeRegistry
from tests.locks.builders import commit, digest, lock, service
from tests.locks.convert.foreign_locks import codes, import_folder

REVISION = "org.opencontainers.image.revision"
PLAIN: dict[str, Any] = {"platforms": {}, "api": None}
OURS = lock(
    services={name: service(name, **PLAIN) for name in ("cart", "orders")},
    images={
        "postgres": LockedImage(image="docker.io/library/postgres", tag="16-alpine", digest=digest("pg"))
    },
    config={},
)


def test_an_images_lock_that_we_exported_comes_back_as_the_same_lock(tmp_path: Path) -> None:
    (tmp_path / "images.yml").write_text(imgpkg.render(OURS))

    imported = import_folder(tmp_path, None, project="shop")[0]

    assert imported.lock is not None
    assert imported.lock.id == OURS.id


def test_build_output_that_we_exported_comes_back_with_the_commits_of_the_tags(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text(skaffold.render(OURS))

    imported = import_folder(tmp_path, None, project="shop")[0]

    assert imported.lock is not None
    assert imported.lock.services["cart"].commit == commit("cart")
    assert imported.lock.services["cart"].digest == digest("cart")


def images_lock(*images: str) -> str:
    entries = "".join(f"- image: {image}\n" for image in images)
    return f"apiVersion: imgpkg.carvel.dev/v1alpha1\nkind: ImagesLock\nimages:\n{entries}"


def test_a_label_supplies_the_commit_of_an_image_that_the_manifest_calls_a_service(tmp_path: Path) -> None:
    registry = FakeRegistry()
    built = registry.add_image("ghcr.io/acme/cart-image", "1", labels={REVISION: commit("cart")})
    other = registry.add_image("docker.io/library/redis", "7", labels={REVISION: commit("redis")})
    (tmp_path / "images.yml").write_text(
        images_lock(f"ghcr.io/acme/cart-image@{built}", f"docker.io/library/redis@{other}")
    )

    owners = {"ghcr.io/acme/cart-image": "cart"}
    imported = import_folder(tmp_path, registry, project="shop", service_of=owners.get)[0]

    assert imported.lock is not None
    assert imported.lock.services["cart"].commit == commit("cart")
    assert imported.lock.images["redis"].digest == other


def test_an_images_lock_without_any_commit_asks_for_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "images.yml").write_text(images_lock(f"ghcr.io/acme/cart@{digest('cart')}"))

    imported = import_folder(tmp_path, None, project="shop")[0]

    assert codes(imported) == [("services", "no-services")]
    assert "manifest" in str(imported.findings[0].hint)


def test_a_third_party_image_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    registry = FakeRegistry()
    built = registry.add_image("ghcr.io/acme/cart", "1", labels={REVISION: commit("cart")})
    (tmp_path / "images.yml").write_text(
        images_lock(f"ghcr.io/acme/cart@{built}", f"docker.io/library/redis@{digest('gone')}")
    )

    owners = {"ghcr.io/acme/cart": "cart"}
    imported = import_folder(tmp_path, registry, project="shop", service_of=owners.get)[0]

    assert codes(imported) == [("redis", "digest-missing")]


def test_skaffolds_short_tag_needs_the_label(tmp_path: Path) -> None:
    registry = FakeRegistry()
    labelled = registry.add_image("ghcr.io/acme/cart", "v1-gabc1234", labels={REVISION: commit("cart")})
    bare = registry.add_image("ghcr.io/acme/orders", "latest")
    (tmp_path / "build.json").write_text(
        '{"builds": ['
        f'{{"imageName": "cart", "tag": "ghcr.io/acme/cart:v1-gabc1234@{labelled}"}},'
        f'{{"imageName": "orders", "tag": "ghcr.io/acme/orders:latest@{bare}"}}]}}'
    )

    imported = import_folder(tmp_path, registry, project="shop")[0]

    assert codes(imported) == [("orders", "no-commit")]
    assert imported.resolved == 1


def test_two_images_that_would_be_one_service_are_refused(tmp_path: Path) -> None:
    tag = commit("cart")
    (tmp_path / "build.json").write_text(
        '{"builds": ['
        f'{{"imageName": "a/cart", "tag": "ghcr.io/a/cart:{tag}@{digest("a")}"}},'
        f'{{"imageName": "b/cart", "tag": "ghcr.io/b/cart:{tag}@{digest("b")}"}}]}}'
    )

    assert codes(import_folder(tmp_path, None, project="shop")[0]) == [("cart", "duplicate-name")]


def test_a_malformed_image_is_a_finding_of_its_service(tmp_path: Path) -> None:
    (tmp_path / "images.yml").write_text(images_lock("ghcr.io/acme/cart:1", f"ghcr.io/acme/x@{digest('x')}"))

    assert ("cart", "malformed-image") in codes(import_folder(tmp_path, None, project="shop")[0])


def test_a_name_that_no_service_can_have_is_a_finding(tmp_path: Path) -> None:
    tag = commit("cart")
    (tmp_path / "build.json").write_text(
        f'{{"builds": [{{"imageName": "my cart", "tag": "ghcr.io/a/cart:{tag}@{digest("a")}"}}]}}'
    )

    assert codes(import_folder(tmp_path, None, project="shop")[0]) == [("my cart", "malformed-name")]
