"""`docker buildx bake --metadata-file`, and the `metadata` output of docker/bake-action: one map a target.

Source: docker/buildx `docs/reference/buildx_bake.md#metadata-file`, `commands/bake.go`. What stands at the
top level beside the targets (`buildx.build.warnings`) is no target.
"""

from __future__ import annotations

from typing import Any

from lockflight.builds.formats import buildx
from lockflight.builds.formats.draft import Draft, mapping, value_at
from lockflight.yaml_source import Document, YamlPath

_NO_TARGET = "buildx."


def recognises(data: Any) -> bool:
    """Nothing but targets and buildx' own keys, and at least one target that buildx has built."""
    targets = _targets(data)
    return (
        any(buildx.recognises(target) for target in targets.values())
        # A target that wrote nothing to anywhere (a test, a linter) may have an empty map.
        and all(target == {} or buildx.recognises(target) for target in targets.values())
    )


def read(document: Document, at: YamlPath) -> list[Draft]:
    """One draft for each target."""
    drafts = []
    for target in _targets(value_at(document, at)):
        draft = buildx.read_build(document, (*at, target))
        draft.name = draft.target = target
        draft.shared = True
        drafts.append(draft)
    return drafts


def _targets(data: Any) -> dict[str, Any]:
    return {name: build for name, build in mapping(data).items() if not name.startswith(_NO_TARGET)}
