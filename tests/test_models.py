"""One line of text holds nothing that acts on who looks at it."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from lockflight.logs import printable
from lockflight.models import Line

LINE = TypeAdapter(Line)
EVERY = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]
TURNING = [
    c
    for c in EVERY
    if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
]
COMMANDING = [c for c in EVERY if unicodedata.category(c) in {"Cc", "Zl", "Zp"}]
# They turn no text, but where they stand they have a direction, and nobody sees them.
MARKS = ["\u061c", "\u200e", "\u200f"]


@pytest.mark.parametrize("bad", [*TURNING, *COMMANDING], ids=ascii)
def test_a_line_holds_no_character_that_turns_or_commands_what_follows(bad: str) -> None:
    for text in (bad, f"a{bad}b", f"a{bad}"):
        with pytest.raises(ValidationError):
            LINE.validate_python(text)


@pytest.mark.parametrize("mark", [*TURNING, *MARKS], ids=ascii)
def test_what_has_a_direction_of_its_own_is_shown_as_a_sign_that_has_none(mark: str) -> None:
    assert printable(f"a{mark}b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("text", ["שלום", "السلام", "Grüße, 世界", "👩‍🚒"])
def test_a_line_may_be_in_any_language(text: str) -> None:
    assert LINE.validate_python(text) == text
