"""The formats as their readers see them: parsed back, and through lockflight's own readers and real tools."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lockflight.builds.formats import readings_in
from lockflight.errors import InputError
from lockflight.locks.convert import FORMATS, Choices, helm, imgpkg, kustomize, matrix, skaffold
from lockflight.locks.model import Lock, LockedImage
from lockflight.yaml_source import parse_document
from tests.locks.builders import commit, digest, lock, service

SETTINGS = service("settings", image=None, tag=None, digest=None, platforms={}, media_type=None, version=None)
LOCK = lock(services={"orders": service("orders"), "settings": SETTINGS, "cart": service("cart", tag="1.10")})


def yaml(text: str) -> Any:
    return parse_document(text, "text").data


def shuffled(original: Lock) -> Lock:
    services = dict(reversed(original.services.items()))
    return original.model_copy(update={"services": services})


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_lock_gives_the_same_bytes(name: str) -> None:
    render = FORMATS[name].render

    assert render(LOCK, Choices()) == render(shuffled(LOCK), Choices())


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "matrix"])
def test_every_format_but_the_matrix_names_every_digest(name: str) -> None:
    wanted = {"cart", "orders"} if name == "skaffold" else {"cart", "orders", "pg"}
    text = FORMATS[name].render(LOCK, Choices())

    for word in wanted:
        assert digest(word).removeprefix("sha256:") in text


def test_our_own_reader_of_imgpkg_finds_the_lock_again() -> None:
    readings = readings_in(imgpkg.render(LOCK), "images.yml")

    assert readings is not None
    assert [(reading.target, reading.record.image, reading.record.digest) for reading in readings] == [
        ("cart", "ghcr.io/acme/cart", digest("cart")),
        ("orders", "ghcr.io/acme/orders", digest("orders")),
        ("postgres", "docker.io/library/postgres", digest("pg")),
    ]
    assert readings[0].record.commit == commit("cart")
    assert readings[0].record.repository == "https://git.example/acme/cart"
    assert readings[0].record.tag == "1.10"
    assert readings[2].record.commit is None


def test_the_images_lock_has_the_shape_that_imgpkg_reads() -> None:
    data = yaml(imgpkg.render(LOCK))

    assert (data["apiVersion"], data["kind"]) == ("imgpkg.carvel.dev/v1alpha1", "ImagesLock")
    assert set(data["images"][0]) == {"image", "annotations"}
    assert all(isinstance(text, str) for text in data["images"][0]["annotations"].values())


@pytest.mark.parametrize("naming", ["image", "service"])
def test_our_own_reader_of_skaffold_finds_the_services_again(naming: Any) -> None:
    readings = readings_in(skaffold.render(LOCK, naming), "build.json")

    assert readings is not None
    assert [(reading.record.image, reading.record.tag, reading.record.digest) for reading in readings] == [
        ("ghcr.io/acme/cart", "1.10", digest("cart")),
        ("ghcr.io/acme/orders", commit("orders"), digest("orders")),
    ]
    assert [reading.target for reading in readings] == (
        ["cart", "orders"] if naming == "service" else [None, None]
    )


def test_helm_values_have_the_documented_shape() -> None:
    assert yaml(helm.render(LOCK)) == {
        "lock": {"id": LOCK.id},
        "services": {
            "cart": {"image": {"repository": "ghcr.io/acme/cart", "tag": "1.10", "digest": digest("cart")}},
            "orders": {
                "image": {
                    "repository": "ghcr.io/acme/orders",
                    "tag": commit("orders"),
                    "digest": digest("orders"),
                }
            },
        },
        "images": {
            "postgres": {
                "image": {
                    "repository": "docker.io/library/postgres",
                    "tag": "16-alpine",
                    "digest": digest("pg"),
                }
            }
        },
    }


def test_helm_values_stand_below_a_prefix() -> None:
    assert yaml(helm.render(LOCK, ("global", "shop"))) == {"global": {"shop": yaml(helm.render(LOCK))}}


def _is_ubuntu() -> bool:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return "ubuntu" in f"{release['ID']} {release.get('ID_LIKE', '')}".split()


def _kubectl_version() -> int:
    """The 20 of version 1.20."""
    command = ["kubectl", "version", "--client", "--output=json"]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return int(said["clientVersion"]["minor"].rstrip("+"))


def test_kustomize_replaces_every_spelling_of_an_image(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None and _is_ubuntu():
        pytest.skip(
            "no kubectl, whose kustomize would read it: Ubuntu has no package of it for .ci/setup to install"
        )
    images = ["ghcr.io/acme/cart:dev", "postgres:16", "docker.io/library/postgres", "library/postgres:1"]
    containers = [{"name": f"c{position}", "image": image} for position, image in enumerate(images)]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    (tmp_path / "pod.yaml").write_text(json.dumps(pod))
    written = kustomize.render(LOCK)
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / "kustomization.yaml").write_text(written)
    # That of Debian 12 knows no components yet; the list in one is the same as it reads.
    taken = "components: [lock]\n" if _kubectl_version() >= 21 else written[written.index("images:") :]
    (tmp_path / "kustomization.yaml").write_text("resources: [pod.yaml]\n" + taken)

    done = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True)

    postgres = f"docker.io/library/postgres@{digest('pg')}"
    assert [container["image"] for container in yaml(done.stdout)["spec"]["containers"]] == [
        f"ghcr.io/acme/cart@{digest('cart')}",
        postgres,
        postgres,
        postgres,
    ]


def test_kustomize_can_name_images_by_their_service() -> None:
    entries = yaml(kustomize.render(LOCK, "service"))["images"]

    assert entries[0] == {"name": "cart", "newName": "ghcr.io/acme/cart", "digest": digest("cart")}
    assert [entry["name"] for entry in entries] == ["cart", "orders", "postgres"]


@pytest.mark.parametrize("render", [kustomize.render, skaffold.render])
def test_two_builds_of_one_image_cannot_be_told_apart_by_image(render: Any) -> None:
    other = service("cart", digest=digest("other"))
    twice = lock(services={"cart": service("cart"), "cart-canary": other}, images={})

    with pytest.raises(InputError, match=r"'ghcr\.io/acme/cart' would stand for two images of the lock"):
        render(twice, "image")
    assert digest("other") in render(twice, "service")


def test_one_build_under_two_names_is_listed_once() -> None:
    twice = lock(services={"cart": service("cart"), "cart-worker": service("cart")}, images={})

    assert len(yaml(kustomize.render(twice))["images"]) == 1


def test_the_matrix_is_one_line_that_json_reads() -> None:
    text = matrix.render(LOCK)

    assert text.count("\n") == 1
    entries = json.loads(text)["include"]
    assert [entry["service"] for entry in entries] == ["cart", "orders", "settings"]
    assert entries[0]["ref"] == f"ghcr.io/acme/cart@{digest('cart')}"
    assert (entries[2]["commit"], entries[2]["ref"], entries[2]["image"]) == (commit("settings"), "", "")
    assert len({tuple(entry) for entry in entries}) == 1


def test_text_of_people_cannot_break_the_matrix_out_of_its_line() -> None:
    odd = service("cart", version='1"; echo\u2028 ${{ x }}'.replace("\u2028", "\u00a0"))

    text = matrix.render(lock(services={"cart": odd}))

    assert text.isascii()
    assert json.loads(text)["include"][0]["version"] == odd.version


def test_a_lock_of_mere_configuration_exports_empty_lists() -> None:
    bare = lock(services={"settings": SETTINGS}, images={})

    assert yaml(kustomize.render(bare))["images"] == []
    assert yaml(imgpkg.render(bare))["images"] == []
    assert json.loads(skaffold.render(bare)) == {"builds": []}
    assert yaml(helm.render(bare))["services"] == {}


def test_a_third_party_image_without_a_tag_has_no_tag_anywhere() -> None:
    untagged = lock(images={"nginx": LockedImage(image="docker.io/library/nginx", digest=digest("nginx"))})

    assert "tag" not in yaml(helm.render(untagged))["images"]["nginx"]["image"]
    assert "kbld.carvel.dev/origins" not in yaml(imgpkg.render(untagged))["images"][-1]["annotations"]
