"""The `json` output of docker/metadata-action: tags and labels of a build that is still to come; no digest.

Source: docker/metadata-action `src/meta.ts` (getJSON). Its tags of type `sha` shorten the commit; the label
is whole. On `pull_request` both are the merge commit's unless DOCKER_METADATA_PR_HEAD_SHA is true.
"""

from __future__ import annotations

import json
from typing import Any

from lockflight.builds.formats.draft import Draft, mapping, sequence, text, value_at
from lockflight.yaml_source import Document, YamlPath

_PREFIX = "org.opencontainers.image."


def recognises(data: Any) -> bool:
    """The json output, or all the outputs of the step with it inside (`toJSON(steps.meta.outputs)`)."""
    found = _json(mapping(data))
    return isinstance(found.get("tags"), list) and isinstance(found.get("labels"), dict)


def read(document: Document, at: YamlPath) -> list[Draft]:
    data = value_at(document, at)
    found = _json(data)
    here = at if found is data else (*at, "json")
    draft = Draft(document, at)
    draft.put_references(sequence(found["tags"]), (*here, "tags"))
    labels = _labels(found)
    path = (*here, "labels")
    draft.put_commit(labels.get(f"{_PREFIX}revision"), (*path, f"{_PREFIX}revision"))
    draft.put("version", labels.get(f"{_PREFIX}version"), (*path, f"{_PREFIX}version"))
    draft.put("built", labels.get(f"{_PREFIX}created"), (*path, f"{_PREFIX}created"))
    draft.put_repository(labels.get(f"{_PREFIX}source"), (*path, f"{_PREFIX}source"))
    return [draft]


def _json(data: dict[str, Any]) -> dict[str, Any]:
    if isinstance(data.get("json"), str) and "labels" in data:
        try:
            return mapping(json.loads(data["json"]))
        except (ValueError, RecursionError):
            return {}
    return data


def _labels(found: dict[str, Any]) -> dict[str, Any]:
    """The labels, completed by annotations (`manifest:org.opencontainers.image.version=1.4.2`)."""
    annotations = {}
    for line in sequence(found.get("annotations")):
        key, _, value = text(line).partition("=")
        annotations[key.rpartition(":")[2]] = value
    return {**annotations, **found["labels"]}
