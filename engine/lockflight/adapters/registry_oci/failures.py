"""What a person reads when a registry fails: what was wanted, what happened, and what may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lockflight.adapters.registry_oci.content import Disbelieved, Unusable
from lockflight.adapters.registry_oci.tokens import Denied
from lockflight.ports.registry import RegistryDenied, RegistryUnavailable, WrongContent


def unavailable(registry: str, about: str, why: str, hint: str | None = None) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"cannot {about}: {why}",
        hint=hint or f"is {registry} up, and can it be reached from here?",
        code="registry-unavailable",
    )


def resting(registry: str, about: str, reason: str) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"cannot {about}: {registry} failed too often just now and is left alone for a while; "
        f"the last time: {reason}",
        hint=f"is {registry} up, and can it be reached from here?",
        code="registry-unavailable",
    )


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
        hint=f"docker login {registry}; a repository that does not exist is often denied like this too",
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
