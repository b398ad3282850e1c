"""Locks for tests, as small or as large as a test wants."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from lockflight.builds.model import ApiSpec
from lockflight.locks.file import seal
from lockflight.locks.model import Lock, LockContent, LockedImage, LockedService, Source

CREATED = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def digest(word: str) -> str:
    return f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


def commit(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:40]


def service(name: str = "cart", **changes: Any) -> LockedService:
    values: dict[str, Any] = {
        "commit": commit(name),
        "repository": f"https://git.example/acme/{name}",
        "path": f"services/{name}",
        "image": f"ghcr.io/acme/{name}",
        "tag": commit(name),
        "digest": digest(name),
        "media_type": "application/vnd.oci.image.index.v1+json",
        "platforms": {"linux/amd64": digest(name + "amd64"), "linux/arm64": digest(name + "arm64")},
        "version": "1.4.2",
        "built": CREATED,
        "api": ApiSpec(path="openapi.yaml", digest=digest(name + "api")),
        "origin": f"record ci-outputs/{name}.json",
    }
    return LockedService(**{**values, **changes})


def content(**changes: Any) -> LockContent:
    values: dict[str, Any] = {
        "project": "shop",
        "created": CREATED,
        "source": Source(
            repository="https://git.example/acme/shop", ref="main", commit=commit("shop"), pull_request=57
        ),
        "generator": "lockflight 0.1.0",
        "services": {name: service(name) for name in ("cart", "orders")},
        "images": {
            "postgres": LockedImage(image="docker.io/library/postgres", tag="16-alpine", digest=digest("pg"))
        },
        "config": {"compose/stack.yaml": digest("stack")},
    }
    return LockContent(**{**values, **changes})


def lock(**changes: Any) -> Lock:
    return seal(content(**changes))
