"""What an import leaves behind: locks, and the findings about each file beside the place of its lock."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lockflight.errors import LockflightError, OutsideError, Place
from lockflight.files import write_atomically
from lockflight.findings import Finding
from lockflight.locks.convert.incoming.importing import Imported
from lockflight.locks.convert.incoming.kinds import FINDINGS_MARK, is_findings
from lockflight.locks.convert.incoming.sources import Output
from lockflight.locks.file import read_lock, says_the_same, schema_path, write_lock
from lockflight.locks.model import Lock
from lockflight.names import writable
from lockflight.yaml_source import parse_json

VERSION = 1


def keep(imported: Imported, output: Output, root: Path) -> str:
    """Write the lock where there is one, and the findings where there are any; says what became of it."""
    _keep_findings(imported, output)
    if imported.lock is None:
        return outcome(imported)
    there = _lock_at(output.lock)
    if there is not None and says_the_same(there, imported.lock):
        return "unchanged"
    write_lock(imported.lock, output.lock, schema=schema_path(output.lock, root))
    return "written"


def outcome(imported: Imported) -> str:
    """What becomes of a file that nothing is written of."""
    if imported.refused:
        return "refused"
    return "not asked" if imported.failures else "would be written"


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding without the fields that say nothing."""
    said = {key: value for key, value in asdict(finding).items() if value is not None}
    return {key: writable(value) if isinstance(value, str) else value for key, value in said.items()}


def messages(failures: Iterable[OutsideError]) -> list[str]:
    """Why registries did not answer, each reason once."""
    return list(dict.fromkeys(str(failure) for failure in failures))


def _keep_findings(imported: Imported, output: Output) -> None:
    """A clean import takes the findings of an earlier one away: they speak of what is no longer so."""
    if imported.findings or imported.failures:
        write_atomically(output.findings, _text(imported, output))
    elif _is_ours(output.findings):
        try:
            output.findings.unlink()
        except OSError as error:
            message = f"cannot be removed: {error.strerror or error}"
            raise OutsideError(message, place=Place(str(output.findings))) from error


def _text(imported: Imported, output: Output) -> str:
    document = {
        FINDINGS_MARK: VERSION,
        "file": imported.file.called,
        "kind": imported.kind,
        "lock": output.lock.name if imported.lock else None,
        "id": imported.lock.id if imported.lock else None,
        "services": imported.services,
        "resolved": imported.resolved,
        "findings": [finding_data(finding) for finding in imported.findings],
        "failures": messages(imported.failures),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError, UnicodeDecodeError, LockflightError):
        return is_findings(parse_json(path.read_text(encoding="utf-8"), path.name))
    return False


def _lock_at(path: Path) -> Lock | None:
    """The lock that is there; None when there is none, or it is not whole."""
    try:
        return read_lock(path)
    except LockflightError:
        return None
