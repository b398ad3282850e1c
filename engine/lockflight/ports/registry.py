"""An OCI registry: where image manifests, their blobs and our records lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from lockflight.errors import OutsideError, Refused
from lockflight.names import ImageReference

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a registry says about a piece of content without handing it over."""

    digest: str
    media_type: str
    size: int = 0
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """A manifest or an index: the exact bytes, whose sha256 is `digest` (the adapter recomputed it)."""

    digest: str
    media_type: str
    body: bytes


class RegistryUnavailable(OutsideError):
    """The registry did not give a usable answer, after retries: unreachable, broken, or too slow."""


class RegistryDenied(OutsideError):
    """The registry wants other credentials than those that were found, or none were found."""


class WrongContent(Refused):
    """The registry handed over other content than was asked for: another digest, or of another type."""


class Registry(Protocol):
    """Reading and writing. `None` always means: the registry answered, and the thing is not there.

    Everything else that goes wrong is `RegistryUnavailable`, `RegistryDenied` or `WrongContent`.
    An image with neither tag nor digest means the tag `latest`. What is named by digest may be answered from
    memory by `manifest` and `blob`, even when the registry has lost it since; `resolve` always asks.
    Implementations may be called from many threads at once.
    """

    def resolve(self, image: ImageReference) -> Descriptor | None:
        """The digest and media type behind the image's digest, or else its tag; the cheapest question."""
        ...

    def manifest(self, image: ImageReference) -> Content | None:
        """The manifest or index behind the image's digest, or else its tag."""
        ...

    def blob(self, image: ImageReference, digest: str) -> bytes | None:
        """A small blob (an image configuration, a record) of the image's repository, checked by digest."""
        ...

    def referrers(self, image: ImageReference, artifact_type: str) -> tuple[Descriptor, ...]:
        """The artefacts of that type which speak of the image's digest, oldest first where known.

        Asks the referrers API; where the registry has none, reads the tag that OCI names for it.
        """
        ...

    def push_blob(self, image: ImageReference, body: bytes) -> Descriptor:
        """Store a blob in the image's repository; one that is there already is left as it is."""
        ...

    def push_manifest(self, image: ImageReference, body: bytes, media_type: str) -> Descriptor:
        """Store a manifest under the image's tag, or under its own digest where it has no tag.

        A manifest with a `subject` is also listed under the tag that OCI names for it where the registry
        has no referrers API, so that `referrers` finds it in either kind of registry.
        """
        ...
