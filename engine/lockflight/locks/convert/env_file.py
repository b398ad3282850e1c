"""Variables for a shell, for `docker run --env-file` and for Compose's `.env`.

The three disagree on quotes: docker keeps them as part of the value, a shell and Compose take them off. So no
value is quoted, and only characters are let through that mean themselves to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockflight.errors import InputError
from lockflight.locks.convert.pinned import Pinned, header, joined, services_of, third_party_of

if TYPE_CHECKING:
    from lockflight.locks.model import Lock

LOCK_ID = "LOCKFLIGHT_LOCK_ID"
# No white space, quotes, '$', '\', '#', '~' or glob characters; '[' and ']' stand around IPv6 addresses.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@+\[\]-]+")


def render(lock: Lock) -> str:
    found: dict[str, tuple[str, str]] = {}
    for owner, variable, value in _variables(lock):
        before = found.setdefault(variable, (owner, value))
        if before[0] != owner:
            raise InputError(
                f"the variable {variable} would belong to both {before[0]} and {owner}",
                hint="rename one of them in the manifest, or write another format",
                code="name-clash",
            )
    lines = [f"{variable}={_plain(variable, value)}" for variable, (_, value) in found.items()]
    return joined([header(lock), *lines])


def variable_stem(name: str) -> str:
    """`cart-api` is `CART_API`; a variable cannot start with a digit, so `2fa` is `_2FA`."""
    stem = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"_{stem}" if stem[0].isdigit() else stem


def _variables(lock: Lock) -> Iterator[tuple[str, str, str]]:
    """Who owns it, its name, its value."""
    yield "the lock", LOCK_ID, lock.id
    images = {pinned.name: pinned for pinned in services_of(lock)}
    for name, service in sorted(lock.services.items()):
        yield f"service {name}", f"{variable_stem(name)}_COMMIT", service.commit
        if name in images:
            yield from _of_image(f"service {name}", images[name])
    for pinned in third_party_of(lock):
        yield from _of_image(f"third-party image {pinned.name}", pinned)


def _of_image(owner: str, pinned: Pinned) -> Iterator[tuple[str, str, str]]:
    stem = variable_stem(pinned.name)
    yield owner, f"{stem}_IMAGE", pinned.reference
    yield owner, f"{stem}_REPOSITORY", pinned.image
    yield owner, f"{stem}_DIGEST", pinned.digest
    if pinned.tag:
        yield owner, f"{stem}_TAG", pinned.tag


def _plain(variable: str, value: str) -> str:
    if not _PLAIN.fullmatch(value):
        raise InputError(
            f"the value of {variable} cannot be written so that every reader understands it: {value!r}"
        )
    return value
