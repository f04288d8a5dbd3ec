"""Tables to CSV, Parquet, GeoPackage and GeoJSON: as a stream, and the same bytes each time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv
from pyarrow import parquet

from routing_service.errors import InvalidRequest
from routing_service.planner.points import Rejected

Crs = str

AXES: Final = {"EPSG:4326": ("lon", "lat"), "EPSG:27700": ("easting_m", "northing_m")}
"""Columns that a point's geometry is made of."""

UNREPEATED: Final = ("id", "lat", "lon", "easting_m", "northing_m")

LAYER: Final = "matrix"
COMPRESSION_LEVEL: Final = 1

_WKB_POINT: Final = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
# GDAL writes the moment of its last change into a GeoPackage: the same bytes need the same moment.
GDAL_OPTIONS: Final = {"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A stream of tables of one schema, read once."""

    schema: pa.Schema
    tables: Iterable[pa.Table]


def check_output(path: Path, crs: Crs) -> None:
    """Refuse an output before the work begins.

    Raises
    ------
    InvalidRequest
        If no format has the suffix of `path`, or not with that CRS.
    """
    if path.suffix.lower() not in WRITERS:
        raise InvalidRequest(
            f"{path.name}: results are written as {', '.join(WRITERS)}, told by the suffix"
        )
    if crs not in AXES:
        raise InvalidRequest(f"{crs} is not one of {', '.join(AXES)}")
    if path.suffix.lower() == ".geojson" and crs != "EPSG:4326":
        raise InvalidRequest(
            "GeoJSON is in EPSG:4326 by its standard (RFC 7946); for EPSG:27700 write a .gpkg"
        )


def write_table(path: Path, kind: str, rows: Rows, crs: Crs) -> None:
    """Write rows to a file.

    Parameters
    ----------
    path
        To be written; must not exist.
    kind
        Suffix of the format.
    rows
        The rows and their schema, whose metadata a Parquet file keeps.
    crs
        Of the geometries, where the format has some.
    """
    WRITERS[kind](path, rows, crs)


def _write_csv(path: Path, rows: Rows, _: Crs) -> None:
    options = pa_csv.WriteOptions(quoting_style="needed")
    with pa_csv.CSVWriter(path, rows.schema.remove_metadata(), write_options=options) as writer:
        for table in rows.tables:
            writer.write_table(table)


def _write_parquet(path: Path, rows: Rows, _: Crs) -> None:
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": COMPRESSION_LEVEL,
        # Minutes repeat, positions do not: looking for repetitions there costs a third of it all.
        "use_dictionary": [name for name in rows.schema.names if name not in UNREPEATED],
    }
    with parquet.ParquetWriter(path, rows.schema, **options) as writer:
        for table in rows.tables:
            writer.write_table(table.cast(rows.schema))


def _write_features(driver: str, **options: str) -> Callable[[Path, Rows, Crs], None]:
    def write(path: Path, rows: Rows, crs: Crs) -> None:
        import pyogrio

        schema = rows.schema.remove_metadata().append(pa.field("geometry", pa.binary()))
        reader = pa.RecordBatchReader.from_batches(schema, _with_points(rows, schema, AXES[crs]))
        pyogrio.set_gdal_config_options(GDAL_OPTIONS)
        pyogrio.write_arrow(
            reader,
            path,
            layer=LAYER,
            driver=driver,
            geometry_name="geometry",
            geometry_type="Point",
            crs=crs,
            **options,
        )

    return write


def _with_points(rows: Rows, schema: pa.Schema, axes: tuple[str, str]) -> Iterator[pa.RecordBatch]:
    for table in rows.tables:
        for batch in table.to_batches():
            x, y = (batch.column(name).to_numpy(False) for name in axes)
            columns = [*batch.columns, wkb_points(x, y)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def wkb_points(x: Any, y: Any) -> pa.Array:
    """Points as well-known binary, from ``float64[n]`` coordinates."""
    points = np.empty(len(x), dtype=_WKB_POINT)
    points["order"], points["type"], points["x"], points["y"] = 1, 1, x, y
    size = _WKB_POINT.itemsize
    fixed = pa.Array.from_buffers(pa.binary(size), len(x), [None, pa.py_buffer(points.tobytes())])
    return fixed.cast(pa.binary())


WRITERS: Final[Mapping[str, Callable[[Path, Rows, Crs], None]]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".gpkg": _write_features("GPKG"),
    ".geojson": _write_features("GeoJSON", RFC7946="YES", WRITE_NAME="NO"),
}


def write_rejected(path: Path, rows: Iterable[Rejected]) -> int:
    """Write rows that were no points, with their lines and reasons; how many there were.

    Without any there is no file, and one that an earlier job left is taken away.
    """
    count = 0
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("line", "id", "code", "detail"))
        for row in rows:
            writer.writerow((row.line, row.id, row.code, row.detail))
            count += 1
    if count:
        fresh.replace(path)
    else:
        fresh.unlink()
        path.unlink(missing_ok=True)
    return count
