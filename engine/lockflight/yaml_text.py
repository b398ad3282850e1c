"""Writing YAML that every parser reads alike, one text for one value.

A library's emitter may fold, quote or order differently in its next release; a lock's bytes must not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

# Words that need no quotes; a single expression, so that a reader of canonical text can use it as well.
# Text that starts with a digit must be a commit, a digest's digits or a three-part version: anything else
# may be a number, a time or a date to some YAML parser.
_RESERVED = r"(?:null|true|false|yes|no|on|off|[yn])"
_FIRST = r"(?:[A-Za-z_/]|\./|\.env)"
PLAIN = (
    rf"(?:(?!(?i:{_RESERVED})(?:\n|:\s|$)){_FIRST}[A-Za-z0-9_./@+%=?&~#-]*(?::[A-Za-z0-9_./@+%=?&~#-]+)*"
    r"(?: [A-Za-z0-9_./@+-][A-Za-z0-9_./@+#-]*)*"
    r"|(?=[0-9a-f]*[a-df])[0-9a-f]{40,64}(?![0-9a-f])|[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?(?![0-9A-Za-z.+-]))"
)
_PLAIN = re.compile(PLAIN)


def mapping_lines(data: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """The lines of a mapping in block style."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            if value:
                yield f"{indent}{scalar(key)}:"
                yield from mapping_lines(value, indent + "  ")
            else:
                yield f"{indent}{scalar(key)}: {{}}"
        elif isinstance(value, (list, tuple)):
            yield f"{indent}{scalar(key)}:" if value else f"{indent}{scalar(key)}: []"
            yield from (f"{indent}  - {scalar(item)}" for item in value)
        else:
            yield f"{indent}{scalar(key)}: {scalar(value)}"


def scalar(value: Any) -> str:
    """One scalar, quoted wherever any YAML parser might take it for something else than it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value)
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """In double quotes, as JSON; what YAML does not allow in a stream is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(c) for c in quoted)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
