"""Names made from what people called their folders, and whether two of them mean the same service."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from lockflight import names

_SUFFIXES = ("-service", "-svc", "-app", "-server", "-backend", "-image", "-docker")
_PREFIXES = ("service-", "svc-", "app-")
_LONGEST_PATH = 1000


def service_name(text: str) -> str:
    """A name that Compose, our manifest and an image's path all accept."""
    words = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    name = re.sub(r"[._-]*-[._-]*|[._]{2,}", "-", words).strip("._-")[:64].rstrip("._-")
    return name or "service"


def project_name(text: str) -> str:
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("_-")[:63]
    return name or "project"


def repository_name(url: str | None) -> str | None:
    """`shop` for `git@github.com:acme/shop.git`."""
    return re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git") or None if url else None


def last_part(path: str) -> str:
    return PurePosixPath(path).name


def same_name_key(text: str, project: str) -> str:
    """Two names with the same key mean the same service: `shop_cart-service` and `cart`."""
    key = re.sub(r"[._-]+", "-", text.lower())
    key = key.removeprefix(f"{project}-")
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    for suffix in _SUFFIXES:
        key = key.removesuffix(suffix)
    return key or text.lower()


def is_usable_path(path: str) -> bool:
    """Whether the manifest can hold a path: what it refuses must not be written into it."""
    return (
        path.isprintable()
        and 0 < len(path) <= _LONGEST_PATH
        and not path.startswith(("/", "~"))
        and "\\" not in path
        and ".." not in PurePosixPath(path).parts
    )


def is_service_name(text: str) -> bool:
    return re.fullmatch(names.SERVICE, text) is not None


def one_line(text: str) -> str:
    """Text from outside, fit for a comment or a message."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class Unique:
    """Hands out each name once: the second `cart` becomes `cart-2`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, *wishes: str, avoid: Collection[str] = ()) -> str:
        """The first wish that is still free, made fit; else the last one with a number."""
        for wish in wishes:
            if self._take(service_name(wish), avoid):
                return service_name(wish)
        number = 2
        while not self._take(f"{service_name(wishes[-1])}-{number}", avoid):
            number += 1
        return f"{service_name(wishes[-1])}-{number}"

    def _take(self, name: str, avoid: Collection[str]) -> bool:
        if name in self._taken or name in avoid:
            return False
        self._taken.add(name)
        return True
