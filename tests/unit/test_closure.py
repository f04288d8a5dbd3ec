"""A closure is read from JSON in five forms, refused where it is unclear, and written back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from routing_service.errors import HasuError, InvalidClosure
from routing_service.live.closure import Closure, Disc, Line, Polygon, Road, Way

TRIANGLE = [[-1.5, 53.5], [-1.4, 53.5], [-1.4, 53.6], [-1.5, 53.5]]
AREA = {"type": "Polygon", "coordinates": [TRIANGLE]}
RING = tuple((lon, lat) for lon, lat in TRIANGLE)
BARE = {"id": "c1", "reason": "flood", "author": "J. Bloggs", "source": "api"}
POINT = {"point": {"lat": 53.55, "lon": -1.48}, "radius_m": 40}
LINE = {"type": "LineString", "coordinates": [[-1.5, 53.5], [-1.4, 53.5, 12.0]]}
FORMS: list[tuple[dict[str, Any], object]] = [
    ({"way": 4711}, Way(4711)),
    (POINT, Disc(53.55, -1.48, 40.0)),
    ({"line": LINE}, Line(((-1.5, 53.5), (-1.4, 53.5)))),
    ({"polygon": AREA}, Polygon((RING,))),
    ({"road": "A61", "polygon": AREA}, Road("A61", (RING,))),
]


@pytest.mark.parametrize(("fields", "where"), FORMS)
def test_each_form_is_read_and_written_back(fields: dict[str, Any], where: object) -> None:
    closure = Closure.from_json({**BARE, **fields})
    assert closure.where == where
    assert closure.shuts
    assert Closure.from_json(json.loads(json.dumps(closure.to_json()))) == closure
    assert Closure.from_record(json.loads(json.dumps(closure.to_json()))) == closure
    assert hash(closure) == hash(Closure.from_json(closure.to_json()))


def test_all_that_may_be_said_of_a_closure_is_kept() -> None:
    fields = {
        **BARE,
        "way": 1,
        "direction_deg": 90,
        "delay_factor": 1.5,
        "delay_minutes": 2,
        "starts_at": "2026-07-01T08:30:00+01:00",
        "expires_at": "2026-07-01T10:00:00Z",
    }
    closure = Closure.from_json(fields)
    assert not closure.shuts
    assert (closure.direction_deg, closure.delay_factor, closure.delay_minutes) == (90.0, 1.5, 2.0)
    assert closure.starts_at == datetime(2026, 7, 1, 7, 30, tzinfo=UTC)
    assert closure.to_json() == {**fields, "starts_at": "2026-07-01T07:30:00Z"}


def test_times_are_kept_in_utc_whoever_gives_them() -> None:
    summer = timezone(timedelta(hours=1))
    start = datetime(2026, 7, 1, 8, 30, tzinfo=summer)
    closure = Closure("c", "r", "a", "s", Way(1), starts_at=start)
    assert closure.starts_at == start
    assert closure.starts_at.tzinfo is UTC
    assert closure.to_json()["starts_at"] == "2026-07-01T07:30:00Z"


def test_a_point_may_be_given_in_every_form_of_a_location() -> None:
    fields = {"point": {"easting": 434400, "northing": 406100}, "radius_m": 25}
    where = Closure.from_json({**BARE, **fields}).where
    assert isinstance(where, Disc)
    assert (round(where.lat, 3), round(where.lon, 3)) == (53.55, -1.482)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"way": None}, "Say where"),
        ({"polygon": AREA}, "Say where"),  # a way and a polygon
        ({"way": None, "road": "A61"}, "a road needs the area"),
        ({"way": None, "point": POINT["point"]}, "Say where"),
        ({"way": 1.5}, "way must be a whole number"),
        ({"way": True}, "way must be a whole number"),
        ({"way": 2**63}, "way must be a whole number"),
        ({"colour": "red"}, "Unknown field colour"),
        ({"id": ""}, "id must be text"),
        ({"reason": None}, "reason must be text"),
        ({"author": "  "}, "author must be text"),
        ({"reason": "x" * 501}, "1 to 500 characters"),
        ({"reason": "two\nlines"}, "one line"),
        ({"delay_factor": 0.5}, "from 1 to 100"),
        ({"delay_factor": float("nan")}, "from 1 to 100"),
        ({"delay_minutes": -1}, "from 0 to 1440"),
        ({"delay_minutes": "5"}, "must be a number"),
        ({"direction_deg": 361}, "from 0 to 360"),
        ({"starts_at": "2026-07-01T08:30:00"}, "with its offset"),
        ({"expires_at": "tomorrow"}, "with its offset"),
        ({"expires_at": 5}, "with its offset"),
        (
            {"starts_at": "2026-07-01T08:30:00Z", "expires_at": "2026-07-01T09:30:00+01:00"},
            "after starts_at",
        ),
    ],
)
def test_what_is_unclear_is_refused_with_what_to_do(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidClosure, match=words):
        Closure.from_json({**BARE, "way": 1, **change})


@pytest.mark.parametrize(
    "where",
    [
        {"point": {"lat": 53.5}, "radius_m": 5},
        {"point": {"lat": -1.48, "lon": 53.55}, "radius_m": 5},  # exchanged
        {"point": {"lat": 53.5, "lon": -1.5, "heading_deg": 3}, "radius_m": 5},
        {"point": [53.5, -1.5], "radius_m": 5},
        {**POINT, "radius_m": 1e6},
        {"line": [[-1.5, 53.5], [-1.4, 53.5]]},
        {"line": {"type": "Polygon", "coordinates": [TRIANGLE]}},
        {"line": {"type": "LineString", "coordinates": [[-1.5, 53.5]]}},
        {"line": {"type": "LineString", "coordinates": [[-1.5, 53.5], [-1.5, 153.5]]}},
        {"line": {"type": "LineString", "coordinates": [[-1.5, 53.5], [-1.5, "53.5"]]}},
        {"line": {"type": "LineString"}},
        {"polygon": {"type": "Polygon", "coordinates": []}},
        {"polygon": {"type": "Polygon", "coordinates": [TRIANGLE[:3]]}},
        {"polygon": {"type": "Polygon", "coordinates": [[*TRIANGLE[:3], [0.0, 0.0]]]}},  # open
        {"polygon": {"type": "MultiPolygon", "coordinates": [[TRIANGLE]]}},
    ],
)
def test_a_place_that_is_none_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(HasuError):
        Closure.from_json({**BARE, **where})


def test_nothing_about_a_patient_is_taken() -> None:
    with pytest.raises(HasuError, match="NHS number"):
        Closure.from_json({**BARE, "way": 1, "reason": "for 943 476 5919"})
    # The numbers of other systems are what they are.
    assert Closure.from_json({**BARE, "way": 1, "id": "9434765919"}).id == "9434765919"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidClosure, match="time zone"):
        Closure("c", "r", "a", "s", Way(1), expires_at=datetime(2026, 7, 1))  # noqa: DTZ001
