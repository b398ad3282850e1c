"""Tables for a person: aligned columns, cut to the terminal's width where there is a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from lockflight.logs import printable

_NARROWEST_COLUMN = 8
_NARROWEST_REASON = 20
_GAP = "  "


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    wrap_last: bool = False,
) -> str:
    """Left-aligned columns under a header; nothing is cut when the output goes to a file or a pipe.

    On a terminal the widest columns are cut, or where it says a reason the last one goes on below.
    """
    cells = [[_one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    limit = terminal_width() if width is None else width
    if limit is not None and wrap_last:
        return "".join(_wrapped(row, widths, limit) for row in cells)
    if limit is not None:
        widths = _narrowed(widths, limit)
    return "\n".join(_line(row, widths) for row in cells) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as GitHub shows it; no cell can break out of its column."""
    shown = [[_cell(cell) for cell in row] for row in rows]
    lines = [list(header), ["---"] * len(header), *shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


class Escaped(str):
    """Markdown that is written already, by `code` or `markdown`; every other cell is text from outside."""

    __slots__ = ()


def _cell(text: str) -> str:
    return text if isinstance(text, Escaped) else markdown(text)


def markdown(text: str) -> Escaped:
    """Text from outside as plain text in Markdown: no links, mentions, tags or columns of its own."""
    shown = _one_line(text)
    for character in "\\`*_{}[]<>|~#!":
        shown = shown.replace(character, f"\\{character}")
    # A mention notifies people and a bare number links to an issue, unless something invisible is between.
    return Escaped(shown.replace("&", "&amp;").replace("@", "@\N{ZERO WIDTH NON-JOINER}"))


def code(text: str) -> Escaped:
    """Text from outside as Markdown code."""
    return Escaped(f"`{_one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`")


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


def _wrapped(row: Sequence[str], widths: Sequence[int], limit: int) -> str:
    """The row with its last cell on as many lines as it takes, each under the one before."""
    *firsts, _ = widths
    start = sum(firsts) + len(_GAP) * len(firsts)
    pieces = textwrap.wrap(row[-1], max(limit - start, _NARROWEST_REASON), break_on_hyphens=False) or [""]
    first = _line([*row[:-1], pieces[0]], [*firsts, len(pieces[0])])
    return "\n".join([first, *(" " * start + piece for piece in pieces[1:])]) + "\n"


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    # Of an image or a path the end says most.
    return f"…{text[1 - width :]}" if "/" in text and " " not in text else f"{text[: width - 1]}…"


def _one_line(text: str) -> str:
    return printable(text.replace("\n", " "))
