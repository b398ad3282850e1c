"""From a real repository to a manifest that loads and says what was there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight import __version__
from lockflight.adapters.git_cli import GitCli
from lockflight.config import Manifest, read_manifest
from lockflight.setup.compose_places import ComposeFiles
from lockflight.setup.compose_reading import ComposeUse
from lockflight.setup.image_texts import PLACEHOLDER
from lockflight.setup.manifest_text import render
from lockflight.setup.proposal import Answers, Asks, Proposal, propose
from lockflight.setup.survey import FoundSubmodule, Survey, survey
from tests.setup.repositories import deployment, without_checkouts
from tests.support.repositories import commit_file, git, new_repository

SHOP = """name: shop
services:
  cart:
    image: ghcr.io/acme/cart:main-native-${CART_SHA:?set}
  orders:
    image: ghcr.io/acme/orders-service:main-native-${ORDERS_SHA}
  worker:
    image: ghcr.io/acme/orders-service:main-native-${ORDERS_SHA}
    command: work
  web-ui:
    image: ${REGISTRY:-ghcr.io/acme}/frontend:main-native-${WEB_SHA}
    build: ./services/web-ui
  proxy:
    image: nginx:1.27
    volumes: ["./config/settings/nginx.conf:/etc/nginx/nginx.conf:ro"]
  db:
    image: postgres:16
    env_file: missing.env
  stub:
    build: ../elsewhere
"""
SHOP_MODULES = {
    "services/cart": True,
    "services/orders-service": True,
    "services/web-ui": True,
    "config/settings": False,
}
SHOP_MANIFEST = f"""\
# What lockflight locks, and where it runs. Written by 'lockflight init' {__version__}; yours from here on.
# Left to fill in: see the lines marked TODO. 'lockflight doctor' says what is missing.
version: 1
project: shop

# How images are named and tagged, unless a service says otherwise.
# {{service}} is the service's name, {{sha}} its commit, {{sha:7}} the commit's first seven digits.
image: "ghcr.io/acme/{{service}}"
# TODO: is this how your CI tags images? the compose files say main-native-${{CART_SHA:?set}}
tag: "main-native-{{sha}}"

# Each service, and where its commit comes from: a submodule, a path in this repository,
# or another repository with its ref.
services:
  # only configuration: the stack binds files of it in, and nothing runs it
  settings:
    submodule: config/settings
    image: false
  cart:
    submodule: services/cart
  orders-service:
    submodule: services/orders-service
    compose: [orders, worker]
  web-ui:
    submodule: services/web-ui
    image: ghcr.io/acme/frontend

# Compose services that are deliberately not locked.
exclude:
  - stub # built from a folder outside of this repository

# The stack that the services run in. Third-party images in it are found, and locked, without being named.
# Here: db, proxy.
stack:
  files:
    - compose.yaml
    # - compose.override.yaml # for a developer's machine; the lock's stack is the same for all
    # - compose.prod.yaml # a variant; add it if it is part of the stack

