"""Tables for a person: aligned columns, cut to the terminal's width where there is a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

_NARROWEST_COLUMN = 8
_GAP = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Left-aligned columns under a header; nothing is cut when the output goes to a file or a pipe."""
    cells = [[_one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    limit = terminal_width() if width is None else width
    if limit is not None:
        widths = _narrowed(widths, limit)
    return "\n".join(_line(row, widths) for row in cells) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as GitHub shows it; no cell can break out of its column."""
    lines = [list(header), ["---"] * len(header), *[[markdown(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def markdown(text: str) -> str:
    """Text from outside as plain text in Markdown: no links, mentions, tags or columns of its own."""
    shown = _one_line(text)
    for character in "\\`*_{}[]<>|~#!":
        shown = shown.replace(character, f"\\{character}")
    # A mention notifies people and a bare number links to an issue, unless something invisible is between.
    return shown.replace("@", "@\N{ZERO WIDTH NON-JOINER}").replace("&", "&amp;")


def code(text: str) -> str:
    """Text from outside as Markdown code."""
    return f"`{_one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def terminal_width() -> int | None:
    """The columns of the terminal, or None where output is no terminal."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size((100, 24)).columns


def plural(count: int, word: str) -> str:
    """`1 service`, `2 services`."""
    ending = "" if count == 1 else "s"
    if count != 1 and word.endswith(("ss", "x", "ch")):
        ending = "es"
    return f"{count} {word}{ending}"


def _narrowed(widths: list[int], limit: int) -> list[int]:
    """Take from the widest column until the line fits, but leave each readable."""
    widths = list(widths)
    spare = limit - len(_GAP) * (len(widths) - 1)
    while sum(widths) > spare:
        widest = widths.index(max(widths))
        if widths[widest] <= _NARROWEST_COLUMN:
            break
        widths[widest] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    shown = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
    return _GAP.join(shown).rstrip()


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    # Of an image or a path the end says most.
    return f"…{text[1 - width :]}" if "/" in text and " " not in text else f"{text[: width - 1]}…"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text.replace("\n", " "))
