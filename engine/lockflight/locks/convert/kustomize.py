"""A kustomize component with an `images` list, which replaces images wherever the resources name them.

kustomize compares names letter by letter, so an image of Docker Hub is listed in every spelling that people
use (`postgres`, `library/postgres`, `docker.io/library/postgres`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockflight.locks.convert.pinned import (
    Naming,
    Pinned,
    by_name,
    header,
    images_of,
    joined,
    list_lines,
)

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


def render(lock: Lock, naming: Naming = "image") -> str:
    found = by_name(_named(lock, naming), "the image")
    entries = [
        {"name": name, "newName": found[name].image, "digest": found[name].digest} for name in sorted(found)
    ]
    head = [header(lock), "apiVersion: kustomize.config.k8s.io/v1alpha1", "kind: Component"]
    return joined([*head, "images:" if entries else "images: []", *list_lines(entries)])


def _named(lock: Lock, naming: Naming) -> Iterator[tuple[str, Pinned]]:
    for pinned in images_of(lock):
        if naming == "service":
            yield pinned.name, pinned
        else:
            yield from ((spelling, pinned) for spelling in pinned.spellings)
