"""What a person at the terminal is asked, and how the answers are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lockflight import names
from lockflight.setup.proposal import Answers, Asks, Proposal, ToDo

Ask = Callable[[str], str]

_ATTEMPTS = 3


def answered(proposal: Proposal, answers: Answers, ask: Ask, complain: Callable[[str], None]) -> Answers:
    """Ask everything that is left to do; an empty answer leaves it to do."""
    for todo in proposal.todos:
        for _ in range(_ATTEMPTS):
            said = ask(_question(todo, proposal)).strip()
            problem = _problem(todo, said) if said else None
            if problem is None:
                break
            complain(problem)
        else:
            said = ""
        answers = _with(answers, todo, said) if said else answers
    return answers


def _question(todo: ToDo, proposal: Proposal) -> str:
    if todo.asks is Asks.REGISTRY:
        return "Where are your images? (such as ghcr.io/acme; empty: later) "
    if todo.asks is Asks.TAG:
        written = proposal.naming.tag_written
        return f"How is an image tagged, with {{sha}} or {{sha:7}} for the commit? ({written}; empty: later) "
    if todo.asks is Asks.IMAGE:
        return f"Has the submodule {todo.subject} an image of its own? (y/n; empty: later) "
    return f"What is the image of '{todo.subject}' called, without its tag? (empty: later) "


def _problem(todo: ToDo, said: str) -> str | None:
    if todo.asks is Asks.REGISTRY:
        return registry_problem(said)
    if todo.asks is Asks.TAG:
        return tag_problem(said)
    if todo.asks is Asks.IMAGE:
        return None if said.lower() in ("y", "yes", "n", "no") else "please answer y or n"
    return image_problem(said)


def _with(answers: Answers, todo: ToDo, said: str) -> Answers:
    if todo.asks is Asks.REGISTRY:
        return replace(answers, registry=said.rstrip("/"))
    if todo.asks is Asks.TAG:
        return replace(answers, tag=said)
    if todo.asks is Asks.IMAGE:
        has_image = said.lower().startswith("y")
        return replace(answers, has_image={**answers.has_image, todo.subject: has_image})
    return replace(answers, images={**answers.images, todo.subject: said})


def registry_problem(text: str) -> str | None:
    """Why images cannot lie there; None when they can."""
    return image_problem(f"{text.rstrip('/')}/{{service}}")


def image_problem(template: str) -> str | None:
    """Why this is no name of an image; None when it is."""
    from pydantic import TypeAdapter, ValidationError

    from lockflight.config import ImageTemplate

    try:
        TypeAdapter(ImageTemplate).validate_python(template)
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    first = template.split("/")[0]
    if "/" not in template or not ("." in first or ":" in first or first == "localhost"):
        return f"{template!r} names no registry; one is expected first, such as ghcr.io/acme"
    return None


def tag_problem(template: str) -> str | None:
    """Why no tag can be made of this; None when one can."""
    problem = names.template_problem(template)
    if problem is not None:
        return problem
    try:
        sample = names.expand(template, service="service", sha="0123456789abcdef" * 3)
        names.parse_reference(f"registry.example/service:{sample}")
    except ValueError as error:
        return str(error)
    return (
        None if "{sha" in template else f"{template!r} does not have the commit in it: {{sha}} or {{sha:7}}"
    )
