"""Build artifacts as `skaffold build --file-output` writes them, for `skaffold deploy --build-artifacts`.

Source: GoogleContainerTools/skaffold `cmd/skaffold/app/flags/build_output.go`. `imageName` must be what the
artifact is called in skaffold.yaml: the image's full name, or with naming by service, the service's name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockflight.locks.convert.pinned import Naming, Pinned, by_name, services_of

if TYPE_CHECKING:
    from lockflight.locks.model import Lock


def render(lock: Lock, naming: Naming = "image") -> str:
    named = (
        (pinned.image if naming == "image" else pinned.name, pinned)
        # A third party's image is no artifact: Skaffold did not build it.
        for pinned in services_of(lock)
    )
    found = by_name(named, "the artifact")
    builds = [{"imageName": name, "tag": _tag(found[name])} for name in sorted(found)]
    return json.dumps({"builds": builds}, indent=2) + "\n"


def _tag(pinned: Pinned) -> str:
    """Skaffold's `tag` is a whole reference; with a digest in it, the tag only informs."""
    tag = f":{pinned.tag}" if pinned.tag else ""
    return f"{pinned.image}{tag}@{pinned.digest}"