# What else can be said here, for all services; most of it for one service as well:
# branch: main                # every commit must lie on this branch
# platforms: [linux/amd64]    # every image must have these
# accept: [record, label]     # what may vouch for a build; by default its tag alone does, too
# config: [nginx/*.conf]      # further configuration files to lock
"""


def proposed(repository: Path, answers: Answers | None = None) -> Proposal:
    return propose(survey(repository, GitCli(repository), os.environ), answers)


def loaded(repository: Path, proposal: Proposal) -> Manifest:
    """The manifest as every other command will read it."""
    (repository / "lockflight.yaml").write_text(render(proposal))
    return read_manifest(repository / "lockflight.yaml")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = deployment(tmp_path_factory.mktemp("shop"), SHOP_MODULES, SHOP)
    commit_file(repository, "compose.override.yaml", "services: {cart: {ports: ['80:80']}}\n")
    commit_file(repository, "compose.prod.yaml", "services: {cart: {restart: always}}\n")
    return repository


def test_a_shop_of_submodules_gets_the_whole_manifest(shop: Path) -> None:
    proposal = proposed(shop)
    assert render(proposal) == SHOP_MANIFEST
    manifest = loaded(shop, proposal)
    assert manifest.compose_names("orders-service") == ["orders", "worker"]
    assert [todo.asks for todo in proposal.todos] == [Asks.TAG]


def test_a_stack_that_wants_variables_is_read_all_the_same_and_says_so(shop: Path) -> None:
    assert any("CART_SHA" in str(problem) for problem in proposed(shop).warnings)


def test_the_same_repository_gives_the_same_text(shop: Path) -> None:
    assert render(proposed(shop)) == render(proposed(shop))


def test_nothing_is_open_after_the_answers(tmp_path: Path) -> None:
    compose = 'services: {cart: {image: "${REGISTRY}/cart:${TAG}"}}'
    repository = without_checkouts(deployment(tmp_path, {"services/cart": True, "settings": False}, compose))
    open_points = proposed(repository).todos
    assert [todo.asks for todo in open_points] == [Asks.REGISTRY, Asks.TAG, Asks.IMAGE]
    answers = Answers(registry="ghcr.io/acme", tag="v-{sha:7}", has_image={"settings": False})
    proposal = proposed(repository, answers)
    manifest = loaded(repository, proposal)
    assert proposal.todos == ()
    assert str(manifest.image_of("cart", "a" * 40)) == "ghcr.io/acme/cart:v-aaaaaaa"
    assert manifest.services["settings"].image is False
    assert "TODO" not in render(proposal)


def test_submodules_without_checkout_are_found_and_the_doubtful_one_is_asked_about(tmp_path: Path) -> None:
    compose = 'services: {cart: {image: "ghcr.io/acme/cart:1"}}'
    repository = without_checkouts(deployment(tmp_path, {"services/cart": True, "tools/load": True}, compose))
    proposal = proposed(repository)
    assert set(loaded(repository, proposal).services) == {"cart", "load"}
    assert "    # image: false" in render(proposal)


def test_a_submodule_that_is_added_but_not_committed_is_named_so(tmp_path: Path) -> None:
    repository = deployment(tmp_path, {"services/cart": True})
    origin = tmp_path / "origins" / "cart"
    git(repository, "submodule", "--quiet", "add", str(origin), "services/second")
    text = render(proposed(repository))
    assert "submodule: services/second" in text
    assert "not committed yet" in text


def test_names_that_differ_by_habit_are_still_the_same_service(tmp_path: Path) -> None:
    compose = 'services: {orders: {image: "${REGISTRY:-ghcr.io/acme}/orders:1"}, ui: {image: "ghcr.io/acme/shop-web:1"}}'
    repository = deployment(tmp_path, {"src/shop_orders-service": True, "src/web": True}, compose)
    manifest = loaded(repository, proposed(repository))
    assert manifest.services["orders"].submodule == "src/shop_orders-service"
    assert manifest.compose_names("orders") == ["orders"]
    assert manifest.compose_names("web") == ["ui"]
    assert str(manifest.image_of("web", "a" * 40)).startswith("ghcr.io/acme/shop-web:")


def test_an_image_of_docker_hub_is_not_taken_for_the_submodule_of_that_name(tmp_path: Path) -> None:
    compose = 'services: {cart: {image: "ghcr.io/acme/cart:1"}, redis: {image: "redis:7"}}'
    repository = deployment(tmp_path, {"services/cart": True, "config/redis": False}, compose)
    proposal = proposed(repository)
    assert loaded(repository, proposal).services["redis"].image is False
    assert proposal.third_party == ("redis",)


MONOREPO = """services:
  api: {build: ../services/api}
  worker: {build: ../services/api}
  jobs: {build: {context: ../services/api, target: jobs}}
  front: {build: {context: .., dockerfile: services/web/Dockerfile}, image: "front:dev"}
  remote: {build: "https://git.example/acme/remote.git#main"}
  db: {image: "postgres:16"}
"""


def test_a_monorepo_is_locked_by_path(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "Mono Repo")
    for folder in ("services/api", "services/web", "tools/generator"):
        commit_file(repository, f"{folder}/Dockerfile", "FROM scratch\n")
    commit_file(repository, "deploy/docker-compose.yml", MONOREPO)
    proposal = proposed(repository)
    manifest = loaded(repository, proposal)
    assert manifest.project == "mono-repo"
    assert {name: service.path for name, service in manifest.services.items()} == {
        "api": "services/api", "jobs": "services/api", "front": "services/web",
    }  # fmt: skip
    assert manifest.compose_names("api") == ["api", "worker"]
    assert manifest.exclude == ["remote"]
    assert manifest.stack
    assert manifest.stack.files == ["deploy/docker-compose.yml"]
    assert manifest.image == f"{PLACEHOLDER}/{{service}}"
    assert "tools/generator has a Dockerfile" in render(proposal)


def test_images_named_like_folders_with_a_dockerfile_are_built_from_them(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "mono")
    commit_file(repository, "shop/cart/Dockerfile", "FROM scratch\n")
    compose = """services:
  cart: {image: "localhost:5000/shop/cart:latest"}
  store: {image: "localhost:5000/mirror/store:1"}
