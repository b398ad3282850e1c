"""A GitHub Actions matrix with one job per service: `matrix: ${{ fromJSON(needs.lock.outputs.matrix) }}`.

Every entry has the same keys; a service that is only configuration has empty texts for its image. GitHub runs
at most 256 jobs of one matrix.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockflight.locks.model import Lock, LockedService


def render(lock: Lock) -> str:
    entries = [_entry(name, service) for name, service in sorted(lock.services.items())]
    # On one line, because a step's output (`name=value` in GITHUB_OUTPUT) is one line.
    return json.dumps({"include": entries}, separators=(",", ":")) + "\n"


def _entry(name: str, service: LockedService) -> dict[str, str]:
    found = {
        "service": name,
        "commit": service.commit,
        "repository": service.repository,
        "path": service.path,
        "image": service.image,
        "tag": service.tag,
        "digest": service.digest,
        "ref": f"{service.image}@{service.digest}" if service.image else None,
        "version": service.version,
    }
    return {key: value or "" for key, value in found.items()}
