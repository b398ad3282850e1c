"""The manifest: what may stand in it, and what its errors tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockflight.config import Manifest, find_manifest, read_manifest
from lockflight.errors import InputError

GOOD = """\
version: 1
project: shop
image: ghcr.io/acme/{service}
services:
  cart:
    submodule: services/cart
  orders:
    path: services/orders
    tag: main-native-{sha:7}
  search:
    repository: https://git.example/acme/search
    ref: main
    image: ghcr.io/other/finder
    compose: [search-api, search-worker]
  settings:
    submodule: settings
    image: false
"""
SHA = "7ef65d6449fb9e0f573eee46308e04d66912638e"


def read(tmp_path: Path, text: str) -> Manifest:
    (tmp_path / "lockflight.yaml").write_text(text)
    return read_manifest(tmp_path / "lockflight.yaml")


def refusal(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return caught.value


def test_images_and_tags_are_made_from_the_templates(tmp_path: Path) -> None:
    manifest = read(tmp_path, GOOD)
    assert str(manifest.image_of("cart", SHA)) == f"ghcr.io/acme/cart:{SHA}"
    assert str(manifest.image_of("orders", SHA)) == "ghcr.io/acme/orders:main-native-7ef65d6"
    assert str(manifest.image_of("search", SHA)) == f"ghcr.io/other/finder:{SHA}"
    assert manifest.image_of("settings", SHA) is None


def test_a_service_may_be_called_otherwise_in_the_compose_file(tmp_path: Path) -> None:
    manifest = read(tmp_path, GOOD.replace("compose: [search-api, search-worker]", "compose: search-api"))
    assert manifest.compose_names("search") == ["search-api"]
    assert manifest.compose_names("cart") == ["cart"]


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("    image: false", "    image: false\n    api: x.yaml", "services.settings: has 'api' but no image", None),
        ("  cart:\n", "  Cart:\n", "services.Cart: its image cannot be named", "an 'image' of its own"),
        ("services:\n", "images: {cart: postgres}\nservices:\n", "services.cart: stands under 'images' as well", None),
        ("services:\n", "registries: {'https://r.example/': {}}\nservices:\n", "registries", None),
        ("https://git.example", "https://bot:hunter2@git.example", "must not hold a password", None),
        ("    tag: main", "    tags: main", "lockflight.yaml:9: services.orders.tags: is an unknown field", "'tag'"),
        ("project: shop", "project: My Shop", "lockflight.yaml:2: project: 'My Shop' does not fit", None),
        ("version: 1", "version: 2", "lockflight.yaml:1: version: ", None),
        ("{sha:7}", "{sha7}", "services.orders.tag: unknown field {sha7}", None),
        ("services/cart", "../cart", "services.cart.submodule: '../cart' leaves the folder of lockflight.yaml", None),
        ("services/cart", "/srv/cart", "must be relative to the folder of the manifest", None),
        ("ghcr.io/other/finder", "ghcr.io/other/Finder", "services.search.image: ", None),
        ("ghcr.io/other/finder", "ghcr.io/other/finder:latest", "must name no tag and no digest", None),
        ("    ref: main\n", "", "'repository' and 'ref' go together", None),
        ("    submodule: settings\n", "", "must say where its commit comes from", None),
        ("    path: services/orders", "    path: services/orders\n    submodule: x", "it says submodule and path", None),
        ("image: ghcr.io/acme/{service}\n", "", "lockflight.yaml:4: services.cart: has no image", "image: false"),
        ("search-worker", "cart", "the compose service 'cart' belongs to services.cart already", None),
        ("services:\n  cart:", "exclude: [cart]\nservices:\n  cart:", "stands under 'exclude' as well", None),
        ("ghcr.io/acme/", "ghcr.io/Acme/", "the name must be in lower case", None),
        ("  cart:", "  ca rt:", "'ca rt' does not fit; expected a service name", None),
        ("  cart:\n    submodule: services/cart", "  cart: services/cart", "services.cart: must be a mapping", None),
    ],
)  # fmt: skip
def test_an_error_points_at_file_line_and_path(
    tmp_path: Path, old: str, new: str, said: str, hint: str | None
) -> None:
    assert old in GOOD
    error = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert said in str(error)
    if hint:
        assert any(hint in (problem.hint or "") for problem in error.problems)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD.replace("project: shop", "project: 1").replace("services/cart", "../x"))
    assert len(error.problems) == 2


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "1\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "is no mapping" in str(refusal(tmp_path, text))


def test_a_path_that_leaves_through_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "services").symlink_to(tmp_path.parent)
    error = refusal(tmp_path / "inside", GOOD)
    assert "lockflight.yaml:6: services.cart.submodule: 'services/cart' leaves the repository" in str(error)


def test_the_manifest_is_found_in_a_folder_above(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_manifest(deep) == tmp_path / "lockflight.yaml"


def test_a_missing_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_manifest(tmp_path)
    assert "lockflight init" in str(caught.value.problems[0].hint)


ENVIRONMENTS = """version: 1
project: shop
image: ghcr.io/acme/{service}
services: {cart: {path: cart}}
stack: {files: [stack.yaml], suites: {system: {command: [true-program]}}}
environments:
"""


@pytest.mark.parametrize(
    ("environments", "line", "said"),
    [
        ("  a: {target: {compose: {}}, follows: b}\n", 7, "there is no other environment 'b'"),
        ("  a: {target: {compose: {}}, follows: a}\n", 7, "there is no other environment 'a'"),
        (
            "  a: {target: {compose: {}}, follows: b}\n  b: {target: {compose: {}}, follows: a}\n",
            7,
            "which follows 'a' again",
        ),
        ("  a: {target: {compose: {}}, gates: [follows]}\n", 7, "needs an environment that 'a' follows"),
        ("  a: {target: {compose: {}}, services: [crat]}\n", 7, "'crat' is no service of the manifest"),
        ("  a: {target: {compose: {}}, checks: [{suite: sytem}]}\n", 7, "there is no suite 'sytem'"),
        ("  a: {target: {compose: {}, swarm: {}}}\n", 7, "must be exactly one of compose, swarm, command"),
        ("  a: {target: {compose: {}}, gates: [{soak: 24h, http: {url: x}}]}\n", 7, "must be exactly one of"),
        (
            "  a:\n    target: {compose: {}}\n    gates: [{approvals: {quorum: 3, reviewers: [ada, ada]}}]\n",
            9,
            "wants 3 of 1 reviewers",
        ),
        (
            "  a:\n    target: {compose: {}}\n    gates: [{freeze: {timezone: Moon/Base, windows: [{days: [friday]}]}}]\n",
            9,
            "no IANA time zone",
        ),
        ("  a: {target: {compose: {host: 'ssh://u:secret@h'}}}\n", 7, "environments.a.target.compose.host"),
    ],
)
def test_environments_that_contradict_themselves_are_refused_at_their_line(
    tmp_path: Path, environments: str, line: int, said: str
) -> None:
    path = tmp_path / "lockflight.yaml"
    path.write_text(ENVIRONMENTS + environments)
    with pytest.raises(InputError) as failure:
        read_manifest(path)
    told = [str(problem) for problem in failure.value.problems]
    assert any(said in one and f"lockflight.yaml:{line}" in one for one in told), told


def test_a_gate_may_be_written_short(tmp_path: Path) -> None:
    path = tmp_path / "lockflight.yaml"
    path.write_text(
        ENVIRONMENTS + "  staging: {target: {compose: {}}}\n"
        "  production: {target: {swarm: {}}, follows: staging, gates: [registry, {soak: 24h}], checks: [{suite: system}]}\n"
    )
    production = read_manifest(path).environments["production"]
    assert [gate.kind for gate in production.gates] == ["registry", "soak"]
    assert production.gates[1].soak is not None
    assert production.gates[1].soak.after == "24h"
