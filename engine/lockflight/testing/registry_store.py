"""What a registry keeps, without any protocol around it: blobs, manifests and tags of repositories."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lockflight.ports.registry import INDEX_TYPES, Content, Descriptor
from lockflight.testing.images import digest_of


class Incomplete(Exception):
    """A manifest names content that the repository does not have; registries refuse such a push."""


@dataclass
class Repository:
    """One repository. A test may change what lies in it, to see that it is noticed."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Content] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def manifest(self, reference: str) -> Content | None:
        """The manifest behind a tag or a digest."""
        return self.manifests.get(self.tags.get(reference, reference))

    def put_blob(self, body: bytes) -> str:
        digest = digest_of(body)
        self.blobs[digest] = body
        return digest

    def put_manifest(self, body: bytes, media_type: str, tag: str | None) -> str:
        """Keep a manifest; `Incomplete` when something that it names is not here, as real registries say."""
        for digest in _needs(body, media_type):
            if digest not in self.blobs and digest not in self.manifests:
                raise Incomplete(digest)
        digest = digest_of(body)
        self.manifests[digest] = Content(digest, media_type, body)
        if tag is not None:
            self.tags[tag] = digest
        return digest

    def delete_manifest(self, digest: str) -> None:
        """What a clean-up does: the manifest goes, and every tag that pointed at it."""
        self.manifests.pop(digest, None)
        self.tags = {tag: target for tag, target in self.tags.items() if target != digest}

    def referrers(self, subject: str) -> Iterator[Descriptor]:
        """Every manifest that names this digest as its subject, in the order of their arrival."""
        for content in list(self.manifests.values()):
            data = _mapping(content.body)
            named = data.get("subject")
            if isinstance(named, dict) and named.get("digest") == subject:
                yield describe(content)


class Store:
    """Repositories by name; a repository comes into being when something is put into it."""

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self._repositories: dict[str, Repository] = {}

    def find(self, name: str) -> Repository | None:
        return self._repositories.get(name)

    def repository(self, name: str) -> Repository:
        with self.guard:
            return self._repositories.setdefault(name, Repository())


def describe(content: Content) -> Descriptor:
    """A manifest as a list of referrers shows it."""
    data = _mapping(content.body)
    config = data.get("config")
    of_config = config.get("mediaType") if isinstance(config, dict) else None
    return Descriptor(
        content.digest,
        content.media_type,
        len(content.body),
        data.get("artifactType") or of_config,
        dict(data.get("annotations") or {}),
    )


def _needs(body: bytes, media_type: str) -> Iterator[str]:
    data = _mapping(body)
    if media_type in INDEX_TYPES:
        yield from (entry["digest"] for entry in data.get("manifests", ()))
        return
    for part in (data.get("config"), *data.get("layers", ())):
        if isinstance(part, dict):
            yield part["digest"]


def _mapping(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
