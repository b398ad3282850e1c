"""What lies beside an image: the artefacts whose manifests name the image's digest as their subject.

Registries of the distribution specification 1.1 list them. For others the specification gives clients a tag
made of the digest (`sha256-…`), under which they keep that list themselves; it is read and written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from lockflight import names
from lockflight.adapters.registry_oci import failures
from lockflight.adapters.registry_oci.addresses import BadAddress
from lockflight.adapters.registry_oci.content import Unusable, mapping, named_type
from lockflight.adapters.registry_oci.endpoint import Endpoint, Question
from lockflight.adapters.registry_oci.http import Answer
from lockflight.adapters.registry_oci.read import LARGEST_MANIFEST, Reader, pulling
from lockflight.names import ImageReference
from lockflight.ports.registry import INDEX_TYPES, OCI_INDEX, Descriptor

# How registries without that list answer; only 404 is in the specification, the others exist.
_NO_SUCH_LIST = frozenset({400, 404, 405, 406, 501})
_MOST_PAGES = 100
_NEXT = re.compile(r'<([^<>]+)>[^,]*;\s*rel="?next"?', re.IGNORECASE)
_CREATED = "org.opencontainers.image.created"


def list_referrers(
    endpoint: Endpoint, reader: Reader, image: ImageReference, artifact_type: str
) -> tuple[Descriptor, ...]:
    """The artefacts of this type that speak of the image's digest, the oldest first as far as they say."""
    entries = _from_api(endpoint, image, artifact_type) if endpoint.has_referrers_api else None
    if entries is None:
        entries = from_tag(reader, image)
    # The registry need not filter, and a tag's list never is filtered.
    found = {one.digest: one for one in descriptors(entries) if one.artifact_type == artifact_type}
    return tuple(sorted(found.values(), key=lambda one: one.annotations.get(_CREATED, "")))


def tag_of(image: ImageReference) -> ImageReference:
    """The tag under which clients list what refers to the image's digest."""
    return image.with_tag(str(image.digest).replace(":", "-"))


def from_tag(reader: Reader, image: ImageReference) -> list[Any]:
    """The entries of the list under the tag; none where there is no such tag."""
    place = tag_of(image)
    content = reader.manifest_now(place)
    if content is None:
        return []
    with failures.believing(image.registry, f"read {place}"):
        if content.media_type not in INDEX_TYPES:
            raise Unusable("the tag that OCI sets aside for lists of referrers holds something else")
        return _entries(content.body)


def descriptors(entries: Iterable[Any]) -> Iterator[Descriptor]:
    """The entries that are whole; whoever may push can write anything into such a list."""
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        digest, media_type, size = entry.get("digest"), entry.get("mediaType"), entry.get("size")
        if not (isinstance(digest, str) and names.is_digest(digest) and isinstance(media_type, str)):
            continue
        artifact_type = entry.get("artifactType")
        annotations = entry.get("annotations")
        yield Descriptor(
            digest,
            media_type,
            size if isinstance(size, int) else 0,
            artifact_type if isinstance(artifact_type, str) else None,
            _texts(annotations) if isinstance(annotations, dict) else {},
        )


def _from_api(endpoint: Endpoint, image: ImageReference, artifact_type: str) -> list[Any] | None:
    """The entries that the registry lists; None where it keeps no such list."""
    about = f"list what refers to {image}"
    target = f"/v2/{image.path}/referrers/{image.digest}?artifactType={quote(artifact_type, safe='')}"
    entries: list[Any] = []
    for _page in range(_MOST_PAGES):
        question = Question(
            "GET", target, about, pulling(image), {"Accept": OCI_INDEX}, largest=LARGEST_MANIFEST
        )
        answer = endpoint.ask(question)
        if _has_no_list(answer):
            # A repository that does not exist yet says nothing about what the registry can do.
            if answer.status != 400 and "NAME_UNKNOWN" not in failures.described(answer):
                endpoint.has_referrers_api = False
            return None
        if answer.status != 200:
            raise failures.unexpected(image.registry, about, answer)
        with failures.believing(image.registry, about):
            entries += _entries(answer.body)
            following = _next_page(answer)
        if following is None:
            return entries
        target = following
    raise failures.unavailable(image.registry, about, f"the list has more than {_MOST_PAGES} pages")


def _has_no_list(answer: Answer) -> bool:
    is_other = answer.status == 200 and named_type(answer.headers.get("Content-Type")) not in ("", OCI_INDEX)
    return answer.status in _NO_SUCH_LIST or is_other


def _next_page(answer: Answer) -> str | None:
    """Path and query of the next page, which must be at the same registry."""
    match = _NEXT.search(answer.headers.get("Link", ""))
    if match is None:
        return None
    try:
        following = answer.address.join(match.group(1))
    except BadAddress as error:
        raise Unusable("the link to the next page is none") from error
    if following.origin != answer.address.origin or following == answer.address:
        raise Unusable(f"the link to the next page leads to {following.netloc}, which is not the next page")
    return following.target


def _entries(body: bytes) -> list[Any]:
    entries = mapping(body).get("manifests")
    if not isinstance(entries, list):
        raise Unusable("the answer is no list of referrers")
    return entries


def _texts(annotations: dict[Any, Any]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if isinstance(text, str)}
