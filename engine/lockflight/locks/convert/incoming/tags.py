"""Whether a tag speaks of a commit, and of which."""

from __future__ import annotations

import re
from enum import Enum

from lockflight import names
from lockflight.builds.references import holds_commit

# Digits that stand alone between separators, perhaps with the 'g' that 'git describe' puts before them. Seven
# is git's own shortest abbreviation.
_DIGITS = re.compile(r"(?<![0-9A-Za-z])g?([0-9a-f]{7,64})(?![0-9A-Za-z])")


class TagSays(Enum):
    THE_COMMIT = "holds the commit"
    ANOTHER = "holds digits of another commit"
    NOTHING = "speaks of no commit"


def tag_says(tag: str, commit: str) -> TagSays:
    if holds_commit(tag, commit):
        return TagSays.THE_COMMIT
    return TagSays.ANOTHER if any(map(_looks_like_a_commit, _DIGITS.findall(tag))) else TagSays.NOTHING


def _looks_like_a_commit(digits: str) -> bool:
    """Decimal digits alone may be a date or a build's number, letters alone a word such as 'defaced'."""
    return names.is_commit(digits) or (not digits.isdigit() and not digits.isalpha())
