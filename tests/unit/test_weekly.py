"""Opening hours: read from text, held against the local clock, with the next change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.graph.weekly import Hours

WEEK = Hours.read("mon-fri 08:00-20:00; sat,sun 10:00-16:00")


def utc(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    """A moment of 2026; 22 November is a Sunday, and winter time is UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open", "next_change"),
    [
        (utc(22, 9, 59), False, utc(22, 10)),
        (utc(22, 10), True, utc(22, 16)),
        (utc(22, 16), False, utc(23, 8)),  # Monday morning
        (utc(27, 19, 59), True, utc(27, 20)),
        (utc(27, 20), False, utc(28, 10)),  # Friday night: until Saturday at ten
    ],
)
def test_hours_of_a_week(moment: datetime, is_open: bool, next_change: datetime) -> None:
    assert WEEK.open_at(moment) is is_open
    # Every limit counts, also one that changes nothing on that day.
    following = WEEK.next_change(moment)
    while following is not None and WEEK.open_at(following) is is_open:
        following = WEEK.next_change(following)
    assert following == next_change


def test_the_local_clock_decides_in_summer_too() -> None:
    # 24 July 2026 is a Friday; eight o'clock in London is seven in UTC.
    assert not WEEK.open_at(utc(24, 6, 59, month=7))
    assert WEEK.open_at(utc(24, 7, month=7))
    assert WEEK.next_change(utc(24, 6, 59, month=7)) == utc(24, 7, month=7)


def test_a_night_belongs_to_the_day_on_which_it_began() -> None:
    nights = Hours.read("fri 22:00-06:00")
    assert nights.open_at(utc(27, 23))
    assert nights.open_at(utc(28, 5, 59))
    assert not nights.open_at(utc(28, 6))
    assert not nights.open_at(utc(27, 5))


@pytest.mark.parametrize("text", ["", "always", " Always "])
def test_without_hours_a_unit_never_closes(text: str) -> None:
    hours = Hours.read(text)
    assert hours.open_at(utc(22, 3))
    assert hours.next_change(utc(22, 3)) is None


def test_days_may_run_over_the_end_of_the_week() -> None:
    assert Hours.read("fri-mon 00:00-12:00") == Hours.read("mon,fri,sat,sun 00:00-12:00")


@pytest.mark.parametrize(
    "text", ["8-20", "mon 8:00-20:00", "mon-fri 08:00-25:00", "lun 08:00-20:00", "mon 08:00", ";"]
)
def test_hours_that_cannot_be_read_show_how_they_are_written(text: str) -> None:
    with pytest.raises(ValueError, match="write always, or mon-fri 08:00-20:00"):
        Hours.read(text)


@given(
    st.integers(0, 2 * 366 * 1440).map(
        lambda minutes: utc(1, 0, month=1) + timedelta(0, 60 * minutes)
    ),
    st.integers(1, 10_000),
)
def test_nothing_changes_before_the_next_change(moment: datetime, share: int) -> None:
    end = WEEK.next_change(moment)
    assert end is not None
    assert moment < end
    between = moment + (end - moment) * (share / 10_001)
    assert WEEK.open_at(between) is WEEK.open_at(moment)
    assert end - moment <= timedelta(days=4)
