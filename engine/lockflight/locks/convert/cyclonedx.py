"""A CycloneDX 1.6 bill of materials: one component per service and third-party image.

The purl of an image follows the `oci` type of package-url/purl-spec. The serial number is made of the lock's
id and the time is the lock's own, so that the same lock always gives the same bytes.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lockflight.locks.convert.pinned import third_party_of
from lockflight.models import utc_text

if TYPE_CHECKING:
    from lockflight.locks.convert.pinned import Pinned
    from lockflight.locks.model import Lock, LockedService

_SCP_LIKE = re.compile(r"(?P<host>(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9.-]+):(?P<path>[^/].*)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[A-Za-z0-9._~:/?#@!&()*+,;=%\[\]-]+")


def render(lock: Lock) -> str:
    components = [
        *(_service(name, service) for name, service in sorted(lock.services.items())),
        *(_third_party(pinned) for pinned in third_party_of(lock)),
    ]
    root = f"lock:{lock.project}"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(lock.id),
        "version": 1,
        "metadata": _metadata(lock, root),
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def serial_number(lock_id: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"lockflight:{lock_id}").urn


def package_url(image: str, digest: str, tag: str | None) -> str:
    """`pkg:oci/cart@sha256%3A…?repository_url=ghcr.io/acme/cart&tag=…`"""
    name = image.rsplit("/", 1)[-1]
    qualifiers = {"repository_url": image.lower(), **({"tag": tag} if tag else {})}
    query = "&".join(f"{key}={quote(value, safe='/')}" for key, value in qualifiers.items())
    return f"pkg:oci/{quote(name, safe='')}@{quote(digest, safe='')}?{query}"


def _metadata(lock: Lock, root: str) -> dict[str, Any]:
    return {
        "timestamp": utc_text(lock.created),
        "tools": {"components": [{"type": "application", "name": "lockflight"}]},
        "component": {"type": "application", "bom-ref": root, "name": lock.project, "version": lock.id},
        "properties": _properties({"lock-id": lock.id, "generator": lock.generator}),
    }


def _service(name: str, service: LockedService) -> dict[str, Any]:
    references = _references(service)
    return {
        **_identity(f"service:{name}", name, service),
        **({"externalReferences": references} if references else {}),
        "properties": _properties(
            {
                "service": name,
                "commit": service.commit,
                **({"tag": service.tag} if service.tag else {}),
                **{f"platform:{key}": digest for key, digest in sorted(service.platforms.items())},
            }
        ),
    }


def _identity(reference: str, name: str, service: LockedService) -> dict[str, Any]:
    """A service that is only configuration is data, known by its commit alone."""
    if service.image is None or service.digest is None:
        return {"type": "data", "bom-ref": reference, "name": name, "version": service.commit}
    version = service.version or service.tag or service.digest
    return _container(reference, service.image, service.digest, service.tag, version)


def _third_party(pinned: Pinned) -> dict[str, Any]:
    version = pinned.tag or pinned.digest
    component = _container(f"image:{pinned.name}", pinned.image, pinned.digest, pinned.tag, version)
    return {**component, "properties": _properties({"image": pinned.name})}


def _container(reference: str, image: str, digest: str, tag: str | None, version: str) -> dict[str, Any]:
    return {
        "type": "container",
        "bom-ref": reference,
        "name": image,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
        "purl": package_url(image, digest, tag),
    }


def _references(service: LockedService) -> list[dict[str, str]]:
    url = _repository_url(service.repository or "")
    return [{"type": "vcs", "url": url, "comment": f"commit {service.commit}"}] if url else []


def _repository_url(repository: str) -> str | None:
    """The schema wants an IRI, and git's `git@host:path` is none; what cannot be one is left out."""
    match = _SCP_LIKE.fullmatch(repository)
    if match and "://" not in repository:
        repository = f"ssh://{match['host']}/{match['path']}"
    return repository if _URL.fullmatch(repository) else None


def _properties(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": f"lockflight:{name}", "value": value} for name, value in values.items()]
