"""The main-roads text format: what a line means, and which mistakes it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing_service.errors import InvalidSource
from routing_service.graph.sources.main_roads import (
    Stretch,
    junction_mismatches,
    parse_roads,
    read_main_roads,
)

A61 = """
# The A61 from Chapeltown towards Barnsley.
road A61 class=primary limit=60 name="Park Road"   # rural single by default

53.4800 -1.4700
set limit=40 setting=urban carriageway=dual name=""
53.4900 -1.4750 @A61-A6135 "Birdwell, Sheffield Road"
set access=junctions
53.5000 -1.4800 @M1-J36 slips=-on,+off "J36 Tankersley"
53.5100 -1.4850
"""


def test_a_road_is_its_points_in_order_with_what_holds_from_each() -> None:
    (road,) = parse_roads(A61, "a61.txt")
    assert (road.ref, road.file) == ("A61", "a61.txt")
    assert [(p.lat, p.lon, p.key, p.junction, p.line) for p in road.points] == [
        (53.48, -1.47, "", "", 5),
        (53.49, -1.475, "A61-A6135", "Birdwell, Sheffield Road", 7),
        (53.5, -1.48, "M1-J36", "J36 Tankersley", 9),
        (53.51, -1.485, "", "", 10),
    ]
    first, second, third, _ = (p.stretch for p in road.points)
    # `set` holds from the next point on; what it does not name stays.
    assert first == Stretch("primary", 60, "single", "rural", "open", "Park Road")
    assert second == Stretch("primary", 40, "dual", "urban", "open", "")
    assert third == Stretch("primary", 40, "dual", "urban", "junctions", "")


def test_slips_come_in_one_order_however_they_are_written() -> None:
    (road,) = parse_roads(A61, "a61.txt")
    assert road.points[2].slips == ("+off", "-on")


def test_a_motorway_has_its_own_defaults() -> None:
    (road,) = parse_roads("road A1(M) class=motorway\n53.4800 -1.1500\n53.4900 -1.1600", "a1m.txt")
    assert road.points[0].stretch == Stretch("motorway", 70, "dual", "rural", "junctions", "")


def test_roads_may_share_a_file_and_a_number() -> None:
    text = "road B6 class=secondary limit=30\n53.4800 -1.4700\n53.4810 -1.4700\n"
    assert [r.ref for r in parse_roads(text + text.replace("B6", "B7") + text, "x.txt")] == [
        "B6", "B7", "B6",
    ]  # fmt: skip


HEAD = "road A61 class=primary limit=40\n53.4800 -1.4700\n"
TAIL = "53.4810 -1.4700\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x.txt: holds no roads"),
        ("53.4800 -1.4700\n", "x.txt:1: comes before the first 'road'"),
        ("road\n", "x.txt:1: 'road' needs a number"),
        ("road 61 class=primary limit=40\n", "x.txt:1: 'road' needs a number"),
        ("road A61 limit=40\n", "x.txt:1: 'road' needs class="),
        ("road A61 class=primary\n", "x.txt:1: a road that is no motorway needs limit="),
        ("road A61 class=tertiary limit=40\n", "x.txt:1: class=tertiary is not one of"),
        ("road A61 class=primary limit=45\n", "x.txt:1: limit=45 is not a British limit"),
        ("road A61 class=primary limit=40 limit=30\n", "x.txt:1: limit is given twice"),
        ("road A61 class=primary limit=40 colour=red\n", "x.txt:1: 'colour=red' is not one of"),
        ("road A61 class=primary limit=40\n", "x.txt:1: A61 needs two points"),
        (HEAD, "x.txt:1: A61 needs two points"),
        (HEAD + "set\n" + TAIL, "x.txt:3: changes nothing"),
        (HEAD + "set dual\n" + TAIL, "x.txt:3: 'dual' is not one of"),
        (HEAD + "53.48 -1.47\n", "x.txt:3: a point is LAT LON with 4 to 6 decimals"),
        (HEAD + "53.4810\n", "x.txt:3: a point is LAT LON"),
        (HEAD + "53.4810, -1.4700\n", "x.txt:3: a point is LAT LON"),
        (HEAD + "-1.4700 53.4810\n", "x.txt:3: .* latitude comes first"),
        (HEAD + "53.4800 -1.4700\n", "x.txt:3: repeats the point before it"),
        (HEAD + "53.5810 -1.4700\n", "x.txt:3: is 11.2 km from the last point"),
        (HEAD + '53.4810 -1.4700 "Birdwell"\n', "x.txt:3: .* need the junction's @KEY"),
        (HEAD + "53.4810 -1.4700 slips=+off\n", "x.txt:3: .* need the junction's @KEY"),
        (HEAD + "53.4810 -1.4700 @A @B\n", "x.txt:3: has more than one key"),
        (HEAD + "53.4810 -1.4700 @A Two words\n", "x.txt:3: .*several words need quotes"),
        (HEAD + '53.4810 -1.4700 @A "open\n', "x.txt:3: no closing quotation"),
        (HEAD + "53.4810 -1.4700 @-\n", "x.txt:3: @- is not a key"),
        (HEAD + "53.4810 -1.4700 @A slips=off\n" + TAIL, "x.txt:3: slips=off is not a list"),
        (HEAD + "53.4805 -1.4700 @A slips=+on,+on\n" + TAIL, "x.txt:3: slips=.* is not a list"),
        (HEAD + "53.4810 -1.4700 @A slips=+off\n", "x.txt:3: a road ends on its junction"),
    ],
)
def test_a_mistake_names_file_and_line(text: str, says: str) -> None:
    with pytest.raises(InvalidSource, match=says):
        parse_roads(text, "x.txt")


def test_a_motorway_cannot_pass_a_junction_at_grade() -> None:
    text = "road M1 class=motorway\n53.4800 -1.4700 @A\n53.4900 -1.4700 @B\n53.5000 -1.4700 @C\n"
    with pytest.raises(InvalidSource, match=r"x\.txt:3: a motorway passes a junction with slips="):
        parse_roads(text, "x.txt")
    (road,) = parse_roads(text.replace("@B", "@B slips=+off,-on"), "x.txt")
    assert len(road.points) == 3


def test_the_example_in_the_documentation_reads_as_it_is_explained() -> None:
    readme = Path(__file__).parents[2] / "graphs" / "south_yorkshire" / "README.md"
    (example,) = (
        block for block in readme.read_text("utf-8").split("```") if block.startswith("\nroad ")
    )
    a61, m1 = parse_roads(example, "README.md")
    assert [point.stretch.carriageway for point in a61.points] == ["single", "dual", "dual"]
    assert m1.points[1].slips == ("+off", "+on", "-off", "-on")
    assert junction_mismatches([a61, m1]) == []


# --- several files ---------------------------------------------------------------------------
def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    a61 = write(tmp_path, "a61.txt", HEAD + TAIL)
    b6 = write(tmp_path, "b6.txt", (HEAD + TAIL).replace("A61", "B6"))
    assert read_main_roads([b6, a61]) == read_main_roads([a61, b6])
    assert [road.ref for road in read_main_roads([b6, a61])] == ["A61", "B6"]


def test_a_shared_junction_must_lie_in_one_place(tmp_path: Path) -> None:
    a = write(tmp_path, "a.txt", HEAD + "53.4810 -1.4700 @A61-B6\n")
    b = write(tmp_path, "b.txt", HEAD + "53.4811 -1.4700 @A61-B6\n")
    with pytest.raises(InvalidSource, match=r"b\.txt:3: @A61-B6 is at 53\.4811 .* a\.txt:3"):
        read_main_roads([a, b])
    assert junction_mismatches(read_main_roads([a])) == []


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"road A61 \xff\xfe")
    with pytest.raises(InvalidSource, match=r"bad\.txt: cannot be read as UTF-8"):
        read_main_roads([path])
