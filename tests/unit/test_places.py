"""Whole columns of places are read as the single forms read each row, good and bad alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.decision.model import Location
from routing_service.errors import HasuError
from routing_service.location.forms import parse_location
from routing_service.location.postcodes import read_area
from routing_service.planner.places import SOURCES, locate

Rows = Sequence[Mapping[str, Any]]


def columns(rows: Rows) -> dict[str, pa.Array]:
    names = sorted({name for row in rows for name in row})
    return {name: pa.array([row.get(name) for row in rows]) for name in names}


def agree(rows: Rows) -> int:
    """Hold a table against its rows one by one; how many could be read."""
    places = locate(columns(rows), len(rows))
    good = 0
    for i, row in enumerate(rows):
        single = read(row)
        if isinstance(single, HasuError):
            ours = places.errors[i]
            assert (ours.code, ours.detail) == (single.code, single.detail), row
            assert np.isnan(places.lon[i])
            assert np.isnan(places.lat[i])
        else:
            assert i not in places.errors, (row, places.errors)
            found = (places.lon[i], places.lat[i], SOURCES[places.form[i]])
            assert found == (single.lon, single.lat, single.source), row
            good += 1
    return good


def read(row: Mapping[str, Any]) -> Location | HasuError:
    try:
        return parse_location(row)
    except HasuError as error:
        return error


def test_degrees_as_numbers() -> None:
    rng = np.random.default_rng(3)
    pairs = zip(
        rng.uniform(-95, 95, 200).tolist(), rng.uniform(-190, 190, 200).tolist(), strict=True
    )
    rows: list[dict[str, Any]] = [{"lat": lat, "lon": lon} for lat, lon in pairs]
    rows += [{"lat": -1.48, "lon": 53.5}, {"lat": 53.5}, {"lon": -1.5}, {}]
    rows += [{"lat": float("nan"), "lon": 1.0}, {"lat": 53.5, "lon": float("inf")}]
    assert 150 < agree(rows) < 200


TEXTS = [
    "53.5",
    " 53.5 ",
    "+53.5",
    "53.",
    ".5",
    "-0",
    "1e2",
    "1_0",
    "",
    "x",
    "nan",
    "\u0665",
    "053.50",
]
TEXTS += ["53.552638450000003", "53.5526384500000031", "0.00000000000000000001", "5.3.5", "-.5"]


def test_degrees_as_texts() -> None:
    rows = [{"lat": lat, "lon": lon} for lat in TEXTS for lon in ("-1.5", "-1.4796999999999998")]
    assert 0 < agree(rows) < len(rows)


@given(st.lists(st.text("0123456789.-+ e", max_size=20), min_size=1, max_size=20))
def test_any_text_for_a_number(texts: list[str]) -> None:
    agree([{"lat": text, "lon": "-1.5"} for text in texts])


def test_grid_metres() -> None:
    rng = np.random.default_rng(4)
    pairs = rng.uniform((-1e4, -1e4), (7.1e5, 1.31e6), (300, 2)).tolist()
    assert 250 < agree([{"easting": e, "northing": n} for e, n in pairs]) < 300
    assert 250 < agree([{"easting": int(e), "northing": int(n)} for e, n in pairs]) < 300
    assert 250 < agree([{"easting": f"{e:.2f}", "northing": f"{n:.2f}"} for e, n in pairs]) < 300


REFERENCES = ["SE 344 061", "se344061", "SE3440006100", "SE 34 06", "SE 3 0", "SE30", "SE 344 06"]
REFERENCES += ["II 344 061", "AA 344 061", "SE344", "SE", "", "  TQ 1234 5678 ", "SE\t344 061"]
REFERENCES += ["HP 60 18", "SV 90 10", "SE 34406 06100", "SE 344061 061001", "SE344 061", "12 34"]


def test_grid_references() -> None:
    rows = [{"grid_ref": text} for text in REFERENCES]
    assert 8 < agree(rows) < len(rows)


@given(st.from_regex(r"\A[A-Za-z]{2} {0,2}[0-9]{0,7} {0,2}[0-9]{0,6}\Z"))
def test_any_grid_reference(text: str) -> None:
    agree([{"grid_ref": text}, {"grid_ref": "SE 344 061"}])


def test_postcodes() -> None:
    known = [code.decode() for code in read_area("S").postcodes[::500]]
    known += [code.decode() for code in read_area("DN").postcodes[::500]]
    rows = [{"postcode": code} for code in known]
    rows += [{"postcode": f" {code[:-3].lower()}  {code[-3:]} "} for code in known]
    assert agree(rows) == len(rows)
    strange = ["S70 9ZZ", "ZZ1 1AA", "S70", "", "S70 1AA 1", "ÿ1 1AA", "S701AAA", "SS1 1AA"]
    assert agree([{"postcode": text} for text in [*strange, known[0]]]) < len(strange)


def test_rows_of_different_forms_in_one_table() -> None:
    rows: Rows = [
        {"lat": 53.55, "lon": -1.48},
        {"postcode": "S70 1AA"},
        {"grid_ref": "SE 344 061"},
        {"easting": 434400, "northing": 406100},
        {"lat": 53.55, "lon": -1.48, "postcode": "S70 1AA"},
        {"lat": 53.55, "northing": 406100},
        {},
        {"postcode": "943 476 5919"},
    ]
    assert agree(rows) == 4


@pytest.mark.parametrize("kind", [pa.bool_(), pa.decimal128(9, 5), pa.float32(), pa.date32()])
def test_columns_of_other_types(kind: pa.DataType) -> None:
    values: dict[Any, list[Any]] = {pa.decimal128(9, 5): [Decimal("53.5"), None]}
    lat = pa.array(values.get(kind, [1, None]), pa.int32() if kind == pa.date32() else None)
    places = locate({"lat": lat.cast(kind), "lon": pa.array([-1.5, 2.0])}, 2)
    readable = pa.types.is_decimal(kind) or pa.types.is_floating(kind)
    assert np.isnan(places.lat[0]) == (not readable)
    assert places.errors[1].code == "invalid_location"


def test_a_text_is_no_place_as_a_number() -> None:
    for name in ("postcode", "grid_ref"):
        places = locate({name: pa.array([7])}, 1)
        assert places.errors[0].detail == f"{name} must be text."
