"""Making a lock: what was said is held against what is there, and every disagreement has a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockflight.builds.labels import REVISION
from lockflight.builds.model import ApiSpec, Found, Record
from lockflight.builds.shelf import push_record
from lockflight.config import read_manifest
from lockflight.errors import InputError
from lockflight.findings import refusals
from lockflight.locks.file import render
from lockflight.locks.gather import Choice, gather
from lockflight.locks.make import Made, make_lock
from lockflight.locks.model import Lock, Source
from lockflight.ports.git import Change, Submodule, SubmoduleChange
from lockflight.ports.registry import RegistryUnavailable
from lockflight.progress import Silent
from lockflight.testing.git import FakeGit, FakeHistory
from lockflight.testing.registry import FakeRegistry

from . import builders

CART, ORDERS, SETTINGS = builders.commit("cart"), builders.commit("orders"), builders.commit("settings")
MANIFEST = """\
version: 1
project: shop
image: ghcr.io/acme/{service}
services:
  cart: {submodule: services/cart}
  orders: {path: orders}
  settings: {submodule: settings, image: false}
"""
STACK = """\
services:
  cart: {image: "ghcr.io/acme/cart:latest"}
  orders: {image: "ghcr.io/acme/orders:latest"}
  db: {image: "postgres:16-alpine"}
