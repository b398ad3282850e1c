"""Is this a time in which nothing is promoted, or has a person said so?"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from lockflight.environments import FreezeGate, Window
from lockflight.models import utc_text
from lockflight.promotions.gates import hold, windows
from lockflight.promotions.gates.model import Question, Reply, not_yet, yes
from lockflight.promotions.gates.windows import Span


def ask(settings: FreezeGate, question: Question) -> Reply:
    """A window ends by itself, and the answer says when; a hold does not. A person may override both."""
    zone, now = ZoneInfo(settings.timezone), question.clock.now()
    spans = windows.spans_at(settings.windows, zone, now)
    held = question.known.hold
    stopped_by = [_said(span, settings.timezone) for span in spans]
    if held is not None:
        stopped_by.append(hold.said(question.environment, held))
    if not stopped_by:
        return yes(f"nothing is frozen at {_local(now.astimezone(zone).isoformat())}, and nobody holds it")
    if question.known.override is not None:
        return hold.overridden(question.known.override, stopped_by)
    details = {
        "windows": [_as_data(span) for span in spans],
        "hold": hold.as_data(held) if held is not None else None,
    }
    ends = windows.end_of_freeze(settings.windows, zone, now) if spans else None
    return not_yet("; ".join(stopped_by), ends, **{name: value for name, value in details.items() if value})


def explain(settings: FreezeGate) -> str:
    listed = "; ".join(_written(window) for window in settings.windows)
    return f"nobody holds the environment, and it is none of these times of {settings.timezone}: {listed}"


def _written(window: Window) -> str:
    reason = f" ({window.reason})" if window.reason else ""
    return f"{windows.written(window)}{reason}"


def _said(span: Span, timezone: str) -> str:
    return f"frozen {_written(span.window)}, {timezone}"


def _as_data(span: Span) -> dict[str, str]:
    return {"window": _written(span.window), "start": utc_text(span.start), "end": utc_text(span.end)}


def _local(text: str) -> str:
    return text.replace("T", " ")
