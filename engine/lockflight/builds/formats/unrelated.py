"""Well-known JSON and YAML that lies beside records in a CI's artefacts and is certainly none."""

from __future__ import annotations

from typing import Any

from lockflight.builds.formats.draft import mapping, text

# The keys that together tell what a document is.
_MARKS: tuple[frozenset[str], ...] = tuple(
    frozenset(keys)
    for keys in (
        {"bomFormat"},  # CycloneDX
        {"spdxVersion"},  # SPDX
        {"runs", "version"},  # SARIF
        {"_type", "predicateType"},  # in-toto statement
        {"payloadType", "payload"},  # DSSE envelope
        {"mediaType", "verificationMaterial"},  # Sigstore bundle
        {"openapi"},
        {"swagger"},
        {"asyncapi"},
        {"$schema", "type"},  # JSON Schema
        {"schemaVersion", "mediaType"},  # OCI manifest or index
        {"imageLayoutVersion"},  # OCI layout
        {"SchemaVersion", "ArtifactName"},  # Trivy
        {"matches", "descriptor"},  # Grype
        {"jobs", "on"},  # GitHub workflow
        {"name", "dependencies"},  # package.json
        {"name", "scripts"},
        {"lockfileVersion"},  # package-lock.json
        {"meta", "files", "totals"},  # coverage.py
        {"numTotalTests"},  # Jest
        {"stats", "tests", "passes"},  # Mocha
        {"created", "summary", "tests"},  # pytest-json-report
        {"version", "project", "services", "id"},  # a lock of ours
    )
)


def is_unrelated(data: Any) -> bool:
    """Whether the document says of itself that it is something else."""
    found = mapping(data)
    keys = set(found)
    if any(marks <= keys for marks in _MARKS):
        return True
    # A Kubernetes object, but for the kind that is a record; a compose file or a manifest of ours.
    is_kubernetes = {"apiVersion", "kind"} <= keys and text(found.get("kind")) != "ImagesLock"
    return is_kubernetes or ("services" in keys and "metadata" not in keys)
