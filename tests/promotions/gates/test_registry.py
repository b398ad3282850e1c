"""The `registry` gate: everything that runs in the environment must still be there."""

from __future__ import annotations

from dataclasses import replace

from lockflight.locks.convert.pinned import images_of
from lockflight.locks.model import Lock, LockedImage, LockedService
from lockflight.names import parse_reference
from lockflight.ports.registry import RegistryUnavailable
from lockflight.promotions.gates.model import Question
from lockflight.testing.registry import FakeRegistry
from tests.locks import builders
from tests.promotions.gates.questions import ask, question

BOTH = ("linux/amd64", "linux/arm64")


class Shop:
    """Two services and a database, all of them in a registry, and a lock of them."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        services = {name: self._service(name) for name in ("cart", "orders")}
        digest = self.registry.add_image("docker.io/library/postgres", "16", platforms=BOTH)
        postgres = LockedImage(image="docker.io/library/postgres", tag="16", digest=digest)
        self.lock: Lock = builders.lock(services=services, images={"postgres": postgres})

    def _service(self, name: str) -> LockedService:
        digest = self.registry.add_image(f"ghcr.io/acme/{name}", "main", platforms=BOTH)
        return builders.service(
            name, digest=digest, platforms=self._platforms(f"ghcr.io/acme/{name}@{digest}")
        )

    def _platforms(self, reference: str) -> dict[str, str]:
        from lockflight.builds.labels import inspect

        facts = inspect(self.registry, parse_reference(reference))
        assert facts is not None
        return facts.platforms

    @property
    def question(self) -> Question:
        return question(self.lock, registry=self.registry)

    def child_of(self, image: str, digest: str, platform: str) -> str:
        return self._platforms(f"{image}@{digest}")[platform]


def test_a_registry_that_has_everything_says_yes() -> None:
    answer = ask("registry", {}, Shop().question)
    assert (answer.verdict, answer.reason) == ("yes", "the registry has all 3 images")


def test_everything_that_is_missing_is_named() -> None:
    shop = Shop()
    cart, postgres = shop.lock.services["cart"], shop.lock.images["postgres"]
    shop.registry.delete("ghcr.io/acme/cart", str(cart.digest))
    shop.registry.delete(postgres.image, postgres.digest)
    answer = ask("registry", {}, shop.question)
    assert answer.verdict == "no"
    assert answer.details["missing"] == [
        f"docker.io/library/postgres@{postgres.digest}",
        f"ghcr.io/acme/cart@{cart.digest}",
    ]
    assert answer.reason == f"2 missing: {', '.join(answer.details['missing'])}"


def test_an_index_of_which_a_clean_up_left_only_the_shell_says_no() -> None:
    shop = Shop()
    cart, postgres = shop.lock.services["cart"], shop.lock.images["postgres"]
    arm = shop.child_of(postgres.image, postgres.digest, "linux/arm64")
    shop.registry.delete("ghcr.io/acme/cart", cart.platforms["linux/amd64"])
    shop.registry.delete(postgres.image, arm)
    assert ask("registry", {}, shop.question).details["missing"] == [
        f"docker.io/library/postgres@{arm} (linux/arm64)",
        f"ghcr.io/acme/cart@{cart.platforms['linux/amd64']} (linux/amd64)",
    ]


def test_a_lock_that_knows_no_platforms_is_asked_for_all_of_them_too() -> None:
    shop = Shop()
    cart = shop.lock.services["cart"]
    bare = builders.lock(services={"cart": cart.model_copy(update={"platforms": {}})}, images={})
    shop.registry.delete("ghcr.io/acme/cart", cart.platforms["linux/arm64"])
    answer = ask("registry", {}, question(bare, registry=shop.registry))
    assert answer.details["missing"] == [f"ghcr.io/acme/cart@{cart.platforms['linux/arm64']} (linux/arm64)"]


def test_only_what_runs_in_the_environment_is_asked_for() -> None:
    shop = Shop()
    shop.registry.delete("ghcr.io/acme/orders", str(shop.lock.services["orders"].digest))
    images = {one.name: one.reference for one in images_of(shop.lock) if one.name != "orders"}
    about = replace(shop.question, deployment=replace(shop.question.deployment, images=images))
    assert ask("registry", {}, about).verdict == "yes"


def test_a_registry_that_is_down_makes_the_answer_unknown() -> None:
    shop = Shop()
    shop.registry.failures["docker.io"] = RegistryUnavailable("docker.io did not answer")
    answer = ask("registry", {}, shop.question)
    assert (answer.verdict, answer.reason) == ("unknown", "docker.io did not answer")


def test_a_registry_that_is_down_hides_nothing_that_another_one_has_lost() -> None:
    shop = Shop()
    cart = shop.lock.services["cart"]
    shop.registry.failures["docker.io"] = RegistryUnavailable("docker.io did not answer")
    shop.registry.delete("ghcr.io/acme/cart", str(cart.digest))
    answer = ask("registry", {}, shop.question)
    assert (answer.verdict, answer.details["failures"]) == ("no", ["docker.io did not answer"])
    assert answer.details["missing"] == [f"ghcr.io/acme/cart@{cart.digest}"]


def test_a_registry_that_hands_over_other_bytes_says_no() -> None:
    shop = Shop()
    cart = shop.lock.services["cart"]
    shop.registry.tamper("ghcr.io/acme/cart", str(cart.digest), b"{}")
    answer = ask("registry", {}, shop.question)
    assert answer.verdict == "no"
    assert f"ghcr.io/acme/cart@{cart.digest}" in answer.reason


def test_an_environment_in_which_nothing_with_an_image_runs_says_yes() -> None:
    about = question()
    assert (
        ask("registry", {}, replace(about, deployment=replace(about.deployment, images={}))).verdict == "yes"
    )
