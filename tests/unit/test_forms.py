"""Location forms: each one read, every doubt refused with a reason that helps."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing_service.decision.model import Location
from routing_service.errors import (
    HasuError,
    InvalidLocation,
    InvalidRequest,
    LooksLikePatientData,
    SwappedCoordinates,
    UnknownPostcode,
)
from routing_service.location import forms
from routing_service.location.forms import (
    parse_free_text,
    parse_location,
)

BARNSLEY = Location(53.5526, -1.4797)
MARKET_HILL = Location(53.5516181, -1.4827974, source="postcode")


@pytest.fixture(autouse=True)
def one_postcode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code-Point Open with a single postcode in it."""

    def find(text: str) -> Location:
        if "".join(text.split()).upper() != "S701AA":
            raise UnknownPostcode("not here")
        return MARKET_HILL

    monkeypatch.setattr(forms, "find_postcode", find)


@pytest.mark.parametrize(
    "fields",
    [
        {"lat": 53.5526, "lon": -1.4797},
        {"lat": "53.5526", "lon": "-1.4797"},
        {"lat": " 53.5526 ", "lon": "-1.47970"},
        {"lat": 53.5526, "lon": -1.4797, "postcode": None, "accuracy_m": None},
    ],
)
def test_latitude_and_longitude(fields: dict[str, object]) -> None:
    assert parse_location(fields) == BARNSLEY


def test_easting_and_northing() -> None:
    place = parse_location({"easting": "434450", "northing": 406150})
    # The same place as SE 344 061, whose square of 100 m is centred here.
    assert (place.lat, place.lon) == (53.5508575, -1.4815087)
    assert (place.source, place.accuracy_m) == ("easting_northing", None)


def test_a_grid_reference_is_as_accurate_as_its_square() -> None:
    place = parse_location({"grid_ref": "SE 344 061"})
    assert (place.lat, place.lon, place.source) == (53.5508575, -1.4815087, "grid_ref")
    assert place.accuracy_m == pytest.approx(50 * math.sqrt(2))


@pytest.mark.parametrize(("given_m", "kept_m"), [(20, 50 * math.sqrt(2)), (200, 200.0)])
def test_a_caller_cannot_be_more_accurate_than_the_square(given_m: int, kept_m: float) -> None:
    place = parse_location({"grid_ref": "SE 344 061", "accuracy_m": given_m})
    assert place.accuracy_m == pytest.approx(kept_m)


def test_a_square_of_ten_kilometres_is_too_coarse() -> None:
    with pytest.raises(InvalidLocation, match="10 km"):
        parse_location({"grid_ref": "SE 3 0"})


def test_a_postcode_with_extras() -> None:
    place = parse_location({"postcode": "s70 1aa", "accuracy_m": "150", "heading_deg": 0})
    assert place == Location(53.5516181, -1.4827974, 150.0, 0.0, "postcode")


# --- no form, half a form, two forms ---------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "missing"),
        ({"accuracy_m": 10}, "missing"),
        ({"lat": None, "lon": None}, "missing"),
        ({"lat": 53.5}, "lon is missing"),
        ({"lon": -1.5}, "lat is missing"),
        ({"northing": 406150}, "easting is missing"),
        ({"lat": 53.5, "lon": -1.5, "postcode": "S70 1AA"}, "two locations"),
        ({"lat": 53.5, "northing": 406150}, "two locations"),
        ({"grid_ref": "SE 344 061", "postcode": "S70 1AA"}, "two locations"),
    ],
)
def test_exactly_one_form_is_needed(fields: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidLocation, match=says):
        parse_location(fields)


def test_an_unknown_field_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"Unknown field long; .*lat, lon, easting"):
        parse_location({"lat": 53.5, "long": -1.5})


# --- numbers ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value",
    ["", "north", "53,5", "5e1", "0x35", "5_3", "٥٣", "1/2", True, [53.5], {"deg": 53}, b"53.5"],
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidLocation, match="lat must be a number"):
        parse_location({"lat": value, "lon": -1.5})


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "nan", "NaN", "inf", "-Infinity", 10**400]
)
def test_a_number_must_be_finite(value: object) -> None:
    for name in ("lat", "lon"):
        fields = {"lat": 53.5, "lon": -1.5, name: value}
        with pytest.raises(InvalidLocation, match=f"{name} must be a finite number"):
            parse_location(fields)


def test_a_phone_may_send_all_digits_of_a_double() -> None:
    # 17 significant digits each: what a browser prints for a computed position.
    place = parse_location({"lat": "53.552638450000003", "lon": "-1.4796999999999998"})
    assert (place.lat, place.lon) == (53.552638450000003, -1.4796999999999998)


