"""The `freeze` gate: windows in time zones whose clocks are turned, a person's hold, and an emergency."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.environments import FreezeGate, Window
from lockflight.errors import InputError
from lockflight.promotions.gates import freeze, windows
from lockflight.promotions.gates.model import Answer, Hold, Known, Override
from lockflight.testing.clock import FakeClock
from tests.promotions.gates.questions import ask, gate, question

NIGHTS = {"from": "22:00", "to": "06:00"}
WEEKEND = {"days": ["saturday", "sunday"]}


def at(moment: str, *listed: dict[str, Any], zone: str = "Europe/Berlin", **known: Any) -> Answer:
    """Asked at that moment of the zone's clock."""
    now = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    settings = {"timezone": zone, "windows": list(listed)}
    return ask("freeze", settings, question(clock=FakeClock(now), known=Known(**known)))


def local(moment: datetime | None, zone: str = "Europe/Berlin") -> str:
    assert moment is not None
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def test_a_time_that_is_in_no_window_says_yes() -> None:
    answer = at("2026-11-20T12:00", NIGHTS, WEEKEND)
    assert (answer.verdict, answer.reason) == (
        "yes",
        "nothing is frozen at 2026-11-20 12:00:00+01:00, and nobody holds it",
    )


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-11-19T21:59", None),
        ("2026-11-19T22:00", "2026-11-20 06:00"),
        ("2026-11-20T00:00", "2026-11-20 06:00"),
        ("2026-11-20T05:59", "2026-11-20 06:00"),
        ("2026-11-20T06:00", None),
    ],
)
def test_a_window_over_midnight_ends_the_next_morning(moment: str, end: str | None) -> None:
    answer = at(moment, NIGHTS)
    assert (answer.verdict, answer.retry_at and local(answer.retry_at)) == (
        ("not-yet", end) if end else ("yes", None)
    )


def test_the_day_of_a_window_is_the_one_on_which_it_begins() -> None:
    fridays = {"days": ["friday"], "from": "17:00", "to": "08:00"}
    assert at("2026-11-20T16:59", fridays).verdict == "yes"
    assert local(at("2026-11-20T17:00", fridays).retry_at) == "2026-11-21 08:00"
    assert at("2026-11-21T07:59", fridays).verdict == "not-yet"
    assert at("2026-11-20T07:59", fridays).verdict == "yes"


def test_days_without_hours_are_whole_and_days_in_a_row_end_together() -> None:
    assert local(at("2026-11-21T10:00", WEEKEND).retry_at) == "2026-11-23 00:00"
    assert at("2026-11-22T23:59", WEEKEND).verdict == "not-yet"
    assert at("2026-11-23T00:00", WEEKEND).verdict == "yes"


def test_windows_that_meet_end_together() -> None:
    assert local(at("2026-11-20T23:00", NIGHTS, WEEKEND).retry_at) == "2026-11-23 06:00"


def test_a_window_of_every_hour_has_no_end() -> None:
    answer = at("2026-11-20T23:00", {"from": "08:00", "to": "08:00"})
    assert (answer.verdict, answer.retry_at) == ("not-yet", None)


@pytest.mark.parametrize(
    ("window", "moment", "end"),
    [
        ({"start": "2026-12-20", "end": "2027-01-02"}, "2026-12-19T23:59", None),
        ({"start": "2026-12-20", "end": "2027-01-02"}, "2026-12-20T00:00", "2027-01-03 00:00"),
        ({"start": "2026-12-20", "end": "2027-01-02"}, "2027-01-02T23:59", "2027-01-03 00:00"),
        ({"start": "2026-12-20", "end": "2027-01-02"}, "2027-01-03T00:00", None),
        ({"start": "2026-12-20T18:00", "end": "2026-12-20T20:00"}, "2026-12-20T19:00", "2026-12-20 20:00"),
        ({"start": "2026-12-20T18:00", "end": "2026-12-20T20:00"}, "2026-12-20T20:00", None),
        ({"start": "2027-01-02", "end": "2026-12-20"}, "2026-12-25T00:00", None),
    ],
)
def test_a_dated_window_includes_both_of_its_days(
    window: dict[str, str], moment: str, end: str | None
) -> None:
    answer = at(moment, window)
    assert (answer.retry_at and local(answer.retry_at)) == end


