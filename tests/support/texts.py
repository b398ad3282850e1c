"""Everything that an error could show to somebody."""

from __future__ import annotations

import traceback


def everything_said(error: BaseException) -> str:
    """Its text and those of all that led to it, as a log with tracebacks would have them."""
    parts = ["".join(traceback.format_exception(error))]
    current: BaseException | None = error
    while current is not None:
        parts += [str(current), repr(current), repr(current.args), repr(vars(current))]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(parts)
