"""Which speed set is in force is a matter of the local clock, and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from routing_service.errors import InvalidSpeedSets
from routing_service.graph.speed_sets import SpeedSets

SHIPPED = Path(__file__).parents[2] / "graphs" / "speed_sets.toml"
LONDON = ZoneInfo("Europe/London")
WEEK = """
timezone = "Europe/London"
[[set]]
name = "school_run"
evidence = "made up for this test"
by_class = { residential = 0.5, primary = 0.8 }
periods = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "08:00", to = "09:00" }]
[[set]]
name = "friday_night"
evidence = "made up for this test"
factor = 0.9
periods = [{ days = ["fri"], from = "23:00", to = "03:00" }]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sets.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def week(tmp_path: Path) -> SpeedSets:
    return SpeedSets.load(write(tmp_path, WEEK))


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        # 2026-11-20 is a Friday; winter, so London is on UTC.
        (datetime(2026, 11, 20, 7, 59, 59, tzinfo=UTC), "default"),
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), "school_run"),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), "default"),
        (datetime(2026, 11, 21, 8, 30, tzinfo=UTC), "default"),  # a Saturday
        (datetime(2026, 11, 20, 23, 30, tzinfo=UTC), "friday_night"),
        (datetime(2026, 11, 21, 2, 59, tzinfo=UTC), "friday_night"),  # still Friday's night
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "default"),
        # 2026-07-03 is a Friday; in summer 07:00 UTC is 08:00 in London.
        (datetime(2026, 7, 3, 7, 0, tzinfo=UTC), "school_run"),
        (datetime(2026, 7, 3, 8, 0, tzinfo=UTC), "default"),
    ],
)
def test_the_local_clock_decides(week: SpeedSets, moment: datetime, name: str) -> None:
    assert week.names[week.at(moment)] == name
    # The same moment written in another zone is the same moment.
    assert week.at(moment.astimezone(ZoneInfo("Asia/Tokyo"))) == week.at(moment)


def test_the_hour_that_summer_time_repeats_or_skips_has_one_answer() -> None:
    night = SpeedSets.load(SHIPPED)
    # 2026-10-25 02:00 BST becomes 01:00 GMT: 01:30 happens twice, at night both times.
    for fold in (0, 1):
        assert night.at(datetime(2026, 10, 25, 1, 30, fold=fold, tzinfo=LONDON)) == 1
    # 2026-03-29 01:00 GMT becomes 02:00 BST: 05:59 local is 04:59 UTC, the last minute of night.
    assert night.at(datetime(2026, 3, 29, 4, 59, tzinfo=UTC)) == 1
    assert night.at(datetime(2026, 3, 29, 5, 0, tzinfo=UTC)) == 0


def test_factors_go_by_class_and_fall_back_to_the_sets_own(week: SpeedSets) -> None:
    classes = ("motorway", "primary", "residential")
    assert week.sets[0].factors(classes).tolist() == [1.0, 0.8, 0.5]
    assert week.sets[1].factors(classes).tolist() == [0.9, 0.9, 0.9]


def test_what_the_manifest_keeps_reads_back_the_same(week: SpeedSets) -> None:
    assert SpeedSets.from_json(week.as_json()) == week
    assert SpeedSets.from_json({}) == SpeedSets()


def test_a_moment_without_a_zone_is_refused(week: SpeedSets) -> None:
    with pytest.raises(ValueError, match="time zone"):
        week.at(datetime(2026, 11, 20, 8, 0))  # noqa: DTZ001 (the point of the test)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"Europe/London"', '"Europe/Barnsley"', "no such time zone"),
        ('name = "school_run"', 'name = "default"', "name of its own"),
        ('name = "school_run"', 'name = "school run"', "letters, digits"),
        ('evidence = "made up for this test"', "", "evidence"),
        ('"08:00"', '"8 o\'clock"', "from and to"),
        ('["fri"]', '["friday"]', "mon, tue"),
        ("factor = 0.9", "factor = 0.0", "0.1 to 10"),
        ("factor = 0.9", "speed = 0.9", "'speed' is not known"),
        ("[[set]]", "[[sets]]", "'sets' is not known"),
    ],
)
def test_a_malformed_file_says_what_is_wrong(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(InvalidSpeedSets, match=says):
        SpeedSets.load(write(tmp_path, WEEK.replace(old, new, 1 if old != "[[set]]" else -1)))
