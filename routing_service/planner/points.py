"""Points of a plan: who they are, where they are, and which rows were no points.

A source hands out its rows in chunks of one size, so that memory does not grow with the table and
a job that was broken off finds the same chunks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from routing_service.errors import InvalidRequest, LooksLikePatientData
from routing_service.location.nhs_number import looks_like_nhs_number
from routing_service.planner.places import Places, locate
from routing_service.units import FloatArray, IntArray, LongArray

CHUNK_ROWS: Final = 65_536
NumberArray = FloatArray | IntArray


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no point: where it stands in its file, its id, and why."""

    line: int
    id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some rows as they were read.

    Attributes
    ----------
    index
        Number of the chunk, from 0.
    lines
        ``int64[n]``, where each row stands: the line of a CSV file (the heading is 1), else the
        number of the row, from 1.
    ids
        ``int64`` or ``string``, what the rows are called; their lines if they have no name.
    places
        Columns of `location.forms.FORMS`, as `places.locate` takes them.
    kept
        Further columns that go into the result.
    rejected
        Rows that could not even be taken apart.
    """

    index: int
    lines: LongArray
    ids: pa.Array
    places: Mapping[str, pa.Array]
    kept: Mapping[str, pa.Array]
    rejected: tuple[Rejected, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)


class PointSource(Protocol):
    """Where points come from."""

    @property
    def name(self) -> str:
        """What people call it: the name of the file, or of the package's set."""
        ...

    @property
    def sha256(self) -> str:
        """Of the content: the same, the same points."""
        ...

    @property
    def rows(self) -> int:
        """About how many there are, for a progress bar."""
        ...

    @property
    def covering(self) -> bool:
        """Whether every row is meant to lie on the network.

        Sets for a whole country are not, and what lies off the roads is left out without a word.
        """
        ...

    def chunks(self) -> Iterator[Chunk]:
        """All rows in order, `CHUNK_ROWS` a time."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The rows of a chunk that are points; arrays of one length, in the order of the rows."""

    lines: LongArray
    ids: pa.Array
    places: Places
    kept: Mapping[str, pa.Array]
    rejected: tuple[Rejected, ...]


def read_points(chunk: Chunk) -> Points:
    """Find where the rows of a chunk are, and leave out those that do not say.

    Raises
    ------
    LooksLikePatientData
        If the ids, or a column to keep, are NHS numbers.
    MissingExtra
        Postcodes, without the package that knows them.
    """
    refuse_nhs_numbers({"id": chunk.ids, **chunk.kept})
    places = locate(chunk.places, len(chunk))
    nameless = np.flatnonzero(chunk.ids.is_null().to_numpy(False)).tolist()
    if not places.errors and not nameless:
        return Points(chunk.lines, chunk.ids, places, chunk.kept, chunk.rejected)
    why = {i: (error.code, error.detail) for i, error in places.errors.items()}
    why |= dict.fromkeys(nameless, (InvalidRequest.code, "The row has no id."))
    rejected = [
        Rejected(int(chunk.lines[i]), str(chunk.ids[i].as_py() or ""), *why[i]) for i in sorted(why)
    ]
    good = np.ones(len(chunk), dtype=np.bool_)
    good[list(why)] = False
    rows = pa.array(np.flatnonzero(good))
    return Points(
        chunk.lines[good],
        chunk.ids.take(rows),
        Places(places.lon[good], places.lat[good], places.form[good], {}),
        {name: column.take(rows) for name, column in chunk.kept.items()},
        tuple(sorted((*chunk.rejected, *rejected), key=lambda row: row.line)),
    )


def refuse_nhs_numbers(columns: Mapping[str, pa.Array]) -> None:
    """Refuse a column that holds nothing but NHS numbers.

    One in eleven numbers of ten digits would pass for one, and ids of ten digits are common: only
    when all do is it certain enough.
    """
    for name, column in columns.items():
        some = column.drop_null()
        if len(some) and all(looks_like_nhs_number(value.as_py()) for value in some):
            raise LooksLikePatientData(
                f"The column {name!r} looks like NHS numbers. This service takes locations only; "
                "do not give it anything about a patient."
            )


