"""Tables by small area, of the right vintage, of another, and of one that is not what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routing_service.errors import InvalidPopulation
from routing_service.planner.area_tables import deprivation, people, read_area_values, words
from routing_service.planner.study import AreaTable

CODES = ("E01000001", "E01000002", "E01000003", "E01000004")
KNOWN = frozenset(CODES)
# Of 2011 to 2021: the first is unchanged, the second was split, the others were merged.
LOOKUP = """LSOA11CD,LSOA21CD
E01000001,E01000001
E01000002,E01030001
E01000002,E01030002
E01000003,E01030003
E01000004,E01030003
"""
# Five places: one in each area but the last, two in the first, and one outside all.
AREA = np.array([0, 0, 1, 2, -1], dtype=np.int32)


def table(folder: Path, text: str, vintage: int, lookup: str = "", *columns: str) -> AreaTable:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    path = None
    if lookup:
        path = folder / "lookup.csv"
        path.write_text(lookup, encoding="utf-8")
    return AreaTable(folder / "table.csv", "code", vintage, columns or ("value",), path)


def test_a_table_of_the_same_vintage_is_taken_as_it_is(tmp_path: Path) -> None:
    asked = table(tmp_path, "code,value\nE01000001,1\nE01000002,10\nS01000001,3\n", 2011)
    values = read_area_values(asked, CODES, KNOWN, "deprivation")
    grouping = deprivation(values, AREA, CODES)
    assert grouping.labels[0] == "1 (most deprived)"
    assert grouping.labels[9] == "10 (least deprived)"
    assert grouping.extremes == (grouping.labels[0], grouping.labels[9])
    assert grouping.codes is not None
    assert grouping.codes.tolist() == [0, 0, 9, -1, -1]
    assert "areas of 2011" in grouping.note


def test_fifths_are_known_from_tenths(tmp_path: Path) -> None:
    asked = table(tmp_path, "code,value\nE01000001,1\nE01000002,5\n", 2011)
    grouping = deprivation(read_area_values(asked, CODES, KNOWN, "x"), AREA, CODES)
    assert grouping.labels[-1] == "5 (least deprived)"


def test_a_table_of_2021_is_bridged_by_a_lookup(tmp_path: Path) -> None:
    text = "code,value\nE01000001,2\nE01030001,4\nE01030002,9\nE01030003,7\n"
    asked = table(tmp_path, text, 2021, LOOKUP)
    values = read_area_values(asked, CODES, KNOWN, "deprivation")
    grouping = deprivation(values, AREA, CODES)
    assert grouping.codes is not None
    # The second is made of a 4 and a 9: the lower; the third shares the 7 with the fourth.
    assert grouping.codes.tolist() == [1, 1, 3, 6, -1]
    assert "bridged to those of 2011 by lookup.csv; 1 areas" in grouping.note
    assert [source.name for source in values.sources] == ["table.csv", "lookup.csv"]


def test_people_are_shared_by_merged_areas_and_added_up_over_split_ones(tmp_path: Path) -> None:
    text = "code,young,old\nE01000001,10,2\nE01030001,4,1\nE01030002,6,0\nE01030003,8,\n"
    asked = table(tmp_path, text.replace("8,\n", "8,0\n"), 2021, LOOKUP, "young", "old")
    values = read_area_values(asked, CODES, KNOWN, "age")
    grouping = people("age", asked.columns, values, AREA, CODES)
    assert grouping.parts is not None
    # Ten over two places; 4 + 6; half of 8; nobody outside.
    assert (grouping.parts[0] / 1e6).tolist() == [5.0, 5.0, 10.0, 4.0, 0.0]
    assert (grouping.parts[1] / 1e6).tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_words_take_the_commonest_of_several(tmp_path: Path) -> None:
    text = "code,value\nE01000001,Urban\nE01030001,Urban\nE01030002,Rural\n"
    values = read_area_values(table(tmp_path, text, 2021, LOOKUP), CODES, KNOWN, "x")
    grouping = words("urban or rural", values, AREA, CODES)
    assert grouping.labels == ("Rural", "Urban")
    assert grouping.codes is not None
    # One urban, one rural: the first of the alphabet.
    assert grouping.codes.tolist() == [1, 1, 0, -1, -1]


@pytest.mark.parametrize(
    ("text", "vintage", "lookup", "said"),
    [
        ("code,value\nE01000001,1\n", 2021, "", "Name a lookup"),
        ("code,value\nE01030001,1\n", 2011, "", "E01030001 is no area of the vintage"),
        ("code,value\nE01000002,1\n", 2021, LOOKUP, "E01000002 is no area of the vintage"),
        ("code,value\nE01000001,1\n", 2021, LOOKUP + "E01999999,E01030003\n", "E01999999 is no"),
        ("code,other\nE01000001,1\n", 2011, "", "no column 'value'; it has code, other"),
        ("code,value\nE01000001,1\nE01000001,2\n", 2011, "", "occurs twice"),
        ("code,value\nE01000001,1\n", 2021, "a,b\n", "no column 'LSOA11CD'"),
    ],
)
def test_vintages_are_never_mixed_in_silence(
    tmp_path: Path, text: str, vintage: int, lookup: str, said: str
) -> None:
    with pytest.raises(InvalidPopulation, match=said):
        read_area_values(table(tmp_path, text, vintage, lookup), CODES, KNOWN, "deprivation")


@pytest.mark.parametrize("cell", ["0", "11", "most", "1.5", ""])
def test_a_decile_that_is_none_is_refused(tmp_path: Path, cell: str) -> None:
    asked = table(tmp_path, f"code,value\nE01000001,{cell}\n", 2011)
    values = read_area_values(asked, CODES, KNOWN, "x")
    with pytest.raises(InvalidPopulation, match="is no decile"):
        deprivation(values, AREA, CODES)


def test_a_negative_number_of_people_is_refused(tmp_path: Path) -> None:
    values = read_area_values(
        table(tmp_path, "code,value\nE01000001,-1\n", 2011), CODES, KNOWN, "x"
    )
    with pytest.raises(InvalidPopulation, match="no number of people"):
        people("age", ("value",), values, AREA, CODES)
