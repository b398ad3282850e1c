"""What a person at the terminal is asked, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockflight.setup.compose_places import ComposeFiles
from lockflight.setup.compose_reading import ComposeUse
from lockflight.setup.proposal import Answers, Proposal, propose
from lockflight.setup.questions import answered, image_problem, registry_problem, tag_problem
from lockflight.setup.survey import FoundSubmodule, Survey

OPEN = Survey(
    folder="shop",
    submodules=(FoundSubmodule("cart"), FoundSubmodule("settings")),
    compose=ComposeFiles(("compose.yaml",)),
    uses=(ComposeUse("cart", "compose.yaml", "${REGISTRY}/cart:${TAG}"),),
)


class Person:
    """Answers in order, and remembers what was asked and complained about."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.questions: list[str] = []
        self.complaints: list[str] = []

    def ask(self, question: str) -> str:
        self.questions.append(question)
        return next(self._answers) + "\n"

    def about(self, proposal: Proposal) -> Answers:
        return answered(proposal, Answers(), self.ask, self.complaints.append)


def test_everything_open_is_asked_and_taken() -> None:
    person = Person("ghcr.io/acme/", "v-{sha}", "n")
    answers = person.about(propose(OPEN))
    assert answers == Answers(registry="ghcr.io/acme", tag="v-{sha}", has_image={"settings": False})
    assert propose(OPEN, answers).todos == ()


def test_an_empty_answer_leaves_it_open() -> None:
    person = Person("", "", "")
    assert person.about(propose(OPEN)) == Answers()
    assert len(person.questions) == 3


def test_a_wrong_answer_is_asked_again_but_not_for_ever() -> None:
    person = Person("not a registry", "ghcr.io/acme", "latest", "{commit}", "x y", "maybe", "yes")
    answers = person.about(propose(OPEN))
    assert answers.registry == "ghcr.io/acme"
    assert answers.tag is None
    assert answers.has_image == {"settings": True}
    assert len(person.complaints) == 5


def test_a_name_that_variables_hide_is_asked_for() -> None:
    hidden = Survey(
        folder="shop",
        submodules=(FoundSubmodule("cart"),),
        uses=(ComposeUse("cart", "compose.yaml", "${CART_IMAGE}"),),
    )
    person = Person("ghcr.io/acme", "ghcr.io/acme/basket")
    assert propose(hidden, person.about(propose(hidden))).services[0].image == "ghcr.io/acme/basket"


@pytest.mark.parametrize("registry", ["ghcr.io/acme", "localhost:5000", "registry.acme.org/a/b/"])
def test_a_registry_may_have_folders(registry: str) -> None:
    assert registry_problem(registry) is None


@pytest.mark.parametrize(
    "registry", ["acme", "https://ghcr.io/acme", "ghcr.io/Acme", "ghcr.io/acme:1", "a b", "-"]
)
def test_what_is_no_registry_is_refused_with_a_reason(registry: str) -> None:
    assert registry_problem(registry)


def test_an_image_has_no_tag_and_a_tag_has_a_commit() -> None:
    assert image_problem("ghcr.io/acme/cart:1")
    assert image_problem("ghcr.io/acme/cart") is None
    assert tag_problem("latest")
    assert tag_problem("{sha}{")
    assert tag_problem("main-{sha:7}") is None