# --- sets of the packages ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class KnownPoints:
    """Points that are known already, in memory: a `PointSource`."""

    name: str
    sha256: str
    ids: Sequence[str]
    columns: Mapping[str, pa.Array]
    covering: bool = False

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ids)

    def chunks(self) -> Iterator[Chunk]:
        """See `PointSource`."""
        ids = pa.array(self.ids)
        for index, first in enumerate(range(0, len(ids), CHUNK_ROWS)):
            part = ids.slice(first, CHUNK_ROWS)
            lines = np.arange(first + 1, first + 1 + len(part), dtype=np.int64)
            places = {name: c.slice(first, CHUNK_ROWS) for name, c in self.columns.items()}
            yield Chunk(index, lines, part, places, {})


Box = tuple[float, float, float, float]


def lsoa_points(bbox: Box) -> KnownPoints:
    """Centres of the small areas (LSOA, codes of 2011) inside a box, sorted by code.

    Raises
    ------
    MissingExtra, InvalidSource
        See `location.small_areas`.
    """
    from routing_service.location.small_areas import area_centres

    west, south, east, north = bbox
    codes = {code: place for code, place in area_centres().items() if code[1:].isdigit()}
    inside = sorted(
        (code, lon, lat)
        for code, (_, lon, lat) in codes.items()
        if west <= lon <= east and south <= lat <= north
    )
    ids = [code for code, _, _ in inside]
    lon, lat = (np.array([row[k] for row in inside], dtype=np.float64) for k in (1, 2))
    columns = {"lat": pa.array(lat), "lon": pa.array(lon)}
    return KnownPoints("lsoa", _sha256(ids, lat, lon), ids, columns)


def postcode_points(bbox: Box) -> KnownPoints:
    """The postcodes of Code-Point Open inside a box, sorted.

    Raises
    ------
    MissingExtra
        Their package is not installed.
    """
    from routing_service.location import bng
    from routing_service.location.postcodes import data_folder, read_area

    names = sorted(path.name.partition(".")[0] for path in data_folder().glob("*.csv.gz"))
    areas = [read_area(name) for name in names]
    codes = np.concatenate([area.postcodes for area in areas])
    east_m = np.concatenate([area.eastings_m for area in areas])
    north_m = np.concatenate([area.northings_m for area in areas])
    lat, lon = bng.to_wgs84(east_m, north_m)
    west, south, east, north = bbox
    rows = np.flatnonzero((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    spaced = [f"{code[:-3]} {code[-3:]}" for code in codes[rows].astype(str).tolist()]
    sha256 = _sha256(spaced, east_m[rows], north_m[rows])
    return KnownPoints("postcodes", sha256, spaced, {"postcode": pa.array(spaced)})


def _sha256(ids: Sequence[str], *numbers: NumberArray) -> str:
    digest = hashlib.sha256("\n".join(ids).encode())
    for array in numbers:
        digest.update(array.tobytes())
    return digest.hexdigest()


SETS: Final = {"lsoa": lsoa_points, "postcodes": postcode_points}
"""Points that packages know, by the name that `--points` takes."""


def open_points(
    source: Path | str, bbox: Box, *, id_column: str | None = None, keep: Sequence[str] = ()
) -> PointSource:
    """Open a table of points, or a set of `SETS` by its name.

    Parameters
    ----------
    source
        A path of CSV, Parquet or GeoPackage; or ``"lsoa"`` or ``"postcodes"``.
    bbox
        Of the network: west, south, east, north; a set is cut to it.
    id_column, keep
        Of a table: the column of names (default ``id``, else the rows are numbered), and columns
        that are handed through.

    Raises
    ------
    InvalidPoints, MissingExtra
    """
    if isinstance(source, str):
        return SETS[source](bbox)
    from routing_service.planner.readers import open_table

    return open_table(source, id_column=id_column, keep=keep)