@pytest.mark.parametrize("start", ["2026-02-30", "2026-12-20T25:00", "0001-01-01", "9999-12-31"])
def test_a_date_that_is_none_is_the_manifests_fault(start: str) -> None:
    with pytest.raises(InputError):
        at("2026-12-20T00:00", {"start": start, "end": start})


def test_the_zone_decides_and_not_the_machine() -> None:
    now = "2026-11-20T22:30"
    assert at(now, NIGHTS, zone="Europe/Berlin").verdict == "not-yet"
    assert at(now, NIGHTS, zone="America/New_York").verdict == "not-yet"
    settings = {"timezone": "America/New_York", "windows": [NIGHTS]}
    berlin_night = FakeClock(datetime(2026, 11, 20, 21, 30, tzinfo=UTC))
    assert ask("freeze", settings, question(clock=berlin_night)).verdict == "yes"


# Berlin: on 2026-03-29 02:00 becomes 03:00; on 2026-10-25 03:00 becomes 02:00.
def test_a_beginning_or_an_end_that_is_skipped_is_the_moment_of_the_turn() -> None:
    begins = {"from": "02:30", "to": "05:00"}
    ends = {"from": "01:00", "to": "02:30"}
    assert at("2026-03-29T01:59", begins).verdict == "yes"
    assert local(at("2026-03-29T03:00", begins).retry_at) == "2026-03-29 05:00"
    assert local(at("2026-03-29T01:59", ends).retry_at) == "2026-03-29 03:00"
    assert at("2026-03-29T03:00", ends).verdict == "yes"


def test_a_time_that_is_shown_twice_begins_with_the_first_and_ends_with_the_second() -> None:
    turn = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    zone = ZoneInfo("Europe/Berlin")
    ends = [Window.model_validate({"from": "01:00", "to": "02:30"})]
    assert windows.end_of_freeze(ends, zone, turn - timedelta(minutes=20)) == turn + timedelta(minutes=30)
    begins = [Window.model_validate({"from": "02:30", "to": "04:00"})]
    assert windows.end_of_freeze(begins, zone, turn - timedelta(minutes=30)) == turn + timedelta(hours=2)
    assert not windows.spans_at(begins, zone, turn - timedelta(minutes=31))


def test_a_day_that_a_country_skipped_freezes_nothing() -> None:
    # Samoa went from Thursday, 2011-12-29, to Saturday, 2011-12-31.
    fridays = {"days": ["friday"]}
    assert at("2011-12-29T23:59", fridays, zone="Pacific/Apia").verdict == "yes"
    assert at("2011-12-31T00:00", fridays, zone="Pacific/Apia").verdict == "yes"


ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "America/St_Johns",
    "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Beirut", "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll",
    "America/Nuuk", "Pacific/Chatham",
]  # fmt: skip
TURNS = {
    zone: [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        for hour in range(3 * 8766)
        if (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).astimezone(ZoneInfo(zone)).utcoffset()
        != (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour + 1))
        .astimezone(ZoneInfo(zone))
        .utcoffset()
    ]
    for zone in ZONES
}


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a moment in it, as often as not near a turn of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    is_near = draw(st.booleans())
    if TURNS[zone] and is_near:
        near = draw(st.sampled_from(TURNS[zone]))
        return zone, near + timedelta(minutes=draw(st.integers(-1500, 1500)))
    return zone, datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 3 * 525_960)))


def clock_times() -> st.SearchStrategy[str]:
    return st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@st.composite
def weekly(draw: st.DrawFn) -> Window:
    days = draw(st.lists(st.sampled_from(windows.DAYS), max_size=3, unique=True))
    is_whole = draw(st.booleans())
    if days and is_whole:
        return Window.model_validate({"days": days})
    return Window.model_validate({"days": days, "from": draw(clock_times()), "to": draw(clock_times())})


def shows(window: Window, wall: datetime) -> bool:
    """Whether a clock on the wall shows a time of the window: the plain way, which knows no zones."""
    begins = time.fromisoformat(window.from_ or "00:00")
    ends = time.fromisoformat(window.to or "00:00")
    today, yesterday = windows.DAYS[wall.weekday()], windows.DAYS[wall.weekday() - 1]
    on = window.days or list(windows.DAYS)
    if begins < ends:
        return today in on and begins <= wall.time() < ends
    return (today in on and wall.time() >= begins) or (yesterday in on and wall.time() < ends)


