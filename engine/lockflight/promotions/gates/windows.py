"""When a window of the manifest is, on the one line of time: clocks that are turned are the hard part.

A time of day that a turned clock shows twice counts from its first showing for a beginning, and to its second for
an end; one that is skipped is the moment of the turn. So a window is never shorter than a person would think.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lockflight.environments import Window
from lockflight.errors import InputError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = timedelta(days=1)
# A freeze that goes on and on has no end worth naming.
_MOST_JOINED = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """From the first moment that is frozen to the first that is not any more, in UTC."""

    start: datetime
    end: datetime
    window: Window

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def spans_at(windows: Iterable[Window], zone: ZoneInfo, moment: datetime) -> tuple[Span, ...]:
    """The windows that the moment lies in."""
    return tuple(span for window in windows for span in _around(window, zone, moment) if span.holds(moment))


def end_of_freeze(windows: Iterable[Window], zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment from there on that lies in no window; None where there is no end of it."""
    listed = list(windows)
    for _ in range(_MOST_JOINED):
        spans = spans_at(listed, zone, moment)
        if not spans:
            return moment
        moment = max(span.end for span in spans)
    return None


def written(window: Window) -> str:
    """`friday, saturday from 17:00 to 08:00`, `from 2026-12-20 to 2027-01-02`."""
    if window.start is not None:
        return f"from {window.start} to {window.end}"
    days = ", ".join(window.days) or "every day"
    return f"{days} from {window.from_} to {window.to}" if window.from_ else days


def _around(window: Window, zone: ZoneInfo, moment: datetime) -> Iterator[Span]:
    """The window's spans that may hold the moment."""
    if window.start is not None and window.end is not None:
        yield Span(
            _beginning(_moment(window.start), zone), _end(_moment(window.end, is_end=True), zone), window
        )
        return
    today = moment.astimezone(zone).date()
    # A window that began the day before may go on past midnight.
    for day in (today - _DAY, today, today + _DAY):
        if not window.days or DAYS[day.weekday()] in window.days:
            begins, ends = _of_day(window, day)
            yield Span(_beginning(begins, zone), _end(ends, zone), window)


def _of_day(window: Window, day: date) -> tuple[datetime, datetime]:
    """What the clock on the wall shows at both ends of the window that begins on this day."""
    if window.from_ is None or window.to is None:
        return datetime.combine(day, time()), datetime.combine(day + _DAY, time())
    begins = datetime.combine(day, time.fromisoformat(window.from_))
    ends = datetime.combine(day, time.fromisoformat(window.to))
    return begins, ends if ends > begins else ends + _DAY


def _moment(text: str, *, is_end: bool = False) -> datetime:
    """What is written without a time means the whole day: its beginning, or its end."""
    try:
        moment = datetime.fromisoformat(text)
        return moment + _DAY if is_end and "T" not in text else moment
    except (ValueError, OverflowError) as error:
        raise InputError(f"'{text}' is no date of the calendar") from error


def _beginning(wall: datetime, zone: ZoneInfo) -> datetime:
    return _instant(wall, zone, 0)


def _end(wall: datetime, zone: ZoneInfo) -> datetime:
    return _instant(wall, zone, 1)


def _instant(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    """When the clock on the wall shows that; where it never does, the moment at which it was turned."""
    try:
        first, second = (wall.replace(tzinfo=zone, fold=which).astimezone(UTC) for which in (0, 1))
    except OverflowError as error:
        raise InputError(f"'{wall.isoformat()}' lies outside of the calendar") from error
    if first <= second:  # the usual case, or shown twice
        return second if fold else first
    # Skipped: the offset before the turn leads to a moment after it, and the one after it to a moment before it.
    before, after = second, first
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
