"""Stretches of the week in local time: when a speed set holds, when a unit takes patients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOCAL: Final = "Europe/London"
ALWAYS: Final = "always"

_DAY = "(?:" + "|".join(DAYS) + ")"
_SPAN: Final = re.compile(
    rf"({_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) (\d\d:\d\d)-(\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the day on some days of the week, in local time.

    `until` may be before `start`: the period then runs past midnight into the next day, and the
    day that counts is the one on which it began.
    """

    days: tuple[int, ...]
    start: time
    until: time

    def holds(self, weekday: int, clock: time) -> bool:
        """Whether the period holds at a local weekday (0 = Monday) and time of day."""
        if self.start < self.until:
            return weekday in self.days and self.start <= clock < self.until
        evening = weekday in self.days and clock >= self.start
        morning = (weekday - 1) % 7 in self.days and clock < self.until
        return evening or morning


@dataclass(frozen=True, slots=True)
class Hours:
    """When a unit takes patients; without periods always.

    Examples
    --------
    >>> hours = Hours.read("mon-fri 08:00-20:00; sat,sun 10:00-16:00")
    >>> hours.open_at(datetime(2026, 11, 22, 15, tzinfo=UTC))  # a Sunday
    True
    >>> hours.next_change(datetime(2026, 11, 22, 15, tzinfo=UTC)).isoformat()
    '2026-11-22T16:00:00+00:00'
    """

    periods: tuple[Period, ...] = ()

    @classmethod
    def read(cls, text: str) -> Hours:
        """Read hours as the units file writes them; empty or ``always`` is always.

        Raises
        ------
        ValueError
            Saying what is not understood and how hours are written.
        """
        if text.strip().lower() in ("", ALWAYS):
            return cls()
        return cls(tuple(_read_span(part.strip().lower()) for part in text.split(";")))

    def open_at(self, moment: datetime) -> bool:
        """Whether the unit takes patients at a moment, which has a time zone."""
        local = moment.astimezone(ZoneInfo(LOCAL))
        weekday, clock = local.weekday(), local.time()
        return not self.periods or any(each.holds(weekday, clock) for each in self.periods)

    def next_change(self, moment: datetime) -> datetime | None:
        """The first start or end of a period after a moment, in UTC; None if always open."""
        zone = ZoneInfo(LOCAL)
        first = moment.astimezone(zone).date()
        limits = {limit for each in self.periods for limit in (each.start, each.until)}
        moments = (
            datetime.combine(first + timedelta(days), limit, zone).astimezone(UTC)
            for days in range(9)
            for limit in limits
        )
        return min((each for each in moments if each > moment), default=None)


def _read_span(text: str) -> Period:
    found = _SPAN.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        start, until = time.fromisoformat(found[2]), time.fromisoformat(found[3])
    except ValueError:
        raise ValueError(
            f"hours {text!r} cannot be read: write always, or mon-fri 08:00-20:00; sat 10:00-16:00"
        ) from None
    days: set[int] = set()
    for part in found[1].split(","):
        a, _, b = part.partition("-")
        low, high = DAYS.index(a), DAYS.index(b or a)
        days.update(range(low, high + 1) if low <= high else (*range(low, 7), *range(high + 1)))
    return Period(tuple(sorted(days)), start, until)
