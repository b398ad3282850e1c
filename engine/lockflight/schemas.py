"""JSON Schemas, generated from the models: `python -m lockflight.schemas [FOLDER]` writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lockflight.builds.model import RecordFile
from lockflight.config import Manifest
from lockflight.files import write_atomically
from lockflight.locks.model import Lock
from lockflight.ports.ledger_event import Event
from lockflight.stacks.evidence import Evidence

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: dict[str, tuple[type[BaseModel], str]] = {
    "manifest.schema.json": (Manifest, "lockflight.yaml"),
    "lock.schema.json": (Lock, "A lock: the exact build of every service"),
    "record.schema.json": (RecordFile, "A record: what a service's CI says about one build"),
    "ledger-event.schema.json": (Event, "One event of the ledger"),
    "evidence.schema.json": (Evidence, "Evidence: what the system tests said of one lock"),
}


def schema(name: str) -> dict[str, Any]:
    """One schema as data."""
    model, title = SCHEMAS[name]
    made = model.model_json_schema(by_alias=True)
    if model is Manifest:
        _allow_one_word(made)
    return {"$schema": _DIALECT, "title": title, **{key: made[key] for key in sorted(made) if key != "title"}}


def schema_text(name: str) -> str:
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def _allow_one_word(made: dict[str, Any]) -> None:
    """`compose: cart-api` may be written without brackets; the reader makes a list of it."""
    field = made["$defs"]["Service"]["properties"]["compose"]
    field["anyOf"].append({"type": "string"})


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0] if arguments else "schemas")
    for name in SCHEMAS:
        state = "written" if write_atomically(folder / name, schema_text(name)) else "unchanged"
        sys.stderr.write(f"{folder / name}: {state}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