@pytest.mark.parametrize(
    "value", ["53.5526000000000000001", "53.55260000000000000", "0" * 9 + "1" * 18]
)
def test_absurd_precision_is_refused(value: str) -> None:
    with pytest.raises(InvalidLocation, match="significant digits"):
        parse_location({"lat": value, "lon": "-1.5"})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lat": 90.1, "lon": -1.5}, "lat=90.1 is outside -90 to 90"),
        ({"lat": 53.5, "lon": -180.5}, "lon=-180.5 is outside -180 to 180"),
        ({"easting": -1, "northing": 406150}, "easting=-1 is outside 0 to 700000"),
        ({"easting": 434450, "northing": 1.4e6}, "northing=1400000 is outside 0 to 1300000"),
    ],
)
def test_out_of_the_world_or_the_grid(fields: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidLocation, match=says):
        parse_location(fields)


def test_swapped_coordinates_come_back_mended() -> None:
    with pytest.raises(SwappedCoordinates, match=r"lat=53\.5526 lon=-1\.4797 is") as caught:
        parse_location({"lat": "-1.4797", "lon": "53.5526"})
    assert caught.value.facts == {"lat": 53.5526, "lon": -1.4797}


def test_a_place_abroad_is_not_called_swapped() -> None:
    # Zanzibar has the latitude of no British longitude east of 3 degrees: 39 is not 49 to 61.
    assert parse_location({"lat": -6.16, "lon": 39.2}).lat == -6.16


# --- extras ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy_m", 0), ("accuracy_m", -5), ("accuracy_m", 5000.5), ("accuracy_m", "wide"),
        ("accuracy_m", math.nan), ("heading_deg", -1), ("heading_deg", 360), ("heading_deg", "N"),
        ("heading_deg", math.inf),
    ],
)  # fmt: skip
def test_extras_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=name):
        parse_location({"lat": 53.5, "lon": -1.5, name: value})


@pytest.mark.parametrize(("value", "kept"), [(5000, 5000.0), ("0.5", 0.5)])
def test_the_bounds_of_accuracy(value: object, kept: float) -> None:
    assert parse_location({"lat": 53.5, "lon": -1.5, "accuracy_m": value}).accuracy_m == kept


# --- patient data ----------------------------------------------------------------------------
def test_an_nhs_number_is_refused_and_not_repeated() -> None:
    patient = "943 476 5919"
    for fields in ({"postcode": patient}, {"lat": 9434765919, "lon": -1.5}, {patient: "x"}):
        with pytest.raises(LooksLikePatientData) as caught:
            parse_location(fields)
        assert "943" not in str(caught.value) + str(caught.value.facts)
    with pytest.raises(LooksLikePatientData):
        parse_free_text("943 476 5919")


# --- free text -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("53.5526,-1.4797", {"lat": 53.5526, "lon": -1.4797}),
        (" 53.5526  -1.4797 ", {"lat": 53.5526, "lon": -1.4797}),
        ("53.5526; -1.4797", {"lat": 53.5526, "lon": -1.4797}),
        ("434450,406150", {"easting": 434450, "northing": 406150}),
        ("434450 406150", {"easting": 434450, "northing": 406150}),
        ("SE 344 061", {"grid_ref": "SE 344 061"}),
        ("se344061", {"grid_ref": "SE344061"}),
        ("S70 1AA", {"postcode": "S70 1AA"}),
        ("s701aa", {"postcode": "S70 1AA"}),
    ],
)
def test_free_text_is_the_same_as_named_fields(text: str, fields: dict[str, object]) -> None:
    assert parse_free_text(text) == parse_location(fields)


@pytest.mark.parametrize("text", ["", "Barnsley", "53.5526", "53.5526,", "1,2,3", "nan,nan", "S70"])
def test_free_text_of_no_known_shape_shows_the_shapes(text: str) -> None:
    with pytest.raises(InvalidLocation, match="S70 1AA"):
        parse_free_text(text)


def test_swapped_free_text_says_so() -> None:
    with pytest.raises(SwappedCoordinates):
        parse_free_text("-1.4797,53.5526")


@given(st.floats(-90.0, 90.0), st.floats(-180.0, 180.0))
def test_every_position_on_earth_is_read_or_called_swapped(lat: float, lon: float) -> None:
    assume("e" not in f"{lat!r}{lon!r}")
    expected = Location(lat, lon)
    try:
        assert parse_location({"lat": repr(lat), "lon": repr(lon)}) == expected
        assert parse_free_text(f"{lat!r}, {lon!r}") == expected
    except SwappedCoordinates:
        assert -9 <= lat <= 3
        assert 49 <= lon <= 61


@given(st.text(max_size=40))
def test_free_text_gives_a_location_or_an_error_of_ours(text: str) -> None:
    with suppress(HasuError):
        assert isinstance(parse_free_text(text), Location)


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)


@given(st.dictionaries(st.sampled_from((*forms.FIELDS, "note")), _VALUES))
def test_fields_give_a_location_or_an_error_of_ours(fields: dict[str, object]) -> None:
    with suppress(HasuError):
        place = parse_location(fields)
        assert abs(place.lat) <= 90
        assert abs(place.lon) <= 180
        assert place.accuracy_m is None or 0 < place.accuracy_m <= 5000
