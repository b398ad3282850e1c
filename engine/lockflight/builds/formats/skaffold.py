"""`skaffold build --file-output`: the builds of one run.

Source: GoogleContainerTools/skaffold `cmd/skaffold/app/flags/build_output.go`. `tag` is a whole reference:
`repo:tag@sha256:…` where the image was pushed, without a digest where it was not.
"""

from __future__ import annotations

from typing import Any

from lockflight.builds.formats.draft import Draft, mapping, sequence, text, value_at
from lockflight.yaml_source import Document, YamlPath


def recognises(data: Any) -> bool:
    """A list `builds` of mappings with an image's name and tag."""
    builds = sequence(mapping(data).get("builds"))
    return bool(builds) and all({"imageName", "tag"} <= set(mapping(build)) for build in builds)


def read(document: Document, at: YamlPath) -> list[Draft]:
    return [
        _read_build(document, (*at, "builds", position))
        for position in range(len(value_at(document, (*at, "builds"))))
    ]


def _read_build(document: Document, at: YamlPath) -> Draft:
    build = value_at(document, at)
    name = text(build["imageName"])
    # A bare name is completed by Skaffold's default-repo, so it may be a service's name; a full one is not.
    draft = Draft(document, at, name=name or None, target=None if "/" in name else name, shared=True)
    draft.put_references([build["tag"]], (*at, "tag"))
    draft.pushed = "digest" in draft.values
    return draft