"""


@dataclass
class World:
    """A repository, a registry and a manifest, in which everything agrees until a test changes something."""

    root: Path
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    git: FakeGit = field(default_factory=FakeGit)

    def __post_init__(self) -> None:
        self.manifest(MANIFEST)
        self.git.modules = [
            Submodule("services/cart", CART, "https://git.example/acme/cart"),
            Submodule("settings", SETTINGS, "https://git.example/acme/settings"),
        ]
        self.git.last_changes = {"orders": ORDERS}
        self.digests = {
            name: self.push(name, commit) for name, commit in (("cart", CART), ("orders", ORDERS))
        }

    def manifest(self, text: str) -> None:
        (self.root / "lockflight.yaml").write_text(text)

    def push(self, name: str, commit: str, **how: Any) -> str:
        how.setdefault("labels", {REVISION: commit})
        return self.registry.add_image(f"ghcr.io/acme/{name}", commit, **how)

    def stack(self, text: str = STACK) -> None:
        (self.root / "stack.yaml").write_text(text)
        manifest = (self.root / "lockflight.yaml").read_text()
        if "stack:" not in manifest:
            self.manifest(manifest + "stack: {files: [stack.yaml]}\n")
        self.registry.add_image("postgres", "16-alpine")

    def record(self, name: str = "cart", **changes: Any) -> Found:
        values: dict[str, Any] = {
            "service": name,
            "commit": {"cart": CART, "orders": ORDERS}[name],
            "image": f"ghcr.io/acme/{name}",
            "tag": {"cart": CART, "orders": ORDERS}[name],
            "digest": self.digests[name],
        }
        return Found(Record(**{**values, **changes}), f"record {name}.json")

    def make(self, records: Sequence[Found] = (), choice: Choice | None = None) -> Made:
        manifest = read_manifest(self.root / "lockflight.yaml")
        gathered = gather(manifest, self.root, self.git, {}, records, choice or Choice(), Silent())
        made = make_lock(
            manifest, gathered.parts, self.registry, self.git, Silent(),
            source=Source(), created=datetime(2026, 11, 21, tzinfo=UTC),
        )  # fmt: skip
        findings = (*gathered.findings, *made.findings)
        lock = None if refusals(findings) else made.lock
        return Made(lock, findings, (*gathered.failures, *made.failures))

    def lock(self, records: Sequence[Found] = (), choice: Choice | None = None) -> Lock:
        made = self.make(records, choice)
        assert made.lock is not None, made
        return made.lock

    def refused(self, records: Sequence[Found] = (), choice: Choice | None = None) -> list[tuple[str, str]]:
        made = self.make(records, choice)
        assert made.lock is None
        return sorted((finding.code, finding.subject) for finding in refusals(made.findings))

    def noted(self, records: Sequence[Found] = ()) -> list[tuple[str, str]]:
        made = self.make(records)
        assert made.lock is not None, made
        return sorted((finding.code, finding.subject) for finding in made.findings)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_lock_names_every_service_by_commit_and_digest(world: World) -> None:
    lock = world.lock([world.record("cart"), world.record("orders")])
    assert {name: (s.commit, s.digest, s.origin) for name, s in lock.services.items()} == {
        "cart": (CART, world.digests["cart"], "record cart.json"),
        "orders": (ORDERS, world.digests["orders"], "record orders.json"),
        "settings": (SETTINGS, None, None),
    }


def test_the_same_inputs_give_the_same_bytes(world: World) -> None:
    records = [world.record("cart"), world.record("orders")]
    assert render(world.lock(records)) == render(world.lock(records[::-1]))


def test_without_records_the_labels_of_the_image_at_the_tag_serve(world: World) -> None:
    labels = {REVISION: CART, "org.opencontainers.image.version": "1.4.2",
              "org.opencontainers.image.created": "2026-11-20T17:12:09Z"}  # fmt: skip
    world.push("cart", CART, labels=labels, platforms=("linux/amd64", "linux/arm64"), attestations=True)
    cart = world.lock().services["cart"]
    assert (cart.origin, cart.version, sorted(cart.platforms)) == (
        "label",
        "1.4.2",
        ["linux/amd64", "linux/arm64"],
    )
    assert cart.built is not None


def test_without_labels_only_the_tag_vouches_and_that_is_noted(world: World) -> None:
    world.push("cart", CART, labels={})
    assert world.lock().services["cart"].origin == "tag"
    assert world.noted() == [("revision-absent", "cart")]


def test_a_manifest_may_want_more_than_a_tag(world: World) -> None:
    world.push("cart", CART, labels={})
    world.manifest(MANIFEST + "accept: [record, label]\n")
    assert world.refused() == [("not-accepted", "cart")]


def test_a_record_is_found_months_later_beside_its_image(world: World) -> None:
    push_record(world.registry, world.record("cart", version="2.0.0").record)
    cart = world.lock().services["cart"]
    assert cart.version == "2.0.0"
    assert str(cart.origin).startswith("record registry:sha256:")


def test_of_several_records_beside_an_image_that_of_the_commit_counts(world: World) -> None:
    push_record(world.registry, world.record("cart", version="2.0.0").record)
    push_record(world.registry, world.record("cart", commit="f" * 40, version="6.6.6").record)
    assert world.lock().services["cart"].version == "2.0.0"


def test_a_given_record_counts_before_one_in_the_registry(world: World) -> None:
    push_record(world.registry, world.record("cart", version="1.0.0").record)
    assert world.lock([world.record("cart", version="3.0.0")]).services["cart"].version == "3.0.0"


# Every disagreement by its name.


def test_a_record_that_is_wrong_in_every_way_is_told_so_in_every_way(world: World) -> None:
    record = world.record(
        "cart", commit="f" * 40, image="ghcr.io/acme/orders", digest=builders.digest("nowhere")
    )
    assert world.refused([record]) == [("commit-mismatch", "cart"), ("image-mismatch", "cart")]
    record = world.record("cart", commit="f" * 40, digest=builders.digest("nowhere"))
    assert {code for code, _ in world.refused([record])} == {"commit-mismatch", "tag-moved", "digest-missing"}


def test_without_any_commit_that_is_said_once(world: World) -> None:
    world.git.commit = None
    assert world.refused() == [("no-commit", "lockflight.yaml")]


def test_a_record_of_another_commit(world: World) -> None:
    assert world.refused([world.record("cart", commit="f" * 40)]) == [("commit-mismatch", "cart")]


def test_a_record_of_another_image(world: World) -> None:
    world.registry.add_image("ghcr.io/acme/basket", CART, labels={REVISION: CART})
    assert ("image-mismatch", "cart") in world.refused([world.record("cart", image="ghcr.io/acme/basket")])


def test_a_digest_that_the_registry_has_not(world: World) -> None:
    record = world.record("cart", digest=builders.digest("nowhere"), tag=None)
    assert ("digest-missing", "cart") in world.refused([record])


def test_an_image_that_nobody_built(world: World) -> None:
    world.registry.delete("ghcr.io/acme/cart", world.digests["cart"])
    assert world.refused() == [("image-missing", "cart")]


def test_a_tag_that_moved_is_told_with_both_digests(world: World) -> None:
    other = world.push("cart", "0" * 40)
    world.registry.move_tag("ghcr.io/acme/cart", CART, other)
    made = world.make([world.record("cart")])
    (finding,) = refusals(made.findings)
    assert (finding.code, finding.expected, finding.found) == ("tag-moved", world.digests["cart"], other)


def test_a_tag_that_is_gone_while_the_digest_is_there(world: World) -> None:
    del world.registry.repository("ghcr.io/acme/cart").tags[CART]
    assert world.refused([world.record("cart")]) == [("tag-missing", "cart")]


def test_a_revision_label_that_names_another_commit(world: World) -> None:
    world.digests["cart"] = world.push("cart", CART, labels={REVISION: "f" * 40})
    assert world.refused([world.record("cart")]) == [("revision-mismatch", "cart")]
    assert world.refused() == [("revision-mismatch", "cart")]


def test_a_revision_label_that_is_wrong_on_one_platform_only(world: World) -> None:
    platforms = ("linux/amd64", "linux/arm64")
    wrong = {"linux/arm64": {REVISION: "f" * 40}}
    world.push("cart", CART, platforms=platforms, platform_labels=wrong)
    assert ("revision-mismatch", "cart") in world.refused()


def test_a_platform_may_be_written_as_docker_does(world: World) -> None:
    world.push("cart", CART, platforms=("linux/arm64",))
    world.push("orders", ORDERS, platforms=("linux/arm64",))
    world.manifest(MANIFEST + "platforms: [linux/arm64/v8]\n")
    assert world.lock().services["cart"].platforms


def test_records_beside_an_image_that_contradict_each_other(world: World) -> None:
    for word in ("one", "two"):
        api = ApiSpec(path="openapi.yaml", digest=builders.digest(word))
        push_record(world.registry, world.record("cart", api=api).record)
    assert world.refused() == [("records-disagree", "cart")]


def test_a_commit_that_nobody_knows_is_not_set_for_mere_configuration(world: World) -> None:
    world.git.checkouts["settings"] = FakeHistory()
    assert world.refused(choice=Choice(overrides={"settings": "1" * 40})) == [("commit-unknown", "settings")]


def test_an_index_without_the_wanted_platform(world: World) -> None:
    world.manifest(MANIFEST + "platforms: [linux/arm64]\n")
    assert world.refused() == [("platform-missing", "cart"), ("platform-missing", "orders")]


def test_a_record_that_tells_of_another_platform_image(world: World) -> None:
    record = world.record("cart", platforms={"linux/amd64": builders.digest("other")})
    assert world.refused([record]) == [("platform-mismatch", "cart")]


def test_a_commit_that_lies_on_another_branch(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, branch: main}"))
    world.git.checkouts["services/cart"] = FakeHistory(branches={"main": "e" * 40})
    world.git.remotes["https://git.example/acme/cart"] = FakeHistory(branches={"main": "e" * 40})
    assert world.refused() == [("branch-mismatch", "cart")]


def test_a_branch_whose_repository_does_not_answer_is_a_failure_that_hides_no_finding(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, branch: main}"))
    world.push("cart", CART, labels={REVISION: "f" * 40})
    made = world.make()
    assert [finding.code for finding in refusals(made.findings)] == ["revision-mismatch"]
    assert ["cannot be read" in str(failure) for failure in made.failures] == [True]


def test_a_branch_that_nobody_can_tell_about_is_noted(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, branch: main}"))
    world.git.modules[0] = Submodule("services/cart", CART)
    assert world.noted() == [("branch-unknown", "cart")]


@pytest.mark.parametrize("change", Change)
def test_a_submodule_that_is_not_as_committed_is_refused_by_name(world: World, change: Change) -> None:
    world.git.changes = [SubmoduleChange("services/cart", change, "detail")]
    assert world.refused() == [("submodule-changed", "cart")]


def test_a_folder_with_uncommitted_changes_is_refused_by_name(world: World) -> None:
    world.git.dirty = {"orders"}
    assert world.refused() == [("path-changed", "orders")]


def test_a_commit_that_git_cannot_tell(world: World) -> None:
    world.git.last_changes = {}
    assert world.refused() == [("commit-unknown", "orders")]


def test_a_submodule_that_is_none(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart", "services/carts"))
    made = world.make()
    (finding,) = refusals(made.findings)
    assert (finding.code, finding.hint) == ("submodule-missing", "did you mean 'services/cart'?")


def test_a_branch_of_another_repository(world: World) -> None:
    url = "https://git.example/acme/cart"
    world.manifest(MANIFEST.replace("{submodule: services/cart}", f"{{repository: '{url}', ref: main}}"))
    world.git.remotes[url] = FakeHistory()
    assert world.refused() == [("ref-missing", "cart")]
    world.git.remotes[url] = FakeHistory(branches={"main": CART})
    assert world.lock().services["cart"].repository == url


def test_a_record_for_an_unknown_service(world: World) -> None:
    made = world.make([world.record("cart", service="carts")])
    (finding,) = refusals(made.findings)
    assert (finding.code, finding.hint) == ("unknown-service", "did you mean 'cart'?")


def test_two_records_for_one_service_that_disagree(world: World) -> None:
    codes = world.refused(
        [world.record("cart"), world.record("cart", version="1", digest=builders.digest("x"))]
    )
    assert ("records-disagree", "cart") in codes


def test_an_api_description_that_is_not_the_one_in_the_commit(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, api: openapi.yaml}"))
    world.git.checkouts["services/cart"] = FakeHistory(files={(CART, "openapi.yaml"): b"openapi: 3.1.0"})
    here = world.lock().services["cart"].api
    assert here is not None
    other = ApiSpec(path="openapi.yaml", digest=builders.digest("other"))
    assert world.refused([world.record("cart", api=other)]) == [("api-mismatch", "cart")]
    assert world.lock([world.record("cart", api=here)]).services["cart"].api == here


def test_bytes_that_do_not_hash_to_their_digest_are_a_finding(world: World) -> None:
    world.registry.tamper("ghcr.io/acme/cart", world.digests["cart"], b"{}")
    assert world.refused() == [("wrong-content", "cart")]


def test_all_findings_of_all_services_are_reported_together(world: World) -> None:
    world.registry.delete("ghcr.io/acme/cart", world.digests["cart"])
    world.push("orders", ORDERS, labels={REVISION: "f" * 40})
    assert world.refused() == [("image-missing", "cart"), ("revision-mismatch", "orders")]


def test_one_registry_that_is_down_does_not_hide_what_was_found(world: World) -> None:
    world.registry.failures["ghcr.io/acme/cart"] = RegistryUnavailable("ghcr.io does not answer")
    world.push("orders", ORDERS, labels={REVISION: "f" * 40})
    made = world.make()
    assert [finding.code for finding in refusals(made.findings)] == ["revision-mismatch"]
    assert [str(failure) for failure in made.failures] == ["ghcr.io does not answer"]


# Third-party images.


def test_third_party_images_are_found_and_locked_by_digest(world: World) -> None:
    world.stack()
    (image,) = world.lock().images.items()
    assert image[0] == "db"
    assert (image[1].image, image[1].tag) == ("docker.io/library/postgres", "16-alpine")


def test_a_third_party_image_that_the_registry_has_not(world: World) -> None:
    world.stack(STACK.replace("16-alpine", "99"))
    assert world.refused() == [("image-missing", "db")]


def test_a_third_party_image_is_interpolated_as_compose_would(world: World) -> None:
    (world.root / ".env").write_text("PG=16-alpine\n")
    world.stack(STACK.replace("16-alpine", "${PG:?set it}"))
    assert world.lock().images["db"].tag == "16-alpine"


def test_a_variable_that_only_a_services_own_image_requires_need_not_be_set(world: World) -> None:
    world.stack(STACK.replace("acme/cart:latest", "acme/cart:${CART_TAG:?set by the deploy script}"))
    assert sorted(world.lock().images) == ["db"]
    world.stack(STACK.replace("16-alpine", "${PG:?set it}"))
    with pytest.raises(InputError, match="needs the variable PG, which is not set: set it"):
        world.make()


def test_a_service_of_the_stack_that_nobody_locks_is_refused_by_name(world: World) -> None:
    world.stack(STACK + "  helper: {build: ./helper}\n")
    assert world.refused() == [("unlocked-service", "helper")]
    world.manifest((world.root / "lockflight.yaml").read_text() + "exclude: [helper]\n")
    assert "helper" not in world.lock().images


def test_a_second_compose_service_with_a_services_own_image_is_no_third_party(world: World) -> None:
    world.stack(STACK + '  worker: {image: "ghcr.io/acme/cart:latest"}\n')
    assert sorted(world.lock().images) == ["db"]
    assert ("same-image", "worker") in world.noted()


def test_a_service_that_is_not_in_the_stack_is_noted(world: World) -> None:
    world.stack(STACK.replace("  orders:", "  order:").replace("acme/orders", "acme/cart"))
    assert ("not-in-stack", "orders") in world.noted()


# Deriving one lock from another.


def test_a_hotfix_takes_one_new_build_and_names_its_parent(world: World) -> None:
    parent = world.lock()
    fixed = "9" * 40
    digest = world.push("cart", fixed)
    child = world.lock(choice=Choice(overrides={"cart": fixed}, parent=parent))
    assert child.source.parent == parent.id
    assert child.services["cart"].digest == digest
    assert child.services["orders"] == parent.services["orders"]


def test_services_that_are_kept_are_not_asked_about(world: World) -> None:
    parent = world.lock()
    world.registry.failures["ghcr.io/acme/orders"] = RegistryUnavailable("down")
    world.git.last_changes = {}
    assert world.lock(choice=Choice(only=frozenset({"cart"}), parent=parent)).id == parent.id


def test_a_lock_that_comes_out_as_its_parent_is_that_parent(world: World) -> None:
    parent = world.lock()
    again = world.lock(choice=Choice(only=frozenset({"cart"}), parent=parent))
    assert again.id == parent.id
    assert again.source.parent is None


def test_a_kept_third_party_image_stays_even_when_its_tag_moved(world: World) -> None:
    world.stack()
    parent = world.lock()
    world.registry.add_image("postgres", "16-alpine", labels={"newer": "yes"})
    assert world.lock(choice=Choice(only=frozenset({"cart"}), parent=parent)).images == parent.images
    assert world.lock().images != parent.images


def test_options_that_name_unknown_services_are_refused(world: World) -> None:
    with pytest.raises(InputError, match="--only names 'carts'"):
        world.make(choice=Choice(only=frozenset({"carts"})))
    with pytest.raises(InputError, match="--set names 'x'"):
        world.make(choice=Choice(overrides={"x": CART}))


def test_records_of_a_kept_service_that_disagree_are_only_noted(world: World) -> None:
    parent = world.lock()
    records = [world.record("orders"), world.record("orders", digest=builders.digest("x"))]
    assert world.lock(records, Choice(only=frozenset({"cart"}), parent=parent)).id == parent.id


def test_a_parent_of_another_project_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="is of project 'other'"):
        world.make(choice=Choice(only=frozenset({"cart"}), parent=builders.lock(project="other")))


def test_a_lock_that_comes_out_as_its_parent_keeps_what_that_was_derived_from(world: World) -> None:
    made = world.lock()
    parent = made.model_copy(update={"source": Source(parent="a" * 64)})
    assert world.lock(choice=Choice(only=frozenset({"cart"}), parent=parent)).source.parent == "a" * 64


def values(made: Made) -> dict[str, tuple[str | None, str | None]]:
    return {finding.code: (finding.expected, finding.found) for finding in refusals(made.findings)}


def test_what_is_missing_is_told_with_both_values(world: World) -> None:
    nowhere = builders.digest("nowhere")
    told = values(world.make([world.record("cart", digest=nowhere, tag="none")]))
    assert told == {"tag-missing": ("none", "nothing"), "digest-missing": (nowhere, "nothing")}
    world.registry.delete("ghcr.io/acme/cart", world.digests["cart"])
    assert values(world.make()) == {"image-missing": (f"ghcr.io/acme/cart:{CART}", "nothing")}


def test_a_commit_on_another_branch_is_told_with_both_values(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, branch: main}"))
    world.git.remotes["https://git.example/acme/cart"] = FakeHistory(branches={"main": "e" * 40})
    assert values(world.make()) == {"branch-mismatch": ("main", CART)}


def test_a_branch_that_does_not_exist_is_told_as_such(world: World) -> None:
    world.manifest(MANIFEST.replace("services/cart}", "services/cart, branch: mian}"))
    branches = {"main": "e" * 40, "develop": "e" * 40}
    world.git.remotes["https://git.example/acme/cart"] = FakeHistory(branches=branches)
    made = world.make()
    assert values(made) == {"branch-missing": ("mian", "develop, main")}
    assert [finding.hint for finding in refusals(made.findings)] == ["did you mean 'main'?"]
