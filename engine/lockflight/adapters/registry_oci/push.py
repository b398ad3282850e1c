"""Pushing blobs and manifests, and keeping the list of referrers where the registry keeps none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from lockflight import names
from lockflight.adapters.registry_oci import failures
from lockflight.adapters.registry_oci.content import digest_of, mapping, named_digest
from lockflight.adapters.registry_oci.deadline import Deadline
from lockflight.adapters.registry_oci.endpoint import Endpoint, Question
from lockflight.adapters.registry_oci.http import Answer
from lockflight.adapters.registry_oci.read import Reader
from lockflight.adapters.registry_oci.redirects import target_of
from lockflight.adapters.registry_oci.referrers import from_tag, tag_of
from lockflight.adapters.registry_oci.retries import backoff
from lockflight.names import ImageReference
from lockflight.ports.clock import Clock
from lockflight.ports.registry import OCI_INDEX, Descriptor

_BLOB_TYPE = "application/octet-stream"
_LIST_ATTEMPTS = 8


class Pusher:
    """Writes to any registry that `endpoint` knows. Every push can be made again without harm."""

    def __init__(self, endpoint: Callable[[str], Endpoint], reader: Reader, clock: Clock) -> None:
        self._endpoint = endpoint
        self._reader = reader
        self._clock = clock
        self._listing = threading.Lock()

    def push_blob(self, image: ImageReference, body: bytes) -> Descriptor:
        digest = digest_of(body)
        about = f"push the blob {digest} to {image.name}"
        endpoint = self._endpoint(image.registry)
        deadline = endpoint.deadline()
        # An upload that broke cannot be gone on with, so all of its steps are tried again together.
        endpoint.patiently(lambda: _upload(endpoint, image, body, digest, about, deadline), about, deadline)
        return Descriptor(digest, _BLOB_TYPE, len(body))

    def push_manifest(self, image: ImageReference, body: bytes, media_type: str) -> Descriptor:
        digest = digest_of(body)
        about = f"push {image.name}{f':{image.tag}' if image.tag else f'@{digest}'}"
        question = Question(
            "PUT",
            f"/v2/{image.path}/manifests/{image.tag or digest}",
            about,
            _pushing(image),
            {"Content-Type": media_type},
            body,
        )
        answer = self._endpoint(image.registry).ask(question)
        _expect(answer, {200, 201, 202}, image, about)
        _check_stored(answer, digest, about)
        with failures.believing(image.registry, about):
            data = mapping(body)
        subject = _subject(data)
        if subject is not None and "OCI-Subject" not in answer.headers:
            entry = _entry(data, digest, media_type, len(body))
            self._list_under_tag(image.with_digest(subject), entry)
        return Descriptor(digest, media_type, len(body))

    def _list_under_tag(self, image: ImageReference, entry: dict[str, Any]) -> None:
        """Add an entry to the list under the subject's tag, and look whether it stayed there.

        A registry cannot exchange a tag only if it is unchanged, so of two writers at once one may overwrite
        the other's entry. Looking again afterwards finds that, unless the other one read the list before
        this entry was there and writes it after this has looked. Pushing the same manifest again repairs that.
        """
        # Within this process the writers wait for each other.
        with self._listing:
            for number in range(1, _LIST_ATTEMPTS + 1):
                entries = from_tag(self._reader, image)
                if _is_listed(entry, entries):
                    return
                # Nothing may come between reading and writing that makes the time between them longer.
                self._write_list(image, [*entries, entry])
                if _is_listed(entry, from_tag(self._reader, image)):
                    return
                self._clock.sleep(backoff(number))
        raise failures.unavailable(
            image.registry,
            f"list {entry['digest']} beside {image}",
            f"others kept overwriting the list under {tag_of(image)}",
            "try again; the artefact itself is stored",
        )

    def _write_list(self, image: ImageReference, entries: list[Any]) -> None:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        self.push_manifest(tag_of(image), json.dumps(index, separators=(",", ":")).encode(), OCI_INDEX)


def _is_listed(entry: dict[str, Any], entries: list[Any]) -> bool:
    return any(isinstance(one, dict) and one.get("digest") == entry["digest"] for one in entries)


def _upload(
    endpoint: Endpoint, image: ImageReference, body: bytes, digest: str, about: str, deadline: Deadline
) -> None:
    """One attempt: nothing where the blob is there already, otherwise a single PUT of all of it."""
    base, scope = f"/v2/{image.path}/blobs", _pushing(image)
    there = endpoint.once(Question("HEAD", f"{base}/{digest}", about, scope), deadline)
    if there.status == 200:
        return
    begun = endpoint.once(Question("POST", f"{base}/uploads/", about, scope, body=b""), deadline)
    _expect(begun, {202}, image, about)
    place = target_of(begun)
    joint = "&" if "?" in place.target else "?"
    target = f"{place.target}{joint}digest={quote(digest, safe=':')}"
    headers = {"Content-Type": _BLOB_TYPE}
    question = Question("PUT", target, about, scope, headers, body)
    done = endpoint.once_at(place.at(target), question, deadline)
    _expect(done, {200, 201, 202, 204}, image, about)
    _check_stored(done, digest, about)


def _check_stored(answer: Answer, digest: str, about: str) -> None:
    said = named_digest(answer.headers.get("Docker-Content-Digest"))
    if said not in (None, digest):
        raise failures.wrong_content(about, f"the registry stored it as {said}, and not as {digest}")


def _expect(answer: Answer, statuses: set[int], image: ImageReference, about: str) -> None:
    if answer.status not in statuses:
        raise failures.unexpected(image.registry, about, answer, _REFUSED.get(answer.status))


_REFUSED = {
    400: "is everything that the manifest names in the registry, in this repository?",
    404: "does the repository have to be created first in this registry?",
    405: "is this registry read-only?",
    413: "the registry does not take anything this large",
}


def _pushing(image: ImageReference) -> str:
    return f"repository:{image.path}:pull,push"


def _subject(manifest: dict[str, Any]) -> str | None:
    """The digest that the manifest speaks of, where it does."""
    subject = manifest.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) and names.is_digest(digest) else None


def _entry(manifest: dict[str, Any], digest: str, media_type: str, size: int) -> dict[str, Any]:
    """The manifest as a list of referrers shows it."""
    config = manifest.get("config")
    of_config = config.get("mediaType") if isinstance(config, dict) else None
    more = {
        "artifactType": manifest.get("artifactType") or of_config,
        "annotations": manifest.get("annotations"),
    }
    shown = {name: value for name, value in more.items() if value}
    return {"mediaType": media_type, "digest": digest, "size": size, **shown}
