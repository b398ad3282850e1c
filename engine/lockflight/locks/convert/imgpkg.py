"""The ImagesLock of imgpkg, with the annotations of kbld: what the image is called, and where it is from.

kbld replaces an image where it stands exactly as the annotation `kbld.carvel.dev/id` says it: by the name of the
service or third-party image here, so Kubernetes files that kbld is fed write `image: cart`.

Sources: carvel-dev/imgpkg `pkg/imgpkg/lockconfig/images_lock.go` and carvel-dev/kbld
`pkg/kbld/config/image_origin.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockflight.locks.convert.pinned import Pinned, header, images_of, joined, list_lines

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


def render(lock: Lock) -> str:
    entries = [{"image": pinned.reference, "annotations": _annotations(pinned)} for pinned in images_of(lock)]
    head = ["---", header(lock), "apiVersion: imgpkg.carvel.dev/v1alpha1", "kind: ImagesLock"]
    return joined([*head, "images:" if entries else "images: []", *list_lines(entries)])


def _annotations(pinned: Pinned) -> dict[str, str]:
    found = {"kbld.carvel.dev/id": pinned.name}
    origins = _origins(pinned)
    if origins:
        # kbld keeps this as YAML in a text.
        found["kbld.carvel.dev/origins"] = joined(list(list_lines(origins)))
    return found


def _origins(pinned: Pinned) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if pinned.commit:
        # The lock names only commits that a build was made of, so none of them is dirty.
        git: dict[str, Any] = {"dirty": False, "sha": pinned.commit}
        found.append({"git": {"remoteURL": pinned.repository, **git} if pinned.repository else git})
    if pinned.tag:
        found.append({"resolved": {"tag": pinned.tag, "url": f"{pinned.image}:{pinned.tag}"}})
    return found
