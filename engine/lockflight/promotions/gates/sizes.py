"""Sizes as the manifest writes them (`2GB` is 2,000,000,000 bytes, as disks are sold) and as Compose does."""

from __future__ import annotations

import re

_DECIMAL = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
# Compose counts in steps of 1024, whatever the unit is called.
_OF_COMPOSE = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def size(text: str) -> int:
    """Bytes of a size in the manifest; the text fits its pattern."""
    return round(float(text[:-2]) * _DECIMAL[text[-2:]])


def written(count: float) -> str:
    """`1.5 GB`, as a person reads it."""
    unit = next((name for name, one in reversed(_DECIMAL.items()) if abs(count) >= one), "MB")
    return f"{count / _DECIMAL[unit]:.3g} {unit}"


def compose_bytes(value: object) -> int:
    """Bytes of a memory size in a compose model: a number, `536870912`, `512M`, `0.5gb`; 0 where it says nothing."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)b?", str(value or 0).strip().lower())
    return round(float(found[1]) * _OF_COMPOSE[found[2]]) if found else 0
