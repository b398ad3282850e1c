"""What a person reads when a registry fails: what was wanted, what happened, and what may help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lockflight.adapters.registry_oci.content import Disbelieved, Unusable
from lockflight.adapters.registry_oci.http import Answer
from lockflight.adapters.registry_oci.tokens import Denied
from lockflight.ports.registry import RegistryDenied, RegistryUnavailable, WrongContent

_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,39}")


def unavailable(registry: str, about: str, why: str, hint: str | None = None) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"cannot {about}: {why}",
        hint=hint or f"is {registry} up, and can it be reached from here?",
        code="registry-unavailable",
    )


def resting(registry: str, about: str, reason: str, hint: str | None = None) -> RegistryUnavailable:
    why = f"{registry} failed too often just now and is left alone for a while; the last time: {reason}"
    return unavailable(registry, about, why, hint)


def unexpected(registry: str, about: str, answer: Answer, hint: str | None = None) -> RegistryUnavailable:
    """The registry answered, but nothing that can be used."""
    why, usual = complaint(registry, answer)
    return unavailable(registry, about, why, hint or usual)


def complaint(where: str, answer: Answer) -> tuple[str, str | None]:
    """What a host answered instead of what was asked for, and what may help."""
    said = f"{where} {described(answer)}"
    if answer.status == 429:
        return f"{said}: it limits how often it may be asked", "log in, or try again later"
    if answer.status >= 500:
        return f"{said}: it is up but failing", "try again later; its operators see more in its log"
    return said, None


def described(answer: Answer) -> str:
    """An answer in words: its status, and the code of its error where it is one of the specification's.

    Nothing else of its text is repeated: a registry may echo what it was sent, secrets included.
    """
    try:
        code = str(json.loads(answer.body)["errors"][0]["code"])
    except (ValueError, LookupError, TypeError, RecursionError):
        code = ""
    return f"answered {answer.status_line}" + (f" ({code})" if _CODE.fullmatch(code) else "")


def denied(registry: str, about: str, error: Denied) -> RegistryDenied:
    lookup = error.lookup
    if lookup.trouble:
        found = lookup.trouble
    elif lookup.credentials is not None:
        found = f"the credentials from {lookup.source} do not suffice"
    elif lookup.source:
        found = f"there are no credentials for it in {lookup.source}"
    else:
        found = "no credentials were looked for"
    return RegistryDenied(
        f"cannot {about}: {registry} {error.why}; {found}",
        hint=error.hint
        or lookup.hint
        or f"docker login {registry}; a repository that does not exist is often denied like this too",
        code="registry-denied",
    )


def wrong_content(about: str, why: str) -> WrongContent:
    return WrongContent(
        f"cannot {about}: {why}",
        hint="the registry, or something between it and this machine, hands over other content than it names",
        code="wrong-content",
    )


@contextmanager
def believing(registry: str, about: str) -> Iterator[None]:
    """Around looking at what a registry handed over: disbelief becomes an error of the Registry port."""
    try:
        yield
    except Disbelieved as error:
        raise wrong_content(about, str(error)) from error
    except Unusable as error:
        raise unavailable(registry, about, str(error), f"is {registry} a container registry?") from error
