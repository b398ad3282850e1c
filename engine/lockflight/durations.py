"""Lengths of time as people write them: `90s`, `10m`, `1h30m`."""

from __future__ import annotations

import re

PATTERN = r"([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?"
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def seconds(text: str) -> int:
    """How long that is; the text fits the pattern."""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", text))


def written(length: float) -> str:
    """As a person reads it: `0.4 s`, `12 s`, `2 min 5 s`, `1 h 2 min`."""
    if length < 9.95:
        return f"{length:.1f} s"
    whole = round(length)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
