"""Filling `{url.gateway}` and its like with the environment's `urls`, in the words that suites use too."""

from __future__ import annotations

from lockflight.errors import InputError
from lockflight.promotions.gates.model import Question
from lockflight.stacks.addresses import AddressedPort, Addresses
from lockflight.stacks.suites.placeholders import Values, fill

_PORTS = {"http": 80, "https": 443}


def filled(text: str, question: Question) -> str:
    """The text with every placeholder filled; one that cannot be is an `InputError`."""
    values = Values(addresses_of(question), question.lock.id, question.deployment.project)
    try:
        return fill(text, values)
    except ValueError as error:
        raise InputError(
            f"'{text}' cannot be filled for {question.environment}: {error}",
            hint=f"name the address under environments.{question.environment}.urls",
        ) from error


def addresses_of(question: Question) -> Addresses:
    """The environment's `urls` in the form in which a stack tells its addresses."""
    return Addresses({service: (_addressed(url),) for service, url in question.urls.items()})


def variables_of(question: Question) -> dict[str, str]:
    """What commands and suites are told of the environment and the lock."""
    return {
        **addresses_of(question).variables(),
        "LOCKFLIGHT_ENVIRONMENT": question.environment,
        "LOCKFLIGHT_LOCK": question.lock.id,
        "LOCKFLIGHT_STACK": question.deployment.project,
    }


def _addressed(url: str) -> AddressedPort:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise InputError(f"'{url}' is no address: {error}") from error
    # Without a '/' at the end, as a stack's addresses are: '{url.gateway}/health' must fit both.
    return AddressedPort(port, "tcp", host, port, url.rstrip("/"))
