"""Locks of the home-made kind for tests, and importing them the way the command does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockflight.locks.convert.incoming.foreign import ServiceOf, no_manifest
from lockflight.locks.convert.incoming.importing import Defaults, Imported, import_all, read_all
from lockflight.locks.convert.incoming.sources import source_files
from lockflight.ports.registry import Registry
from lockflight.progress import Silent
from tests.locks.builders import commit

NOW = datetime(2027, 1, 1, tzinfo=UTC)
METADATA = {
    "project": "shop",
    "generated_at": "2026-05-04T03:02:01Z",
    "repository": "https://github.com/acme/shop",
    "branch": "main",
    "commit": commit("shop"),
    "run_url": "https://github.com/acme/shop/actions/runs/1",
}


def entry(name: str, **image: Any) -> dict[str, Any]:
    """A service as the generator wrote it: a commit, a tag made of it, and no digest."""
    fields = {"repository": f"ghcr.io/acme/{name}", "tag": commit(name), **image}
    kept = {key: value for key, value in fields.items() if value is not None}
    return {"git_sha": commit(name), "submodule_path": f"services/{name}", "image": kept}


def document(services: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {**METADATA, **metadata}, "services": dict(services)}


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2))
    return path


def import_folder(
    folder: Path,
    registry: Registry | None,
    *,
    project: str | None = None,
    service_of: ServiceOf = no_manifest,
    kind: str = "auto",
) -> list[Imported]:
    """Everything in the folder, as `lockflight import .` takes it."""
    read = read_all(source_files(["."], folder), kind, service_of)
    assert read.problems == ()
    return import_all(read.locks, registry, Defaults(project, project is not None, NOW), Silent())


def import_one(folder: Path, data: Any, registry: Registry | None, **options: Any) -> Imported:
    write(folder / "lock.json", data)
    return import_folder(folder, registry, **options)[0]


def codes(imported: Imported, *, notes: bool = False) -> list[tuple[str, str]]:
    """What was found: (subject, code)."""
    return [(finding.subject, finding.code) for finding in imported.findings if finding.note is notes]
