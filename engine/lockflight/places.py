"""Where things of a repository are, for those who must know it before anything heavy is loaded."""

from __future__ import annotations

import os
from pathlib import Path

MANIFEST = "lockflight.yaml"
# The lock that a manifest's folder holds.
CURRENT = "locks/current.yaml"


def manifest_folder(start: Path) -> Path | None:
    """The nearest folder, from `start` upwards, that holds a manifest; None where there is none."""
    # Path.is_file raises where a folder may not be looked into; such a folder just holds no manifest of ours.
    return next((f for f in (start, *start.parents) if os.path.isfile(f / MANIFEST)), None)  # noqa: PTH113