@given(moments(), weekly())
def test_what_the_clock_on_the_wall_shows_is_frozen(place: tuple[str, datetime], window: Window) -> None:
    zone, moment = ZoneInfo(place[0]), place[1]
    wall = moment.astimezone(zone).replace(tzinfo=None)
    frozen = bool(windows.spans_at([window], zone, moment))
    if shows(window, wall):
        assert frozen
    # More than that is frozen only where the clock will show, or has shown, a time a second time.
    elif frozen:
        turned = [
            (moment + timedelta(hours=hours)).astimezone(zone).utcoffset()
            != moment.astimezone(zone).utcoffset()
            for hours in (-3, -2, -1, 1, 2, 3)
        ]
        assert any(turned)


@given(moments(), st.lists(weekly(), min_size=1, max_size=3))
def test_the_end_is_the_first_moment_that_is_free(place: tuple[str, datetime], listed: list[Window]) -> None:
    zone, moment = ZoneInfo(place[0]), place[1]
    end = windows.end_of_freeze(listed, zone, moment)
    if end is None:
        return
    assert end >= moment
    assert not windows.spans_at(listed, zone, end)
    assert (end == moment) == (not windows.spans_at(listed, zone, moment))
    for minutes in (1, 60, 24 * 60):
        before = end - timedelta(minutes=minutes)
        assert before < moment or windows.spans_at(listed, zone, before)


@given(moments(), st.integers(0, 4000), st.integers(0, 4000))
def test_a_dated_window_lies_between_its_dates(place: tuple[str, datetime], before: int, after: int) -> None:
    zone, moment = ZoneInfo(place[0]), place[1]
    wall = moment.astimezone(zone).replace(tzinfo=None)
    start, end = wall - timedelta(minutes=before), wall + timedelta(minutes=after)
    window = Window.model_validate({"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{end:%Y-%m-%dT%H:%M}"})
    if after:
        assert windows.spans_at([window], zone, moment)


HOLD = Hold("the database is being moved", "grace", datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
OVERRIDE = Override("orders are lost every minute", "ada")


def test_a_hold_counts_here_too_and_knows_no_time() -> None:
    answer = at("2026-11-20T12:00", NIGHTS, hold=HOLD)
    assert (answer.verdict, answer.retry_at) == ("not-yet", None)
    assert answer.reason == "grace holds production since 2026-11-20T09:00:00Z: the database is being moved"
    assert answer.details["hold"]["owner"] == "grace"


def test_a_window_and_a_hold_are_both_said() -> None:
    answer = at("2026-11-20T23:00", {**NIGHTS, "reason": "nobody is awake"}, hold=HOLD)
    assert answer.reason == (
        "frozen every day from 22:00 to 06:00 (nobody is awake), Europe/Berlin; "
        "grace holds production since 2026-11-20T09:00:00Z: the database is being moved"
    )
    assert local(answer.retry_at) == "2026-11-21 06:00"


def test_an_emergency_goes_past_both_and_is_written_down() -> None:
    answer = at("2026-11-20T23:00", NIGHTS, hold=HOLD, override=OVERRIDE)
    assert answer.verdict == "yes"
    assert answer.details["overridden_by"] == "ada"
    assert len(answer.details["in_spite_of"]) == 2


def test_an_override_that_nothing_called_for_is_not_used() -> None:
    assert "overridden_by" not in at("2026-11-20T12:00", NIGHTS, override=OVERRIDE).details


def test_the_sentence_for_a_plan_lists_the_windows() -> None:
    dated = {"start": "2026-12-20", "end": "2027-01-02", "reason": "holidays"}
    settings: FreezeGate = gate(freeze={"timezone": "Europe/Berlin", "windows": [WEEKEND, dated]}).settings
    assert freeze.explain(settings) == (
        "nobody holds the environment, and it is none of these times of Europe/Berlin: "
        "saturday, sunday; from 2026-12-20 to 2027-01-02 (holidays)"
    )
