"""Content that no registry would take: what a bug, an attacker or another tool may leave in one."""

from __future__ import annotations

import json
from typing import Any

from lockflight.ports.registry import OCI_MANIFEST, Content
from lockflight.testing.images import digest_of
from lockflight.testing.registry import FakeRegistry


def put_raw(registry: FakeRegistry, name: str, data: Any, *, tag: str | None = None) -> str:
    """Any JSON as a manifest, past all checks; its digest."""
    body = json.dumps(data).encode()
    repository = registry.repository(name)
    repository.manifests[digest_of(body)] = Content(digest_of(body), OCI_MANIFEST, body)
    if tag is not None:
        repository.tags[tag] = digest_of(body)
    return digest_of(body)
