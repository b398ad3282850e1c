"""How records travel: in the registry, beside the image they speak of, found by its digest months later.

A record is an OCI artefact (image-spec `manifest.md`, "artifact usage"): the empty configuration, one layer
with the record's text, and the image as `subject`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lockflight import names
from lockflight.builds.file import record_text
from lockflight.builds.formats import lockflight_record
from lockflight.builds.formats.draft import mapping, sequence
from lockflight.builds.model import Found, Record
from lockflight.errors import InputError, Refused
from lockflight.files import decode_text
from lockflight.findings import Finding
from lockflight.models import utc_text
from lockflight.names import ImageReference
from lockflight.ports.registry import OCI_MANIFEST, Descriptor, Registry
from lockflight.yaml_source import Document, parse_json

ARTIFACT_TYPE = "application/vnd.lockflight.record.v1+json"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class OnShelf:
    """The records that lie beside an image, and what lies there but cannot be believed."""

    records: tuple[Found, ...]
    findings: tuple[Finding, ...]


def push_record(registry: Registry, record: Record) -> Descriptor:
    """Put the record beside its image; the same record again stores nothing new."""
    if record.image is None or record.digest is None:
        raise InputError(
            "a record is stored beside its image, but this one says no image and digest",
            hint="give the build's metadata file, or --image and --digest",
        )
    repository = names.parse_reference(record.image)
    subject = _subject(registry, repository.with_digest(record.digest))
    config = registry.push_blob(repository, _EMPTY)
    layer = registry.push_blob(repository, record_text(record).encode())
    body = _manifest(record, subject, config, layer)
    return registry.push_manifest(repository, body, OCI_MANIFEST)


def find_records(registry: Registry, image: ImageReference) -> OnShelf:
    """The records that speak of the image's digest, in the order in which the registry lists them."""
    found: list[Found] = []
    findings: list[Finding] = []
    for descriptor in registry.referrers(image, ARTIFACT_TYPE):
        try:
            record = _record(registry, image, descriptor.digest)
        except InputError as error:
            findings.append(_unreadable(image, descriptor.digest, str(error.problems[0])))
            continue
        disagreement = _about_another_image(image, record, descriptor.digest)
        if disagreement is None:
            # Where the image was copied to another registry, its records came along.
            here = record.model_copy(update={"image": image.name})
            found.append(Found(here, f"record registry:{descriptor.digest}"))
        else:
            findings.append(disagreement)
    return OnShelf(tuple(found), tuple(findings))


def disagreements(records: Sequence[Found]) -> tuple[Finding, ...]:
    """What records beside one image, of one and the same commit, say differently.

    Whichever of them were taken would decide what the lock's id covers, so nothing is settled silently; the
    version and the time only inform.
    """
    first_of: dict[str | None, Found] = {}
    findings: list[Finding] = []
    for found in records:
        first = first_of.setdefault(found.record.commit, found)
        for what, here, there, note in _said(first.record, found.record):
            if here and there and here != there:
                findings.append(_differing(what, (first, here), (found, there), note))
    return tuple(findings)


def _said(one: Record, other: Record) -> Iterator[tuple[str, str, str, bool]]:
    """What the two say about the same thing, with whether it only informs; empty where one says nothing."""
    yield "the API description", _api(one), _api(other), False
    for platform in sorted(one.platforms.keys() & other.platforms.keys()):
        yield f"digest for {platform}", one.platforms[platform], other.platforms[platform], False
    yield "version", one.version or "", other.version or "", True
    yield "time", _time(one), _time(other), True


def _api(record: Record) -> str:
    return f"{record.api.path} {record.api.digest}" if record.api else ""


def _time(record: Record) -> str:
    return utc_text(record.built) if record.built else ""


def _differing(what: str, one: tuple[Found, str], other: tuple[Found, str], note: bool) -> Finding:
    (first, here), (second, there) = one, other
    return Finding(
        "records-disagree",
        f"{first.record.image}@{first.record.digest}",
        f"{first.origin} says {what} {here}, {second.origin} says {there}",
        expected=here,
        found=there,
        hint=None if note else "two records lie beside this image: delete the wrong one from the registry",
        note=note,
    )


def _subject(registry: Registry, image: ImageReference) -> Descriptor:
    # The manifest itself is read because some registries say no size in their answer to HEAD.
    content = registry.manifest(image)
    if content is None:
        raise Refused(
            f"the registry has no {image}, so there is nothing to put the record beside",
            hint="push the image first; is the digest that of a build without push?",
            code="image-missing",
        )
    return Descriptor(content.digest, content.media_type, len(content.body))


def _manifest(record: Record, subject: Descriptor, config: Descriptor, layer: Descriptor) -> bytes:
    annotations = {
        "org.opencontainers.image.created": utc_text(record.built) if record.built else None,
        "org.opencontainers.image.revision": record.commit,
    }
    data = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": {"mediaType": _EMPTY_TYPE, "digest": config.digest, "size": len(_EMPTY), "data": "e30="},
        "layers": [
            {
                "mediaType": ARTIFACT_TYPE,
                "digest": layer.digest,
                "size": len(record_text(record).encode()),
            }
        ],
        "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size},
        "annotations": {key: value for key, value in annotations.items() if value},
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _record(registry: Registry, image: ImageReference, artefact: str) -> Record:
    """The record in an artefact; `InputError` says what is wrong with it."""
    content = registry.manifest(image.with_digest(artefact))
    if content is None:
        raise InputError("it is listed but not there")
    manifest = _parsed(content.body, "its manifest")
    digests = [_digest(layer) for layer in sequence(mapping(manifest.data).get("layers"))]
    digest = next((digest for digest in digests if digest), None)
    body = registry.blob(image, digest) if digest else None
    if body is None:
        raise InputError("it holds no record")
    document = _parsed(body, "its record")
    if not lockflight_record.recognises(document.data):
        raise InputError("what it holds is no record")
    (draft,) = lockflight_record.read(document, ())
    reading = draft.finish()
    if reading is None:
        raise InputError(draft.problems)
    return reading.record


def _parsed(body: bytes, called: str) -> Document:
    return Document(parse_json(decode_text(body, called), called), called)


def _digest(layer: Any) -> str | None:
    """The digest of a layer that says it is a record."""
    if not isinstance(layer, dict) or layer.get("mediaType") != ARTIFACT_TYPE:
        return None
    digest = layer.get("digest")
    return digest if isinstance(digest, str) and names.is_digest(digest) else None


def _about_another_image(image: ImageReference, record: Record, artefact: str) -> Finding | None:
    """Whoever may push can put any record beside any image: it must speak of the image it lies beside."""
    path = names.parse_reference(record.image).path if record.image else image.path
    if path == image.path and record.digest == image.digest:
        return None
    said = f"{record.image or image.name}@{record.digest}"
    expected = f"{image.name}@{image.digest}"
    return Finding(
        "record-of-another-image",
        str(image),
        f"the record {artefact} lies beside this image but speaks of {said}",
        expected=expected,
        found=said,
    )


def _unreadable(image: ImageReference, artefact: str, why: str) -> Finding:
    message = f"the record {artefact} beside this image cannot be read: {why}"
    return Finding("unreadable-record", str(image), message)
