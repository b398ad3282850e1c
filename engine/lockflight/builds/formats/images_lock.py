"""The ImagesLock of imgpkg, as kbld writes it: `kbld --imgpkg-lock-output`.

Source: carvel-dev/imgpkg `pkg/imgpkg/lockconfig/images_lock.go`; for the annotation `kbld.carvel.dev/origins`
(YAML in a text) carvel-dev/kbld `pkg/kbld/config/image_origin.go`.
"""

from __future__ import annotations

import re
from typing import Any

from lockflight import names
from lockflight.builds.formats.draft import Draft, mapping, sequence, text, value_at
from lockflight.errors import InputError
from lockflight.yaml_source import Document, YamlPath, parse_document

_API = "imgpkg.carvel.dev/"
_ID = "kbld.carvel.dev/id"
_ORIGINS = "kbld.carvel.dev/origins"


def recognises(data: Any) -> bool:
    """What imgpkg itself looks at: the kind and the API's name."""
    found = mapping(data)
    return found.get("kind") == "ImagesLock" and text(found.get("apiVersion")).startswith(_API)


def read(document: Document, at: YamlPath) -> list[Draft]:
    images = sequence(value_at(document, at).get("images"))
    return [_read_image(document, (*at, "images", position)) for position in range(len(images))]


def _read_image(document: Document, at: YamlPath) -> Draft:
    entry = mapping(value_at(document, at))
    draft = Draft(document, at, shared=True)
    draft.put_references([entry.get("image")], (*at, "image"))
    if "digest" not in draft.values and not draft.problems:
        draft.problem("names no digest; an ImagesLock names every image by digest", (*at, "image"))
    annotations = mapping(entry.get("annotations"))
    identifier = text(annotations.get(_ID))
    if re.fullmatch(names.SERVICE, identifier):
        draft.target = identifier
    draft.name = draft.target or text(entry.get("image")).partition("@")[0] or None
    origins = _origins(annotations.get(_ORIGINS))
    _read_tag(draft, [identifier, *(text(mapping(origin.get("resolved")).get("url")) for origin in origins)])
    for origin in origins:
        _read_git(draft, mapping(origin.get("git")), (*at, "annotations", _ORIGINS))
    return draft


def _origins(annotation: Any) -> list[dict[str, Any]]:
    """The annotation informs only: what cannot be read is left out, as kbld does it."""
    try:
        data = parse_document(text(annotation), _ORIGINS).data
    except InputError:
        return []
    return [mapping(origin) for origin in sequence(data)]


def _read_tag(draft: Draft, candidates: list[str]) -> None:
    """The tag that the digest was resolved from, where it belongs to the same image."""
    for candidate in candidates:
        try:
            reference = names.parse_reference(candidate)
        except ValueError:
            continue
        if reference.tag and any(reference.name == known.name for known in draft.references):
            draft.references.append(reference.with_tag(reference.tag))


def _read_git(draft: Draft, git: dict[str, Any], path: YamlPath) -> None:
    commit = git.get("sha")
    if git.get("dirty") is True and isinstance(commit, str):
        commit = f"{commit}-dirty"
    draft.put_commit(commit, path)
    draft.put_repository(git.get("remoteURL"), path)
