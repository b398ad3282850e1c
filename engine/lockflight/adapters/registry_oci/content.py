"""Believing nothing: digests are computed again, and a manifest must be what it is said to be."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lockflight import names
from lockflight.ports.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
)

KNOWN_TYPES = INDEX_TYPES | MANIFEST_TYPES
# In the order of preference; a registry that has both an index and a manifest for a tag sends the first.
ACCEPTED = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
# What servers say that do not know what they serve; then the content speaks for itself.
_SAYS_NOTHING = frozenset({"", "application/json", "application/octet-stream", "text/plain"})


class Disbelieved(Exception):
    """Content that is not what was asked for, or not what it is said to be."""


class Unusable(Exception):
    """Content of a kind that lockflight cannot use."""


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def named_type(header: str | None) -> str:
    """The media type in a Content-Type header, without parameters; empty where it says nothing."""
    name = (header or "").partition(";")[0].strip().lower()
    return "" if name in _SAYS_NOTHING else name


def named_digest(header: str | None) -> str | None:
    """The digest in a header, if it is one that lockflight computes itself."""
    text = (header or "").strip()
    return text if names.is_digest(text) else None


def check_digest(body: bytes, *expected: str | None) -> str:
    """The digest of the body, which must be each of the expected ones that is known."""
    digest = digest_of(body)
    for wanted in expected:
        if wanted is not None and wanted != digest:
            raise Disbelieved(f"the content has the digest {digest}, and not {wanted}")
    return digest


def manifest_type(body: bytes, said: str) -> str:
    """The media type of a manifest, from its Content-Type and from itself; they must not disagree.

    Content that could be read as an index and as a manifest is refused: two readers would see two images
    under one digest (CVE-2021-41190).
    """
    data = mapping(body)
    own = data.get("mediaType")
    media_type = said or (own if isinstance(own, str) else "")
    if own is not None and own != media_type:
        raise Disbelieved(
            f"the content says that it is {str(own)[:80]!r}, the registry that it is {said[:80]!r}"
        )
    if media_type not in KNOWN_TYPES:
        raise Unusable(f"the answer is no image manifest or index, but of type {media_type[:80]!r}")
    wrong = {"layers", "config"} if media_type in INDEX_TYPES else {"manifests"}
    if wrong & data.keys():
        raise Disbelieved(f"the content is both an index and a manifest, said to be {media_type}")
    return media_type


def self_described_type(body: bytes) -> str | None:
    """The media type that a manifest itself states, and so one that its digest vouches for."""
    try:
        own = mapping(body).get("mediaType")
        return manifest_type(body, own) if isinstance(own, str) else None
    except (Disbelieved, Unusable):
        return None


def mapping(body: bytes) -> dict[str, Any]:
    """A JSON object; `Unusable` when it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unusable("the answer is no JSON") from error
    if not isinstance(data, dict):
        raise Unusable("the answer is no JSON object")
    return data
