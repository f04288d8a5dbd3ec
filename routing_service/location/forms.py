"""Read a location in any of the forms that people and systems write, and refuse the doubtful.

The same rules hold for a query string, a JSON body, the command line and the web page, so this
is the only place that knows them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from routing_service.decision.model import Location
from routing_service.degrees import look_exchanged
from routing_service.errors import InvalidLocation, InvalidRequest, SwappedCoordinates
from routing_service.location import bng
from routing_service.location.nhs_number import refuse_nhs_numbers
from routing_service.location.postcodes import find_postcode, looks_like_postcode

FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "lat_lon": ("lat", "lon"),
    "easting_northing": ("easting", "northing"),
    "grid_ref": ("grid_ref",),
    "postcode": ("postcode",),
}
EXTRAS: Final = ("accuracy_m", "heading_deg", "at", "capability")
FIELDS: Final = (*(name for names in FORMS.values() for name in names), *EXTRAS)

MAX_ACCURACY_M: Final = 5_000.0
MAX_DIGITS: Final = 17
"""A binary64 number never needs more significant digits than this, and phones do send as many
(53.552638450000003). A longer text was not measured by anything, so something is wrong."""

_FORM_HELP: Final = (
    "Give exactly one of: lat and lon (53.5526, -1.4797), easting and northing (434400, 406100), "
    "grid_ref (SE 344 061), postcode (S70 1AA)."
)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_CAPABILITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,31}", re.ASCII)
_PAIR: Final = re.compile(rf"({_NUMBER.pattern})(?:\s*[,;]\s*|\s+)({_NUMBER.pattern})", re.ASCII)


def parse_location(fields: Mapping[str, object]) -> Location:
    """Read a location from named fields; a field that is None counts as absent.

    Parameters
    ----------
    fields
        Some of ``lat``, ``lon`` (WGS84 degrees), ``easting``, ``northing`` (metres of the British
        National Grid), ``grid_ref``, ``postcode``, ``accuracy_m``, ``heading_deg``, ``at``
        (ISO 8601 with an offset), ``capability`` (what the patient needs of a unit). Numbers may be
        text, as in a query string.

    Returns
    -------
    Location
        A grid reference gives the centre of its square, with an accuracy of at least half the
        square's diagonal.

    Raises
    ------
    InvalidRequest
        A field is unknown or an extra is out of range.
    LooksLikePatientData
        Something looks like an NHS number.
    InvalidLocation
        No form, half a form or two forms; not a number; outside the world or the grid.
    SwappedCoordinates
        Latitude and longitude are exchanged.
    UnknownPostcode, MissingExtra
        See `routing_service.location.postcodes.find_postcode`.

    Examples
    --------
    >>> place = parse_location({"lat": "53.5526", "lon": "-1.4797", "heading_deg": 90})
    >>> place.lat, place.lon, place.heading_deg, place.source
    (53.5526, -1.4797, 90.0, 'lat_lon')
    """
    given = {name: value for name, value in fields.items() if value is not None}
    refuse_nhs_numbers(given)
    _refuse_unknown(given)
    place = _READERS[_chosen_form(given)](given)
    accuracy_m, heading_deg = _accuracy_m(given), _heading_deg(given)
    if accuracy_m is not None and place.accuracy_m is not None:
        # A caller cannot know the place better than the square that they named.
        accuracy_m = max(accuracy_m, place.accuracy_m)
    return replace(
        place,
        accuracy_m=place.accuracy_m if accuracy_m is None else accuracy_m,
        heading_deg=heading_deg,
        at=_moment(given),
        capability=_capability(given),
    )


def parse_free_text(text: str) -> Location:
    """Read a location from one line of text, as typed on the command line or the web page.

    Two numbers are latitude and longitude when both could be degrees (180 at most), else easting
    and northing.

    Raises
    ------
    HasuError
        As in `parse_location`; InvalidLocation when the text has none of the known shapes.

    Examples
    --------
    >>> parse_free_text("53.55, -1.48").source
    'lat_lon'
    >>> parse_free_text("SE 344 061").accuracy_m
    70.71067811865476
    """
    text = text.strip()
    refuse_nhs_numbers(text, "grid_ref" if bng.looks_like_grid_reference(text) else "")
    if pair := _PAIR.fullmatch(text):
        degrees = all(abs(float(number)) <= 180.0 for number in pair.groups())
        names = FORMS["lat_lon" if degrees else "easting_northing"]
        return parse_location(dict(zip(names, pair.groups(), strict=True)))
    if bng.looks_like_grid_reference(text):
        return parse_location({"grid_ref": text})
    if looks_like_postcode(text):
        return parse_location({"postcode": text})
    raise InvalidLocation(
        "This is not a location; write one like 53.5526,-1.4797 or S70 1AA or SE 344 061 or "
        "434400,406100."
    )


def _refuse_unknown(given: Mapping[str, object]) -> None:
    unknown = sorted(str(name)[:40] for name in given if name not in FIELDS)
    if unknown:
        raise InvalidRequest(
            f"Unknown field {', '.join(unknown)}; a location has {', '.join(FIELDS)}.",
            unknown=unknown,
        )


def _chosen_form(given: Mapping[str, object]) -> str:
    chosen = [form for form, names in FORMS.items() if any(name in given for name in names)]
    if not chosen:
        raise InvalidLocation(f"The location is missing. {_FORM_HELP}")
    if len(chosen) > 1:
        names = ", ".join(name for form in chosen for name in FORMS[form] if name in given)
        raise InvalidLocation(f"There are two locations here ({names}). {_FORM_HELP}")
    for name in FORMS[chosen[0]]:
        if name not in given:
            raise InvalidLocation(f"{name} is missing. {_FORM_HELP}", field=name)
    return chosen[0]


def _from_lat_lon(given: Mapping[str, object]) -> Location:
    lat, lon = _number(given, "lat"), _number(given, "lon")
    if look_exchanged(lat, lon):
        raise SwappedCoordinates(
            f"Latitude and longitude look exchanged: lat={lat} lon={lon} is not in Great Britain, "
            f"but lat={lon} lon={lat} is. Send that if it is what you mean.",
            lat=lon,
            lon=lat,
        )
    for name, value, bound in (("lat", lat, 90.0), ("lon", lon, 180.0)):
        if abs(value) > bound:
            raise InvalidLocation(
                f"{name}={value} is outside -{bound:g} to {bound:g} degrees.", field=name
            )
    return Location(lat, lon)


def _from_grid(given: Mapping[str, object]) -> Location:
    easting_m, northing_m = _number(given, "easting"), _number(given, "northing")
    for name, value, bound in (
        ("easting", easting_m, bng.MAX_EASTING_M),
        ("northing", northing_m, bng.MAX_NORTHING_M),
    ):
        if not 0.0 <= value <= bound:
            raise InvalidLocation(
                f"{name}={value:.15g} is outside 0 to {bound:.0f} metres, the British National "
                "Grid.",
                field=name,
            )
    return _grid_location(easting_m, northing_m, None, "easting_northing")


def _from_grid_reference(given: Mapping[str, object]) -> Location:
    square = bng.parse_grid_reference(_text(given, "grid_ref"))
    if square.accuracy_m > MAX_ACCURACY_M:
        raise InvalidLocation(
            "A grid reference of two figures names a square of 10 km; give at least four figures.",
            field="grid_ref",
        )
    return _grid_location(square.easting_m, square.northing_m, square.accuracy_m, "grid_ref")


def _from_postcode(given: Mapping[str, object]) -> Location:
    return find_postcode(_text(given, "postcode"))


def _grid_location(
    easting_m: float, northing_m: float, accuracy_m: float | None, source: str
) -> Location:
    lats, lons = bng.to_wgs84(easting_m, northing_m)
    # A centimetre is finer than the change of datum; it keeps replies short and stable.
    return Location(round(float(lats), 7), round(float(lons), 7), accuracy_m, source=source)


_READERS: Final = {
    "lat_lon": _from_lat_lon,
    "easting_northing": _from_grid,
    "grid_ref": _from_grid_reference,
    "postcode": _from_postcode,
}


def _accuracy_m(given: Mapping[str, object]) -> float | None:
    if "accuracy_m" not in given:
        return None
    value = _number(given, "accuracy_m", InvalidRequest)
    if not 0.0 < value <= MAX_ACCURACY_M:
        raise InvalidRequest(
            f"accuracy_m={value} is not above 0 and at most {MAX_ACCURACY_M:.0f} metres.",
            field="accuracy_m",
        )
    return value


def _moment(given: Mapping[str, object]) -> datetime | None:
    if "at" not in given:
        return None
    try:
        moment = datetime.fromisoformat(str(given["at"]))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidRequest(
            "at must be a date and time with its offset from UTC, as in 2026-11-22T08:30:00Z or "
            "2026-07-01T08:30:00+01:00.",
            field="at",
        )
    return moment


def _capability(given: Mapping[str, object]) -> str | None:
    if "capability" not in given:
        return None
    name = given["capability"]
    if not isinstance(name, str) or not _CAPABILITY.fullmatch(name):
        raise InvalidRequest(
            "capability must be the name of one, as in the units file: ivt, mt.",
            field="capability",
        )
    return name.lower()


def _heading_deg(given: Mapping[str, object]) -> float | None:
    if "heading_deg" not in given:
        return None
    value = _number(given, "heading_deg", InvalidRequest)
    if not 0.0 <= value < 360.0:
        raise InvalidRequest(
            f"heading_deg={value} is not from 0 up to, but not including, 360 (0 is north, 90 "
            "east).",
            field="heading_deg",
        )
    return value + 0.0  # -0.0 becomes 0.0


def _text(given: Mapping[str, object], name: str) -> str:
    value = given[name]
    if not isinstance(value, str):
        raise InvalidLocation(f"{name} must be text.", field=name)
    return value


def _number(
    given: Mapping[str, object],
    name: str,
    error: type[InvalidLocation] | type[InvalidRequest] = InvalidLocation,
) -> float:
    """Return a finite number from a number or a plain decimal text."""
    value = given[name]
    if isinstance(value, str):
        value = _decimal(value, name, error)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise error(f"{name} must be a number.", field=name)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise error(f"{name} must be a finite number, not NaN or infinity.", field=name)
    return number


def _decimal(text: str, name: str, error: type[InvalidLocation] | type[InvalidRequest]) -> float:
    """Read plain decimal text; `float` alone would take 1_0, 1e9 and Arabic digits as well."""
    text = text.strip()
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    if not _NUMBER.fullmatch(text):
        raise error(f"{name} must be a number such as 53.5526.", field=name)
    digits = len(text.lstrip("+-0.").replace(".", ""))
    if digits > MAX_DIGITS:
        raise error(
            f"{name} has {digits} significant digits; 7 decimals of a degree are a centimetre, "
            f"and no computer's number has more than {MAX_DIGITS}. Round it.",
            field=name,
        )
    return float(text)
