"""Observed times: tables read and refused, and what no network could explain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routing_service.calibration.checks import check_observations, impossible, straight_km
from routing_service.calibration.observations import Areas, Observations
from routing_service.calibration.table import read_table
from routing_service.decision.model import Unit
from routing_service.errors import InvalidObservations

UNITS = (
    Unit("RHQHH", "Royal Hallamshire", 53.378, -1.493, postcode="S10 2JF"),
    Unit("RXF05", "Pinderfields", 53.692, -1.489, postcode="WF1 4DG"),
)


def observations(places: int = 60, units: int = 2, **changed: object) -> Observations:
    """Places on a line north of Sheffield, at 40 km/h as the crow flies."""
    n = places * units
    place = np.arange(n) // units
    rows = Observations(
        place=tuple(f"{i:03d}" for i in place),
        district=("",) * n,
        lon=np.full(n, -1.45),
        lat=np.asarray(53.4 + 0.004 * place, dtype=np.float64),
        unit=(np.arange(n) % units).astype(np.int32),
        units=UNITS,
        minutes=np.ones(n),
        weight=np.ones(n),
        period=("",) * n,
        scored=np.ones(n, dtype=np.bool_),
        data_sha256="",
    )
    return replace(replace(rows, minutes=straight_km(rows) / 40.0 * 60.0), **changed)  # type: ignore[arg-type]


# --- columns -----------------------------------------------------------------------------------
def test_rows_are_chosen_and_units_stay() -> None:
    rows = observations()
    chosen = rows.where(np.arange(len(rows)) % 2 == 1)
    assert len(chosen) == 60
    assert set(chosen.unit.tolist()) == {1}
    assert chosen.units == rows.units
    assert chosen.place[:2] == ("000", "001")


def test_areas_and_points_stand_side_by_side() -> None:
    areas = Areas(np.array([0, 2, 5], np.int32), np.arange(5.0), np.arange(5.0) + 50)
    rows = observations(2, 2, areas=areas, area=np.array([1, -1, 0, 1], np.int32))
    first, lon, lat = rows.points()
    assert first.tolist() == [0, 3, 4, 6, 9]
    assert lon.tolist() == [2, 3, 4, -1.45, 0, 1, 2, 3, 4]
    assert lat[3] == rows.lat[1]
    assert lat[:3].tolist() == [52, 53, 54]


def test_without_areas_a_row_is_one_point() -> None:
    rows = observations(3)
    first, lon, lat = rows.points()
    assert first.tolist() == list(range(7))
    assert lon is rows.lon
    assert lat is rows.lat


# --- what is refused ---------------------------------------------------------------------------
def test_sound_observations_pass() -> None:
    check_observations(observations())


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (observations(49), "49 places and 2 units are too few"),
        (observations(60, 1), "60 places and 1 units are too few"),
        (observations(minutes=np.full(120, 12.0)), "all 120 observed times are 12 minutes"),
        # In seconds instead of minutes: 40 km/h becomes 0.7.
        (observations(minutes=observations().minutes * 60), "less than 3 km/h"),
        # In hours: 2,400 km/h.
        (observations(minutes=observations().minutes / 60), "more than 200"),
        (observations(minutes=np.linspace(-1, 60, 120)), "are they minutes"),
    ],
)
def test_what_cannot_be_is_refused(rows: Observations, word: str) -> None:
    with pytest.raises(InvalidObservations, match=word):
        check_observations(rows)


def repeated(factor: float) -> Observations:
    """Every journey twice, the second time by a factor."""
    rows = observations()
    twice = rows.where(np.repeat(np.ones(60, dtype=np.bool_), 2))
    both = np.concatenate([twice.minutes, twice.minutes * factor])
    return Observations(
        place=twice.place * 2,
        district=twice.district * 2,
        lon=np.tile(twice.lon, 2),
        lat=np.tile(twice.lat, 2),
        unit=np.tile(twice.unit, 2),
        units=twice.units,
        minutes=both,
        weight=np.tile(twice.weight, 2),
        period=twice.period * 2,
        scored=np.tile(twice.scored, 2),
        data_sha256="",
    )


def test_journeys_that_repeat_with_some_spread_are_welcome() -> None:
    check_observations(repeated(1.5))


def test_journeys_that_contradict_themselves_are_refused() -> None:
    # 40 minutes and 120: at 40 km/h the second is 13 km/h, possible but no repetition.
    with pytest.raises(InvalidObservations, match="repeated journeys contradict themselves"):
        check_observations(repeated(3.0))


def test_another_period_is_another_journey() -> None:
    rows = repeated(3.0)
    check_observations(replace(rows, period=("day",) * 120 + ("night",) * 120))


def test_distance_is_that_of_the_globe() -> None:
    # One degree of latitude is 111.2 km.
    rows = observations(1, 1)
    far = replace(rows, lat=np.array([54.378]), lon=np.array([-1.493]))
    assert straight_km(far)[0] == pytest.approx(111.2, abs=0.1)


def test_a_short_way_may_take_its_time() -> None:
    at = {"lon": np.array([-1.493]), "lat": np.array([53.3785])}  # 56 m from the unit
    near = observations(1, 1, **at, minutes=np.array([29.0]))
    assert not impossible(near).any()
    assert impossible(replace(near, minutes=np.array([31.0]))).all()


# --- tables ------------------------------------------------------------------------------------
HEADING = "lat,lon,unit,minutes"


def table(tmp_path: Path, *lines: str, heading: str = HEADING) -> Path:
    path = tmp_path / "trips.csv"
    path.write_text("\n".join([heading, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_table_is_sorted_by_place_and_unit(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "Y,53.6,-1.4,RXF05,14.5,Wakefield,2.5,night",
        "X,53.5,-1.4,S10 2JF,18,Barnsley,,",
        "X,53.5,-1.4,rxf05,26,Barnsley,1,",
        heading="place,lat,lon,to,minutes,district,weight,period",
    )
    rows = read_table(path, UNITS)
    assert rows.place == ("X", "X", "Y")
    assert rows.unit.tolist() == [0, 1, 1]
    assert rows.minutes.tolist() == [18.0, 26.0, 14.5]
    assert rows.weight.tolist() == [1.0, 1.0, 2.5]
    assert rows.period == ("", "", "night")
    assert rows.district == ("Barnsley", "Barnsley", "Wakefield")
    assert rows.scored.all()
    assert rows.rejected == ()


def test_places_may_be_written_in_any_form(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "434400,406100,,RXF05,19",
        ",,SE 344 061,RHQHH,24",
        heading="easting,northing,grid_ref,unit,minutes",
    )
    rows = read_table(path, UNITS)
    # Barnsley; a grid reference of six figures is the middle of its square, 50 m on.
    assert rows.lat == pytest.approx([53.550, 53.550], abs=0.001)
    assert rows.lon == pytest.approx([-1.482, -1.482], abs=0.002)


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "trips.parquet"
    columns = {"lat": [53.5], "lon": [-1.4], "unit": ["RXF05"], "minutes": [26.0]}
    parquet.write_table(pyarrow.table(columns), path)
    csv = table(tmp_path, "53.5,-1.4,RXF05,26")
    ours, theirs = read_table(path, UNITS), read_table(csv, UNITS)
    assert ours.place == theirs.place
    assert ours.minutes.tolist() == theirs.minutes.tolist()


GOOD = [f"53.{500 + i},-1.4,RXF05,{25 + i / 10}" for i in range(100)]


def test_a_few_bad_rows_are_left_out_and_told(tmp_path: Path) -> None:
    rows = read_table(table(tmp_path, *GOOD, "53.5,-1.4,RXF05,soon"), UNITS)
    assert len(rows) == 100
    assert rows.rejected == ("row 102: minutes must be a number above 0, not 'soon'",)


def test_an_impossible_time_is_left_out_and_told(tmp_path: Path) -> None:
    rows = read_table(table(tmp_path, *GOOD, "53.5,-1.4,RXF05,2"), UNITS)
    assert len(rows) == 100
    (reason,) = rows.rejected
    assert reason == "53.50000,-1.40000 to RXF05: 2 minutes are impossible"


@pytest.mark.parametrize(
    ("lines", "heading", "word"),
    [
        ([*GOOD, *["53.5,-1.4,XXX,9"] * 3], HEADING, "3 of 103 rows are unusable.*'XXX'"),
        (["53.5,-1.4,RXF05,0"], HEADING, "minutes must be a number above 0"),
        (["53.5,-1.4,RXF05,nan"], HEADING, "minutes must be a number above 0"),
        (["-1.4,53.5,RXF05,26"], HEADING, "look exchanged"),
        (["53.5,-1.4,RXF05,26"], "lat,lon,unit,time", "unknown column time"),
        (["53.5,-1.4,26"], "lat,lon,minutes", "lacks unit"),
        (["53.5,-1.4,RXF05"], "lat,lon,unit", "lacks minutes"),
        (["RXF05,26"], "unit,minutes", "lacks lat and lon"),
        ([], HEADING, "no rows"),
    ],
)
def test_a_table_that_is_not_one_is_refused(
    tmp_path: Path, lines: list[str], heading: str, word: str
) -> None:
    with pytest.raises(InvalidObservations, match=word):
        read_table(table(tmp_path, *lines, heading=heading), UNITS)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidObservations, match=r"none\.csv cannot be read"):
        read_table(tmp_path / "none.csv", UNITS)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    pytest.importorskip("pyarrow")
    with pytest.raises(InvalidObservations, match=r"bad\.parquet cannot be read"):
        read_table(tmp_path / "bad.parquet", UNITS)
