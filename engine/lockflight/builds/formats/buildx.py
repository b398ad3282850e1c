"""`docker buildx build --metadata-file`: one flat map for one build.

Source: docker/buildx `docs/reference/buildx_build.md#metadata-file`, `build/provenance.go`; moby/buildkit
`exporter/containerimage/exptypes`. The same map stands under each target of a bake file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lockflight.builds.formats.draft import Draft, mapping, text, value_at
from lockflight.ports.registry import INDEX_TYPES
from lockflight.yaml_source import Document, YamlPath

PROVENANCE = "buildx.build.provenance"
_MARKS = frozenset(
    {
        "containerimage.digest",
        "containerimage.config.digest",
        "containerimage.descriptor",
        "image.name",
        "buildx.build.ref",
    }
)
_BUILDKIT = "https://mobyproject.org/buildkit@v1#metadata"
_CREATED = "org.opencontainers.image.created"
_REVISION = "org.opencontainers.image.revision"


def recognises(data: Any) -> bool:
    """A mapping with one of the keys that BuildKit's exporters or buildx itself write."""
    keys = mapping(data)
    return any(key in _MARKS or key.split("/")[0] == PROVENANCE for key in keys)


def read(document: Document, at: YamlPath) -> list[Draft]:
    return [read_build(document, at)]


def read_build(document: Document, at: YamlPath) -> Draft:
    """The build at a path. Its digest is that of the index where there is one: that is what is deployed."""
    data = value_at(document, at)
    draft = Draft(document, at)
    _read_digest(draft, data)
    _read_descriptor(draft, data)
    for key in data:
        if key.split("/")[0] == PROVENANCE:
            _read_provenance(draft, mapping(data[key]), (*at, key))
    name = data.get("image.name")
    draft.put_references(name.split(",") if isinstance(name, str) else [name], (*at, "image.name"))
    return draft


def _read_digest(draft: Draft, data: dict[str, Any]) -> None:
    """The digest, unless it is that of the image's configuration, which no registry can deploy."""
    config = data.get("containerimage.config.digest")
    descriptor = mapping(data.get("containerimage.descriptor"))
    candidates = [
        (data.get("containerimage.digest"), (*draft.at, "containerimage.digest")),
        (descriptor.get("digest"), (*draft.at, "containerimage.descriptor", "digest")),
    ]
    for digest, path in candidates:
        # Docker's own image store answers with the image's id, which is the digest of its configuration.
        if digest != config:
            draft.put("digest", digest, path)
    draft.pushed = "digest" in draft.values


def _read_descriptor(draft: Draft, data: dict[str, Any]) -> None:
    descriptor = mapping(data.get("containerimage.descriptor"))
    path = (*draft.at, "containerimage.descriptor")
    if draft.pushed:
        draft.put("media_type", descriptor.get("mediaType"), (*path, "mediaType"))
        _read_platform(draft, descriptor, path)
    created = mapping(descriptor.get("annotations")).get(_CREATED)
    draft.put("built", created, (*path, "annotations", _CREATED))


def _read_platform(draft: Draft, descriptor: dict[str, Any], path: YamlPath) -> None:
    platform = mapping(descriptor.get("platform"))
    words = [text(platform.get(key)) for key in ("os", "architecture", "variant")]
    if words[0] and words[1] and descriptor.get("mediaType") not in INDEX_TYPES:
        named = "/".join(word for word in words if word)
        draft.put("platforms", {named: draft.values["digest"]}, (*path, "platform"))


def _read_provenance(draft: Draft, provenance: dict[str, Any], at: YamlPath) -> None:
    """Commit and repository; several platforms of one build must agree about them."""
    for commit, repository, path in _sources(provenance, at):
        if commit:
            draft.put_commit(commit, path)
            draft.put_repository(repository, path)
            break
    finished = mapping(provenance.get("metadata")).get("buildFinishedOn")
    details = mapping(mapping(provenance.get("runDetails")).get("metadata"))
    draft.put_if_absent("built", finished or details.get("finishedOn"), at)


def _sources(provenance: dict[str, Any], at: YamlPath) -> Iterator[tuple[Any, Any, YamlPath]]:
    """Where SLSA 0.2 and 1 say the commit, the surest first.

    `materials` are left alone: a repository that the Dockerfile ADDs stands there like the context's own.
    """
    metadata = mapping(mapping(provenance.get("metadata")).get(_BUILDKIT))
    yield _vcs(metadata, (*at, "metadata", _BUILDKIT))
    details = mapping(mapping(provenance.get("runDetails")).get("metadata"))
    yield _vcs(
        mapping(details.get("buildkit_metadata")), (*at, "runDetails", "metadata", "buildkit_metadata")
    )
    invocation = mapping(provenance.get("invocation"))
    yield _config_source(invocation, (*at, "invocation"))
    definition = mapping(mapping(provenance.get("buildDefinition")).get("externalParameters"))
    yield _config_source(definition, (*at, "buildDefinition", "externalParameters"))
    parameters = mapping(invocation.get("parameters"))
    yield _arguments(parameters, (*at, "invocation", "parameters"))
    request = mapping(mapping(parameters.get("root")).get("request"))
    yield _arguments(request, (*at, "invocation", "parameters", "root", "request"))


def _vcs(metadata: dict[str, Any], at: YamlPath) -> tuple[Any, Any, YamlPath]:
    vcs = mapping(metadata.get("vcs"))
    return vcs.get("revision"), vcs.get("source"), (*at, "vcs", "revision")


def _config_source(parent: dict[str, Any], at: YamlPath) -> tuple[Any, Any, YamlPath]:
    """The context, where it was a git repository: `https://github.com/acme/cart.git#main`."""
    source = mapping(parent.get("configSource"))
    commit = mapping(source.get("digest")).get("sha1")
    repository = re.sub(r"^git\+|#.*$", "", text(source.get("uri")))
    return commit, repository, (*at, "configSource", "digest", "sha1")


def _arguments(parent: dict[str, Any], at: YamlPath) -> tuple[Any, Any, YamlPath]:
    """What buildx told BuildKit about the context's checkout; minimal provenance keeps only this."""
    arguments = mapping(parent.get("args"))
    key = "vcs:revision" if arguments.get("vcs:revision") else f"label:{_REVISION}"
    return arguments.get(key), arguments.get("vcs:source"), (*at, "args", key)
