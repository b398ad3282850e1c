"""The id of a lock: sha256 over the RFC 8785 form of what is deployed, and of nothing else.

Covered are the version, the project, the configuration files' digests, and of each service and image its
commit, image, digest, platforms and API digest. Absent fields are left out, so that a field added to the
format later does not change the ids of locks that do not use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

_OF_A_SERVICE = ("commit", "image", "digest", "platforms")
_OF_AN_IMAGE = ("image", "digest")


def lock_id(data: Mapping[str, Any]) -> str:
    """The id that a lock's plain data (as it stands in the file) must carry."""
    import rfc8785

    return hashlib.sha256(rfc8785.dumps(deployed(data))).hexdigest()


def deployed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a lock's plain data that the id covers."""
    return {
        "version": data["version"],
        "project": data["project"],
        "config": dict(data.get("config") or {}),
        "services": {name: _service(entry) for name, entry in data["services"].items()},
        "images": {name: _present(entry, _OF_AN_IMAGE) for name, entry in (data.get("images") or {}).items()},
    }


def _service(entry: Mapping[str, Any]) -> dict[str, Any]:
    covered = _present(entry, _OF_A_SERVICE)
    if entry.get("api"):
        covered["api"] = {"digest": entry["api"]["digest"]}
    return covered


def _present(entry: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: entry[field] for field in fields if entry.get(field)}
