"""A record as a file: one canonical text for one record."""

from __future__ import annotations

import json
from typing import Any

from lockflight.builds.formats.lockflight_record import MARK, VERSION
from lockflight.builds.model import Record


def record_text(record: Record) -> str:
    """JSON with sorted keys, without the fields that say nothing; the same record gives the same bytes."""
    data = {MARK: VERSION, **_said(record.model_dump(mode="json"))}
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _said(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None and value != {}}
