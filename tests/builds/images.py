"""Images made by hand, byte for byte, in whatever registry a test has: good ones and broken ones."""

from __future__ import annotations

import json
from typing import Any

from lockflight.names import ImageReference
from lockflight.ports.registry import OCI_INDEX, OCI_MANIFEST, Registry

CONFIG = "application/vnd.oci.image.config.v1+json"


def encoded(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True).encode()


def push_image(
    registry: Registry,
    image: ImageReference,
    labels: dict[str, str] | None = None,
    *,
    platform: str = "linux/amd64",
    annotations: dict[str, str] | None = None,
) -> str:
    """A manifest for one platform; its digest."""
    system, architecture, *variant = platform.split("/")
    config: dict[str, Any] = {"os": system, "architecture": architecture, "config": {"Labels": labels}}
    if variant:
        config["variant"] = variant[0]
    blob = registry.push_blob(image, encoded(config))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG, "digest": blob.digest, "size": blob.size},
        "layers": [],
    }
    if annotations:
        manifest["annotations"] = annotations
    return push_manifest(registry, image, manifest)


def push_manifest(
    registry: Registry, image: ImageReference, manifest: Any, media_type: str = OCI_MANIFEST
) -> str:
    """Any JSON as a manifest, good or not; its digest."""
    return registry.push_manifest(image, encoded(manifest), media_type).digest


def push_index(
    registry: Registry,
    image: ImageReference,
    children: dict[str, str],
    *,
    attestations: tuple[str, ...] = (),
    annotations: dict[str, str] | None = None,
) -> str:
    """An index over manifests (platform -> digest), with attestations as BuildKit adds them; its digest."""
    entries = [_entry(platform, digest) for platform, digest in children.items()]
    for digest in attestations:
        entry = _entry("unknown/unknown", digest)
        entry["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
        entries.append(entry)
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    if annotations:
        index["annotations"] = annotations
    return push_manifest(registry, image, index, OCI_INDEX)


def _entry(platform: str, digest: str) -> dict[str, Any]:
    system, architecture, *variant = platform.split("/")
    words = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 100, "platform": words}
