"""The compose file that is put on top of the user's own: pins, isolation, labels, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockflight.yaml_text import scalar


@dataclass(frozen=True, slots=True)
class Reset:
    """Takes away what the files below say, with Compose's own `!reset`."""


@dataclass(frozen=True, slots=True)
class Override:
    """Stands instead of what the files below say, with Compose's own `!override`; a list of mappings or texts."""

    entries: tuple[Mapping[str, Any] | str, ...]


Section = Mapping[str, Any]


def render(first_line: str, sections: Mapping[str, Mapping[str, Section]]) -> str:
    """The text; the same sections always give the same bytes."""
    lines = [f"# {first_line}"]
    for kind, entries in sections.items():
        if entries:
            lines.append(f"{kind}:")
            for name, section in sorted(entries.items()):
                lines += _mapping(name, section, "  ")
    return "\n".join(lines) + "\n"


def merged(*parts: Mapping[str, Section]) -> dict[str, dict[str, Any]]:
    """Sections by name, from several makers; a mapping in two of them is joined."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        for name, section in part.items():
            known = found.setdefault(name, {})
            for key, value in section.items():
                both = isinstance(value, Mapping) and isinstance(known.get(key), Mapping)
                known[key] = {**known[key], **value} if both else value
    return found


def _mapping(name: str, section: Section, indent: str) -> Iterator[str]:
    if not section:
        yield f"{indent}{_text(name)}: {{}}"
        return
    yield f"{indent}{_text(name)}:"
    for key, value in section.items():
        yield from _entry(key, value, indent + "  ")


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Reset):
        yield f"{indent}{_text(key)}: !reset null"
    elif isinstance(value, Override):
        yield f"{indent}{_text(key)}: !override"
        yield from _entries(value.entries, indent + "  ")
    elif isinstance(value, Mapping):
        yield from _mapping(key, value, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield f"{indent}{_text(key)}:"
        yield from (f"{indent}  - {_text(item)}" for item in value)
    else:
        yield f"{indent}{_text(key)}: {_text(value)}"


def _entries(entries: Sequence[Mapping[str, Any] | str], indent: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield f"{indent}- {_text(entry)}"
            continue
        for position, (key, value) in enumerate(entry.items()):
            yield f"{indent}{'  ' if position else '- '}{_text(key)}: {_text(value)}"


def _text(value: Any) -> str:
    """A dollar sign is one for Compose, and no variable."""
    return scalar(value).replace("$", "$$")
