"""Points are read from the tables that people have; what is no point is told with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from routing_service.errors import InvalidPoints, LooksLikePatientData
from routing_service.planner import points as points_module
from routing_service.planner import readers
from routing_service.planner.points import Points, PointSource, open_points, read_points

REGION = (-2.1, 53.0, -0.7, 53.9)
BARNSLEY = (-1.4797, 53.5526)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def all_points(source: PointSource) -> list[Points]:
    return [read_points(chunk) for chunk in source.chunks()]


def table(path: Path, **options: object) -> Points:
    """All of a small table."""
    (only,) = all_points(open_points(path, REGION, **options))  # type: ignore[arg-type]
    return only


def told(points: Points) -> list[tuple[int, str, str]]:
    return [(row.line, row.id, row.code) for row in points.rejected]


def test_bad_rows_are_told_by_their_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [
        "\ufeffname,Latitude,Longitude",  # with the mark that spreadsheets put first
        "1,53.5,-1.4",
        "",
        "2,53.5",
        "3,53.6,-1.5,9",
        '"4","53.6","-1.5"',
        "5,-1.5,53.6",
        "7,99,-1",
        "8,,",
    ]
    found = table(write(tmp_path / "a.csv", "\n".join(lines)), id_column="name")
    assert found.ids.to_pylist() == ["1", "4"]
    assert found.lines.tolist() == [2, 6]
    assert found.places.lat.tolist() == [53.5, 53.6]
    assert told(found) == [
        (3, "", "invalid_request"),
        (4, "", "invalid_request"),
        (5, "", "invalid_request"),
        (7, "5", "swapped_coordinates"),
        (8, "7", "invalid_location"),
        (9, "8", "invalid_location"),
    ]
    assert found.rejected[2].detail == "The line has 4 cells, the heading 3."


def test_a_line_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    content = "id,lat,lon\nJosé,53.5,-1.5\nAnn,53.5,-1.5\n".encode("latin-1")
    found = table(write(tmp_path / "a.csv", content))
    assert found.ids.to_pylist() == ["Ann"]
    assert told(found) == [(2, "", "invalid_request")]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
def test_chunks_hold_all_rows_in_order_whatever_their_size(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "CHUNK_ROWS", rows)
    monkeypatch.setattr(readers, "BLOCK_BYTES", 40)  # three lines or so
    good = [f"{i},53.{i},-1.{i}" for i in range(10, 40)]
    good[5:5] = ["broken"]
    good[20:20] = ["x,y", "x"]
    path = write(tmp_path / "a.csv", "\n".join(["id,lat,lon", *good]))
    chunks = all_points(open_points(path, REGION))
    assert [len(chunk.lines) for chunk in chunks[:-1]] == [rows] * (len(chunks) - 1)
    ids = [row for chunk in chunks for row in chunk.ids.to_pylist()]
    assert ids == [str(i) for i in range(10, 40)]
    lines = [line for chunk in chunks for line in chunk.lines.tolist()]
    bad = [row.line for chunk in chunks for row in chunk.rejected]
    assert bad == [7, 22, 23]
    assert sorted(lines + bad) == list(range(2, 35))


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ({"lat": [53.5526], "lon": [-1.4797]}, 0),
        ({"LATITUDE": [53.5526], " Longitude ": [-1.4797]}, 0),
        ({"easting": [434_570], "northing": [406_297]}, 1),
        ({"Grid Reference": ["SE 3457 0629"]}, 2),
        ({"postcode": ["S70 2JW"]}, 3),
    ],
)
def test_every_form_is_read_from_parquet_as_from_csv(
    tmp_path: Path, columns: dict[str, list[object]], form: int
) -> None:
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    text = ",".join(columns) + "\n" + ",".join(str(column[0]) for column in columns.values())
    for path in (tmp_path / "a.parquet", write(tmp_path / "a.csv", text)):
        found = table(path)
        assert found.places.form.tolist() == [form]
        place = np.array([found.places.lon[0], found.places.lat[0]])
        assert np.abs(place - BARNSLEY).max() < 0.01
        # Rows without a name are called by where they stand.
        assert found.ids.to_pylist() == [2 if path.suffix == ".csv" else 1]


def test_ids_keep_their_kind_and_kept_columns_come_along(tmp_path: Path) -> None:
    columns = {"lat": [53.5, 1e9], "lon": [-1.5, 0.0], "id": [7, 8], "people": [1.5, 2.5]}
    columns["kind"] = pa.array(["town", "town"]).dictionary_encode()
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = table(tmp_path / "a.parquet", keep=("people", "kind"))
    assert found.ids.type == pa.int64()
    assert {name: column.to_pylist() for name, column in found.kept.items()} == {
        "people": [1.5],
        "kind": ["town"],
    }
    assert told(found) == [(2, "8", "invalid_location")]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:27700"])
def test_points_of_a_geopackage(tmp_path: Path, crs: str) -> None:
    geopandas = pytest.importorskip("geopandas")
    shapes = geopandas.GeoSeries.from_xy([-1.5, BARNSLEY[0]], [53.5, BARNSLEY[1]], crs=4326)
    frame = geopandas.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes).to_crs(crs)
    frame.loc[2] = ["c", None]
    frame.to_file(tmp_path / "a.gpkg")
    found = table(tmp_path / "a.gpkg", id_column="name")
    assert found.ids.to_pylist() == ["a", "b"]
    # Five metres: geopandas may use a finer change of datum.
    assert found.places.lat == pytest.approx([53.5, BARNSLEY[1]], abs=5e-5)
    assert found.places.lon == pytest.approx([-1.5, BARNSLEY[0]], abs=8e-5)
    assert told(found) == [(3, "c", "invalid_location")]


def test_a_geopackage_in_another_crs_or_with_two_layers_is_refused(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    path = tmp_path / "a.gpkg"
    frame = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy([0], [7e6]), crs=3857)
    frame.to_file(path, layer="one")
    with pytest.raises(InvalidPoints, match=r"EPSG:3857.*ogr2ogr"):
        open_points(path, REGION)
    frame.to_file(path, layer="two")
    with pytest.raises(InvalidPoints, match="one layer; it has one, two"):
        open_points(path, REGION)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "a,b\n1,2\n", "needs columns lat and lon, or easting and northing, or grid_ref"),
        ("a.csv", "lat,lon\n", "holds no rows"),
        ("a.csv", "", "no heading"),
        ("a.csv", "lat,lat,lon\n", "two columns lat"),
        ("a.csv", "lat,latitude,lon\n", "two columns for lat: lat and latitude"),
        ("a.parquet", "rubbish", "cannot be read"),
        ("a.gpkg", "rubbish", "cannot be read"),
        ("a.xlsx", "", ".csv, .parquet, .gpkg"),
    ],
)
def test_a_file_that_is_no_table_of_points_says_why(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    with pytest.raises(InvalidPoints, match=words):
        all_points(open_points(write(tmp_path / name, content), REGION))


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidPoints, match=r"there is no file .*none\.csv"):
        open_points(tmp_path / "none.csv", REGION)
    path = write(tmp_path / "a.csv", "lat,lon\n53,-1\n")
    with pytest.raises(InvalidPoints, match="no column people, name; it has lat, lon"):
        open_points(path, REGION, id_column="name", keep=("people",))


def test_a_column_of_nhs_numbers_is_refused(tmp_path: Path) -> None:
    # 943 476 5919 is the published example of a valid number.
    path = write(tmp_path / "a.csv", "id,lat,lon\n9434765919,53,-1\n943 476 5919,53,-1\n")
    with pytest.raises(LooksLikePatientData, match="column 'id' looks like NHS numbers"):
        table(path)
    # One among others is an ordinary number of ten digits.
    table(write(tmp_path / "b.csv", "id,lat,lon\n9434765919,53,-1\n9434765918,53,-1\n"))


@pytest.mark.parametrize("name", ["lsoa", "postcodes"])
def test_the_sets_of_packages_are_cut_to_the_map(name: str) -> None:
    box = (-1.52, 53.52, -1.44, 53.58)  # the middle of Barnsley
    source = open_points(name, box)
    again = open_points(name, (*box[:3], 53.57))
    found = all_points(source)
    ids = [code for chunk in found for code in chunk.ids.to_pylist()]
    assert ids == sorted(ids)
    assert len(ids) == source.rows > again.rows > 20
    assert source.sha256 != again.sha256
    lon = np.concatenate([chunk.places.lon for chunk in found])
    assert box[0] - 1e-6 <= lon.min() <= lon.max() <= box[2] + 1e-6
    assert not source.covering
    assert set(points_module.SETS) == {"lsoa", "postcodes"}
