"""Helm values: the images of a lock in the shape that charts commonly read.

    lock: {id: 3f9a…}
    services:
      cart:
        image: {repository: ghcr.io/acme/cart, tag: 7ef65d6…, digest: sha256:…}
    images:                        # third-party images, where the lock has any
      postgres:
        image: {repository: docker.io/library/postgres, tag: 16-alpine, digest: sha256:…}

A template pulls `{{ .repository }}@{{ .digest }}`; the tag is for people. With a prefix (`global.shop`) all
of it stands below those keys, which is how values reach a subchart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lockflight.locks.convert.pinned import Pinned, header, joined, services_of, third_party_of
from lockflight.yaml_text import mapping_lines

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


def render(lock: Lock, prefix: tuple[str, ...] = ()) -> str:
    values: dict[str, Any] = {"lock": {"id": lock.id}, "services": _entries(services_of(lock))}
    third_party = _entries(third_party_of(lock))
    if third_party:
        values["images"] = third_party
    for key in reversed(prefix):
        values = {key: values}
    return joined([header(lock), *mapping_lines(values)])


def _entries(images: Iterable[Pinned]) -> dict[str, Any]:
    return {pinned.name: {"image": _image(pinned)} for pinned in images}


def _image(pinned: Pinned) -> dict[str, str]:
    tag = {"tag": pinned.tag} if pinned.tag else {}
    return {"repository": pinned.image, **tag, "digest": pinned.digest}
