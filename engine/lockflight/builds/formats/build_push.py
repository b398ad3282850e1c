"""The outputs of docker/build-push-action and docker/bake-action: `toJSON(steps.build.outputs)`.

Source: docker/build-push-action `action.yml` (imageid, digest, metadata), docker/bake-action `action.yml`
(metadata). `metadata` is JSON in a text; `imageid` is mostly the digest of the configuration and never used.
"""

from __future__ import annotations

import json
from typing import Any

from lockflight.builds.formats import bake, buildx
from lockflight.builds.formats.draft import Draft, mapping, value_at
from lockflight.yaml_source import Document, YamlPath

_OUTPUTS = frozenset({"imageid", "digest", "metadata"})


def recognises(data: Any) -> bool:
    """The actions' outputs and nothing else, or the whole step around them (`toJSON(steps.build)`)."""
    outputs = _outputs(data)
    if not outputs or not set(outputs) <= _OUTPUTS:
        return False
    metadata = _metadata(outputs)
    known = buildx.recognises(metadata) or bake.recognises(metadata)
    return known or (not metadata and {"imageid", "digest"} <= set(outputs))


def read(document: Document, at: YamlPath) -> list[Draft]:
    """The metadata's builds; for a single one the digest of the outputs must be the same."""
    data = value_at(document, at)
    outputs = _outputs(data)
    here = at if outputs is data else (*at, "outputs")
    metadata = _metadata(outputs)
    if bake.recognises(metadata):
        return bake.read(_with(document, here, metadata), (*here, "metadata"))
    draft = buildx.read_build(_with(document, here, metadata), (*here, "metadata"))
    if outputs.get("digest") != metadata.get("containerimage.config.digest"):
        draft.put("digest", outputs.get("digest"), (*here, "digest"))
    draft.pushed = "digest" in draft.values
    return [draft]


def _outputs(data: Any) -> dict[str, Any]:
    step = mapping(data)
    return mapping(step["outputs"]) if "outputs" in step and "outcome" in step else step


def _metadata(outputs: dict[str, Any]) -> dict[str, Any]:
    metadata = outputs.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            return {}
    return mapping(metadata)


def _with(document: Document, here: YamlPath, metadata: dict[str, Any]) -> Document:
    """The document with the metadata as data, so that paths lead into it; lines stay those of the text."""
    data: Any = {"metadata": metadata}
    for part in reversed(here):
        data = {part: data}
    return Document(data, document.file, document.lines)
