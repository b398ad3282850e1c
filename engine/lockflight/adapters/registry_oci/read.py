"""Reading manifests and blobs, each compared with the digest that it was asked by."""

from __future__ import annotations

import re
from collections.abc import Callable

from lockflight.adapters.registry_oci import failures
from lockflight.adapters.registry_oci.cache import Cache
from lockflight.adapters.registry_oci.content import (
    ACCEPTED,
    KNOWN_TYPES,
    Disbelieved,
    check_digest,
    manifest_type,
    named_digest,
    named_type,
    self_described_type,
)
from lockflight.adapters.registry_oci.endpoint import Endpoint, Question
from lockflight.adapters.registry_oci.http import Answer
from lockflight.names import ImageReference
from lockflight.ports.registry import Content, Descriptor

LARGEST_MANIFEST = 4 * 1024 * 1024
LARGEST_BLOB = 16 * 1024 * 1024
_ACCEPT = {"Accept": ACCEPTED}
_HEAD_UNSUPPORTED = frozenset({405, 501})
# Not isdigit(), which also takes digits that int() does not, such as a superscript two.
_LENGTH = re.compile(r"[0-9]{1,18}")


class Reader:
    """Reads from any registry that `endpoint` knows; what is named by digest from the cache, where it is."""

    def __init__(self, endpoint: Callable[[str], Endpoint], cache: Cache) -> None:
        self._endpoint = endpoint
        self._cache = cache

    def resolve(self, image: ImageReference) -> Descriptor | None:
        """By HEAD; by GET where the registry's answer to HEAD does not tell digest and media type."""
        about = f"resolve {image}"
        answer = self._endpoint(image.registry).ask(_about_manifest("HEAD", image, about))
        if answer.status == 404:
            return None
        if answer.status not in _HEAD_UNSUPPORTED:
            _expect_success(answer, image, about)
            with failures.believing(image.registry, about):
                found = _described_by_head(answer, image)
            if found is not None:
                return found
        content = self._fetch(image, about)
        return Descriptor(content.digest, content.media_type, len(content.body)) if content else None

    def manifest(self, image: ImageReference) -> Content | None:
        kept = self._cache.get(image.digest) if image.digest else None
        # Only where the content states its type does the digest vouch for that too.
        media_type = self_described_type(kept) if kept is not None else None
        if image.digest and kept is not None and media_type is not None:
            return Content(image.digest, media_type, kept)
        return self._fetch(image, f"read {image}")

    def manifest_now(self, image: ImageReference) -> Content | None:
        """As `manifest`, never from the cache."""
        return self._fetch(image, f"read {image}")

    def blob(self, image: ImageReference, digest: str) -> bytes | None:
        kept = self._cache.get(digest)
        if kept is not None:
            return kept
        about = f"read the blob {digest} of {image.name}"
        target = f"/v2/{image.path}/blobs/{digest}"
        question = Question("GET", target, about, pulling(image), largest=LARGEST_BLOB)
        answer = self._endpoint(image.registry).ask(question)
        if answer.status == 404:
            return None
        _expect_success(answer, image, about)
        with failures.believing(image.registry, about):
            check_digest(answer.body, digest, _digest_header(answer))
        self._cache.put(digest, answer.body)
        return answer.body

    def _fetch(self, image: ImageReference, about: str) -> Content | None:
        answer = self._endpoint(image.registry).ask(_about_manifest("GET", image, about))
        if answer.status == 404:
            return None
        _expect_success(answer, image, about)
        with failures.believing(image.registry, about):
            digest = check_digest(answer.body, image.digest, _digest_header(answer))
            media_type = manifest_type(answer.body, named_type(answer.headers.get("Content-Type")))
        self._cache.put(digest, answer.body)
        return Content(digest, media_type, answer.body)


def pulling(image: ImageReference) -> str:
    """The right to read the repository, as token services name it."""
    return f"repository:{image.path}:pull"


def reference_of(image: ImageReference) -> str:
    """What stands for the image in a URL: its digest, or else its tag."""
    return image.digest or image.tag or "latest"


def _about_manifest(method: str, image: ImageReference, about: str) -> Question:
    target = f"/v2/{image.path}/manifests/{reference_of(image)}"
    return Question(method, target, about, pulling(image), _ACCEPT, largest=LARGEST_MANIFEST)


def _described_by_head(answer: Answer, image: ImageReference) -> Descriptor | None:
    """The answer to HEAD as far as it tells everything; nothing of it could be computed again."""
    digest = _digest_header(answer)
    media_type = named_type(answer.headers.get("Content-Type"))
    if digest is None or media_type not in KNOWN_TYPES:
        return None
    if image.digest not in (None, digest):
        raise Disbelieved(f"the registry says that it is {digest}")
    length = answer.headers.get("Content-Length", "")
    return Descriptor(digest, media_type, int(length) if _LENGTH.fullmatch(length) else 0)


def _digest_header(answer: Answer) -> str | None:
    return named_digest(answer.headers.get("Docker-Content-Digest"))


def _expect_success(answer: Answer, image: ImageReference, about: str) -> None:
    if answer.status != 200:
        raise failures.unexpected(image.registry, about, answer)
