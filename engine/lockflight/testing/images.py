"""Real image manifests, configurations and indexes as bytes, made as buildx and docker make them.

Layers are one tiny blob: what lockflight looks at are manifests and configurations, and an engine can still
pull the result. The same words make the same bytes, and so the same digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lockflight.names import ImageReference
from lockflight.ports.registry import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Content,
    Descriptor,
    Registry,
)

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
# An empty tar archive is two blocks of zeros. An engine can pull such an image, and finds nothing in it.
LAYER = bytes(1024)
_OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """A manifest or an index, with everything that must be in the registry before it."""

    content: Content
    blobs: tuple[bytes, ...] = ()
    children: tuple[BuiltImage, ...] = ()
    # What an index says of this image: its platform, or what it is the attestation of.
    listed: tuple[tuple[str, Any], ...] = ()

    @property
    def digest(self) -> str:
        return self.content.digest

    @property
    def media_type(self) -> str:
        return self.content.media_type

    @property
    def body(self) -> bytes:
        return self.content.body


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def build_image(
    labels: Mapping[str, str] | None = None,
    *,
    platform: str = "linux/amd64",
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
    layer: bytes = LAYER,
) -> BuiltImage:
    """An image for one platform; `docker` makes it with Docker's media types instead of OCI's."""
    config = _configuration(labels or {}, platform, layer)
    body = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": _descriptor(_DOCKER_CONFIG if docker else _OCI_CONFIG, config),
        "layers": [_descriptor(_DOCKER_LAYER if docker else _OCI_LAYER, layer)],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    listed = {"platform": _platform(platform)}
    return BuiltImage(_content(body), (config, layer), listed=tuple(listed.items()))


def build_index(
    images: Sequence[BuiltImage],
    *,
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> BuiltImage:
    """An index (or Docker's manifest list) of images."""
    body = {
        "schemaVersion": 2,
        "mediaType": DOCKER_LIST if docker else OCI_INDEX,
        "manifests": [
            {**_descriptor(image.media_type, image.body), **dict(image.listed)} for image in images
        ],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    return BuiltImage(_content(body), children=tuple(images))


def build(
    labels: Mapping[str, str] | None = None,
    *,
    platforms: Sequence[str] = ("linux/amd64",),
    platform_labels: Mapping[str, Mapping[str, str]] | None = None,
    attestations: bool = False,
    docker: bool = False,
) -> BuiltImage:
    """What `buildx build --push` would push: one manifest, or an index where there is more than one thing.

    `platform_labels` adds to the labels, or overrides them, on single platforms.
    """
    own = platform_labels or {}
    images = [
        build_image({**(labels or {}), **own.get(platform, {})}, platform=platform, docker=docker)
        for platform in platforms
    ]
    if len(images) == 1 and not attestations:
        return images[0]
    proofs = [build_attestation(image) for image in images] if attestations else []
    return build_index([*images, *proofs], docker=docker)


def build_attestation(image: BuiltImage) -> BuiltImage:
    """The manifest `unknown/unknown` that buildx puts into the index beside an image with provenance."""
    statement = _json({"_type": "https://in-toto.io/Statement/v0.1", "subject": [], "predicate": {}})
    config = _configuration({}, "unknown/unknown", statement)
    layer = _descriptor(_IN_TOTO, statement)
    layer["annotations"] = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(_OCI_CONFIG, config),
        "layers": [layer],
    }
    listed = {
        "platform": _platform("unknown/unknown"),
        "annotations": {
            "vnd.docker.reference.digest": image.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
    }
    return BuiltImage(_content(body), (config, statement), listed=tuple(listed.items()))


def build_artifact(
    artifact_type: str,
    payload: bytes,
    *,
    subject: Content | Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
) -> BuiltImage:
    """An OCI artefact with one layer, speaking of `subject` where one is given."""
    body: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _descriptor(EMPTY_TYPE, EMPTY),
        "layers": [_descriptor(artifact_type, payload)],
    }
    if subject is not None:
        size = len(subject.body) if isinstance(subject, Content) else subject.size
        body["subject"] = {"mediaType": subject.media_type, "digest": subject.digest, "size": size}
    if annotations:
        body["annotations"] = dict(annotations)
    return BuiltImage(_content(body), (EMPTY, payload))


def with_body(image: BuiltImage, changes: Mapping[str, Any]) -> BuiltImage:
    """The image with fields of its manifest changed, or taken out where the new value is None."""
    data = {**json.loads(image.body), **changes}
    body = _json({key: value for key, value in data.items() if value is not None})
    return replace(image, content=Content(digest_of(body), image.media_type, body))


def push(registry: Registry, reference: ImageReference, image: BuiltImage) -> Descriptor:
    """Push the image with all that it needs; under the reference's tag, or by digest where it has none."""
    for blob in image.blobs:
        registry.push_blob(reference, blob)
    for child in image.children:
        push(registry, ImageReference(reference.registry, reference.path), child)
    return registry.push_manifest(reference, image.body, image.media_type)


def _configuration(labels: Mapping[str, str], platform: str, layer: bytes) -> bytes:
    container = {"Labels": dict(labels)} if labels else {}
    return _json(
        {
            **_platform(platform),
            "config": container,
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    )


def _platform(platform: str) -> dict[str, str]:
    parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
    return {"architecture": parts.pop("architecture"), **parts}


def _descriptor(media_type: str, body: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}


def _content(data: Mapping[str, Any]) -> Content:
    body = _json(data)
    return Content(digest_of(body), data["mediaType"], body)


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