"""
    commit_file(repository, "compose/stack.yaml", compose)
    proposal = proposed(repository)
    manifest = loaded(repository, proposal)
    assert {name: service.path for name, service in manifest.services.items()} == {"cart": "shop/cart"}
    assert manifest.image == "localhost:5000/shop/{service}"
    assert proposal.third_party == ("store",)


def test_without_a_compose_file_every_dockerfile_is_a_service(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "mono")
    for folder in ("services/api", "services/web", "node_modules/other", ".hidden"):
        commit_file(repository, f"{folder}/Dockerfile", "FROM scratch\n")
    manifest = loaded(repository, proposed(repository))
    assert set(manifest.services) == {"api", "web"}
    assert manifest.stack is None


@pytest.mark.parametrize("in_git", [True, False])
def test_where_there_is_nothing_an_example_is_written_that_loads(tmp_path: Path, in_git: bool) -> None:
    if in_git:
        new_repository(tmp_path)
    proposal = proposed(tmp_path)
    assert set(loaded(tmp_path, proposal).services) == {"example"}
    assert proposal.is_example
    assert any("no commit" in str(problem) for problem in proposal.warnings)


def test_a_compose_file_that_cannot_be_read_is_told_and_kept(tmp_path: Path) -> None:
    repository = deployment(tmp_path, {"cart": True}, "services:\n\tcart: {}\n")
    proposal = proposed(repository)
    assert len([problem for problem in proposal.warnings if "tab" in str(problem)]) == 1
    assert loaded(repository, proposal).stack


def test_included_and_extended_files_are_read(tmp_path: Path) -> None:
    compose = "include: [parts/db.yaml]\nservices:\n  cart:\n    extends: {file: base.yaml, service: base}\n"
    repository = deployment(tmp_path, {"services/cart": True}, compose)
    commit_file(repository, "parts/db.yaml", "services: {db: {image: 'postgres:16'}}\n")
    commit_file(repository, "base.yaml", "services: {base: {image: 'ghcr.io/acme/cart:1'}}\n")
    proposal = proposed(repository)
    assert loaded(repository, proposal).image == "ghcr.io/acme/{service}"
    assert proposal.third_party == ("db",)


def test_variables_of_the_env_file_count(tmp_path: Path) -> None:
    repository = deployment(tmp_path, {"cart": True}, 'services: {cart: {image: "${REGISTRY}/cart:${TAG}"}}')
    (repository / ".env").write_text("REGISTRY=quay.io/acme\n")
    assert loaded(repository, proposed(repository)).image == "quay.io/acme/{service}"


@pytest.mark.parametrize(
    "path", ["services/a: b # c", "services/- x", "services/'q\"", "services/ünï", "services/{x}", "on"]
)
def test_a_path_with_signs_of_yaml_stays_one_text(tmp_path: Path, path: str) -> None:
    repository = deployment(tmp_path, {path: True})
    (service,) = loaded(repository, proposed(repository)).services.values()
    assert service.submodule == path


TEXTS = st.text(max_size=20) | st.sampled_from(
    ["../x", "/etc", "~", "a\nb", "${{ x }}", "a\\b", "#", ": ", "null", "1e3"]
)
USES = st.builds(
    ComposeUse,
    name=TEXTS, file=st.just("compose.yaml"), image=st.none() | TEXTS, builds=st.booleans(),
    context=st.none() | TEXTS, dockerfile=st.none() | TEXTS, target=st.none() | TEXTS, remote=st.none() | TEXTS,
)  # fmt: skip
MODULES = st.builds(
    FoundSubmodule,
    path=TEXTS, branch=st.none() | TEXTS, committed=st.booleans(), checked_out=st.booleans(),
    has_dockerfile=st.booleans(), inside=st.booleans(), bound_in=st.booleans(), api=st.none() | TEXTS,
)  # fmt: skip


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names")


@given(
    uses=st.lists(USES, max_size=4, unique_by=lambda use: use.name),
    modules=st.lists(MODULES, max_size=4, unique_by=lambda module: module.path),
    folder=TEXTS,
    project=st.none() | TEXTS,
    files=st.lists(TEXTS, max_size=3),
    dockerfiles=st.lists(TEXTS, max_size=3),
)
def test_whatever_names_are_found_the_manifest_loads(
    scratch: Path,
    uses: list[ComposeUse],
    modules: list[FoundSubmodule],
    folder: str,
    project: str | None,
    files: list[str],
    dockerfiles: list[str],
) -> None:
    found = Survey(
        folder=folder,
        submodules=tuple(modules),
        compose=ComposeFiles(tuple(files), tuple(files)),
        compose_project=project,
        uses=tuple(uses),
        dockerfiles=tuple(dockerfiles),
    )
    manifest = loaded(scratch, propose(found))
    for name in manifest.services:
        manifest.image_of(name, "a" * 40)
