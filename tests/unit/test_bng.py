"""British National Grid: known points, grid references, and there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.errors import InvalidLocation
from routing_service.location import bng

# Ordnance Survey's published test points for OSTN15: name, lat, lon, easting, northing, and how
# far the Helmert transformation may be off there. The first three surround South Yorkshire.
OS_POINTS = [
    ("Pudsey", 53.80021519630, -1.66379168242, 422242.186, 433818.701, 2.0),
    ("Nottingham", 52.96219109410, -1.19747655922, 454002.834, 340834.943, 2.5),
    ("Daresbury", 53.34480280190, -2.64049320810, 357455.843, 383290.436, 2.0),
    ("St Mary's", 49.92226393730, -6.29977752014, 91492.146, 11318.804, 5.0),
    ("Foula", 60.13308091660, -2.07382822798, 395999.668, 1138728.951, 5.0),
]


@pytest.mark.parametrize(("name", "lat", "lon", "easting_m", "northing_m", "limit_m"), OS_POINTS)
def test_published_points_are_met_within_the_stated_metres(
    name: str, lat: float, lon: float, easting_m: float, northing_m: float, limit_m: float
) -> None:
    east_m, north_m = bng.to_grid(lat, lon)
    off_m = float(np.hypot(east_m - easting_m, north_m - northing_m))
    assert off_m < limit_m, f"{name} is {off_m:.2f} m off"
    # Without the change of datum a point would be some 100 m off, so this is not met by chance.


def test_many_points_at_once_give_the_same_as_one_by_one() -> None:
    eastings_m, northings_m = np.array([434400.0, 457400.0]), np.array([406100.0, 403300.0])
    lats, lons = bng.to_wgs84(eastings_m, northings_m)
    for i in range(2):
        assert (lats[i], lons[i]) == bng.to_wgs84(eastings_m[i], northings_m[i])


@given(st.floats(0.0, bng.MAX_EASTING_M), st.floats(0.0, bng.MAX_NORTHING_M))
def test_there_and_back_is_within_a_centimetre(easting_m: float, northing_m: float) -> None:
    back_m = bng.to_grid(*bng.to_wgs84(easting_m, northing_m))
    assert np.allclose(back_m, (easting_m, northing_m), rtol=0.0, atol=0.01)


# SE is the square whose corner is 400 km east and 400 km north of the false origin, SK the one
# south of it, TQ (London) 500 km and 100 km, NT (Edinburgh) 300 km and 600 km.
@pytest.mark.parametrize(
    ("text", "easting_m", "northing_m", "side_m"),
    [
        ("SE 344 061", 434450.0, 406150.0, 100.0),
        ("SE344061", 434450.0, 406150.0, 100.0),
        ("se 34 06", 434500.0, 406500.0, 1000.0),
        ("SK3587", 435500.0, 387500.0, 1000.0),
        ("SE 3 0", 435000.0, 405000.0, 10_000.0),
        ("SE 34401 06102", 434401.5, 406102.5, 1.0),
        ("SE3440106102", 434401.5, 406102.5, 1.0),
        (" TQ 300 804 ", 530050.0, 180450.0, 100.0),
        ("NT 25 73", 325500.0, 673500.0, 1000.0),
        ("HP 60 10", 460500.0, 1210500.0, 1000.0),
    ],
)
def test_a_reference_gives_the_centre_of_its_square(
    text: str, easting_m: float, northing_m: float, side_m: float
) -> None:
    square = bng.parse_grid_reference(text)
    assert (square.easting_m, square.northing_m, square.side_m) == (easting_m, northing_m, side_m)


def test_accuracy_is_half_the_diagonal() -> None:
    # A square of 100 m has a diagonal of 141.42 m.
    assert bng.parse_grid_reference("SE 344 061").accuracy_m == pytest.approx(70.71, abs=0.005)


@pytest.mark.parametrize(
    "text",
    ["", "SE", "SE 344 06", "SE34406", "SE 344 061 2", "SE 123456 123456", "SI 344 061", "344 061",
     "SE -34 061", "SE 34.4 06.1", "S70 1AA"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidLocation, match="grid reference"):
        bng.parse_grid_reference(text)


@pytest.mark.parametrize("text", ["AA 344 061", "ZZ 344 061", "RV 344 061", "WE 344 061"])
def test_letters_outside_great_britain_are_refused(text: str) -> None:
    with pytest.raises(InvalidLocation, match="no grid square"):
        bng.parse_grid_reference(text)


@given(
    st.integers(0, 6), st.integers(0, 12), st.integers(1, 5), st.integers(0, 99_999),
    st.integers(0, 99_999),
)  # fmt: skip
def test_every_square_contains_the_point_that_it_was_made_from(
    east_km100: int, north_km100: int, half: int, east_m: int, north_m: int
) -> None:
    letters = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
    # Rows are counted from the north-west corner of square AA, 2,000 km north and 1,000 km west.
    row, column = 19 - north_km100, east_km100 + 10
    first = letters[(row // 5) * 5 + column // 5]
    second = letters[(row % 5) * 5 + column % 5]
    text = f"{first}{second}{east_m:05d}"[: 2 + half] + f"{north_m:05d}"[:half]
    square = bng.parse_grid_reference(text)
    point = (east_km100 * 100_000 + east_m, north_km100 * 100_000 + north_m)
    assert abs(square.easting_m - point[0] - 0.5) < square.side_m / 2 + 0.5
    assert abs(square.northing_m - point[1] - 0.5) < square.side_m / 2 + 0.5
