"""Tables of points: CSV, Parquet and GeoPackage, read chunk by chunk."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv
from pyarrow import parquet

from routing_service.errors import InvalidPoints, InvalidRequest
from routing_service.planner.places import place_columns, place_name
from routing_service.planner.points import CHUNK_ROWS, Chunk, Rejected
from routing_service.units import LongArray

BLOCK_BYTES: Final = 4_194_304
EMPTY: Final = pa.array([], pa.string())


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Consecutive rows of a file, however many its reader came by."""

    batch: pa.RecordBatch
    lines: LongArray
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A file of points: a `PointSource`, apart from how its rows are read.

    Parameters
    ----------
    path
        The file.
    id_column
        Column of the rows' names; without one, a column ``id`` or else the lines of the rows.
    keep
        Columns to hand through.
    """

    path: Path
    id_column: str | None = None
    keep: Sequence[str] = ()
    covering: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name of the file: where it lies is nobody's concern."""
        return self.path.name

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return self._scanned[0]

    @property
    def rows(self) -> int:
        """About how many there are."""
        raise NotImplementedError

    @property
    def headings(self) -> Sequence[str]:
        """Names of all columns."""
        raise NotImplementedError

    def pieces(self) -> Iterator[_Piece]:
        """All rows in order, with the columns of `layout` alone."""
        raise NotImplementedError

    @cached_property
    def _scanned(self) -> tuple[str, int]:
        """SHA-256 of the file, and how many lines it would have as text."""
        digest, lines = hashlib.sha256(), 0
        with self.path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                lines += block.count(b"\n")
        return digest.hexdigest(), lines

    @cached_property
    def layout(self) -> Mapping[str, str]:
        """Column of the file for each of ours that it has: those of a location, and ``id``."""
        wanted = (*self.keep, *([self.id_column] if self.id_column else []))
        if missing := [name for name in wanted if name not in self.headings]:
            raise InvalidPoints(
                f"{self.name} has no column {', '.join(missing)}; it has {', '.join(self.headings)}"
            )
        found = place_columns(self.headings, self.name)
        named = self.id_column or ("id" if "id" in self.headings else None)
        return found if named is None else {**found, "id": named}

    @property
    def _columns(self) -> list[str]:
        return list(dict.fromkeys((*self.layout.values(), *self.keep)))

    def chunks(self) -> Iterator[Chunk]:
        """See `PointSource`."""
        layout = self.layout
        found = False
        for index, piece in enumerate(_even(self.pieces())):
            found = True
            batch = piece.batch
            ids = pa.array(piece.lines)
            if "id" in layout:
                ids = batch.column(layout["id"])
                ids = ids.cast(pa.int64() if pa.types.is_integer(ids.type) else pa.string())
            yield Chunk(
                index,
                piece.lines,
                ids,
                {ours: batch.column(name) for ours, name in layout.items() if ours != "id"},
                {name: batch.column(name) for name in self.keep},
                piece.rejected,
            )
        if not found:
            raise InvalidPoints(f"{self.name} holds no rows")


def open_table(path: Path, *, id_column: str | None = None, keep: Sequence[str] = ()) -> Table:
    """Open a file of points by its suffix: .csv, .parquet or .gpkg.

    Raises
    ------
    InvalidPoints
        The file is missing, cannot be read, or has no column that says where.
    """
    kinds: dict[str, type[Table]] = {
        ".csv": CsvTable,
        ".parquet": ParquetTable,
        ".gpkg": GeoPackageTable,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InvalidPoints(
            f"{path.name}: points are read from {', '.join(kinds)} files, told by their suffix"
        )
    if not path.is_file():
        raise InvalidPoints(f"there is no file {path}")
    table = kind(path, id_column, tuple(keep))
    with _reading(path):
        _ = table.layout
    return table


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a reader says of a damaged file into `InvalidPoints`."""
    try:
        yield
    except (pa.ArrowException, OSError, RuntimeError, ValueError, csv.Error) as error:
        first = str(error).strip().partition("\n")[0]
        raise InvalidPoints(f"{path.name} cannot be read: {first}") from error


class CsvTable(Table):
    """Comma-separated UTF-8 text with a heading; no line breaks inside a cell."""

    @cached_property
    def headings(self) -> Sequence[str]:
        """The first line."""
        with _reading(self.path), self.path.open("rb") as file:
            headings = next(csv.reader([file.readline().decode("utf-8-sig")]), [])
        if twice := sorted({name for name in headings if headings.count(name) > 1}):
            raise InvalidPoints(f"{self.name} has two columns {', '.join(twice)}")
        return headings

    @property
    def rows(self) -> int:
        """Lines less the heading."""
        return max(self._scanned[1] - 1, 1)

    def pieces(self) -> Iterator[_Piece]:
        """Text columns; lines with too many or too few cells are rejected."""
        broken: list[Rejected] = []
        # The reader is ahead of what it hands out: a line may be told before its neighbours come.
        skipped: list[int] = []

        def reject(row: Any) -> str:
            words = f"The line has {row.actual_columns} cells, the heading {row.expected_columns}."
            broken.append(Rejected(row.number, "", InvalidRequest.code, words))
            skipped.append(row.number)
            return "skip"

        names = self._columns
        with _reading(self.path):
            reader = pa_csv.open_csv(
                self.path,
                pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                pa_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=reject),
                pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.binary()),
                    include_columns=names,
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            line = 2
            for batch in reader:
                lines = _lines(line, batch.num_rows, [row for row in skipped if row >= line])
                told, broken[:] = tuple(broken), ()
                line = int(lines[-1]) + 1 if len(lines) else line
                yield _text_piece(batch, lines, told)
            if broken:
                yield _Piece(_nothing(names), np.empty(0, np.int64), tuple(broken))


class ParquetTable(Table):
    """Columns of any number or text type."""

    @cached_property
    def _file(self) -> parquet.ParquetFile:
        with _reading(self.path):
            # Row groups can be large: not read ahead as a whole.
            return parquet.ParquetFile(self.path, buffer_size=BLOCK_BYTES, pre_buffer=False)

    @cached_property
    def headings(self) -> Sequence[str]:
        """Names in the schema."""
        return list(self._file.schema_arrow.names)

    @property
    def rows(self) -> int:
        """As the file says."""
        return int(self._file.metadata.num_rows)

    def pieces(self) -> Iterator[_Piece]:
        """Rows as they are."""
        with _reading(self.path):
            batches = self._file.iter_batches(CHUNK_ROWS, columns=self._columns)
            yield from _numbered(map(_plain, batches))


class GeoPackageTable(Table):
    """The one layer of a GeoPackage: points, or a table with columns that say where."""

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        import pyogrio

        with _reading(self.path):
            layers = pyogrio.list_layers(self.path)
            if len(layers) != 1:
                names = ", ".join(str(layer) for layer, _ in layers) or "none"
                raise InvalidPoints(f"{self.name} must have one layer; it has {names}")
            return dict(pyogrio.read_info(self.path))

    @cached_property
    def _axes(self) -> tuple[str, str] | None:
        """What a point's two numbers are; None for a layer without geometry."""
        known = {"EPSG:4326": ("lon", "lat"), "OGC:CRS84": ("lon", "lat")}
        known["EPSG:27700"] = ("easting", "northing")
        if self._info["geometry_type"] is None:
            return None
        crs = str(self._info["crs"])
        if crs not in known:
            raise InvalidPoints(
                f"{self.name} is in {crs}; points are read in EPSG:4326 or EPSG:27700: run "
                f"ogr2ogr -t_srs EPSG:4326 points.gpkg {self.name}"
            )
        return known[crs]

    @cached_property
    def headings(self) -> Sequence[str]:
        """Names of the fields; of those that say where, only the geometry if there is one."""
        fields = [str(name) for name in self._info["fields"]]
        if self._axes is None:
            return fields
        return [*(name for name in fields if not place_name(name)), *self._axes]

    @property
    def rows(self) -> int:
        """As the file says."""
        return int(self._info["features"])

    def pieces(self) -> Iterator[_Piece]:
        """Rows by feature id."""
        import pyogrio

        axes = self._axes or ()
        fields = [name for name in self._columns if name not in axes]
        with _reading(self.path):
            options: dict[str, Any] = {"batch_size": CHUNK_ROWS, "use_pyarrow": True}
            opened = pyogrio.open_arrow(
                self.path, columns=fields, read_geometry=bool(axes), **options
            )
            with opened as (meta, reader):
                geometry = meta["geometry_name"] or "wkb_geometry"
                yield from _numbered(_with_axes(batch, geometry, axes) for batch in reader)


def _with_axes(batch: pa.RecordBatch, geometry: str, axes: Sequence[str]) -> pa.RecordBatch:
    """Put the two numbers of each point in place of the geometry; null where it is no point."""
    import shapely

    if not axes:
        return batch
    shapes = shapely.from_wkb(batch.column(geometry).to_numpy(False), on_invalid="ignore")
    columns = {name: batch.column(name) for name in batch.schema.names if name != geometry}
    for name, numbers in zip(axes, (shapely.get_x(shapes), shapely.get_y(shapes)), strict=True):
        columns[name] = pa.array(numbers, from_pandas=True)
    return pa.RecordBatch.from_pydict(columns)


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[_Piece]:
    first = 1
    for batch in batches:
        yield _Piece(batch, np.arange(first, first + batch.num_rows, dtype=np.int64))
        first += batch.num_rows


def _lines(first: int, rows: int, skipped: Sequence[int]) -> LongArray:
    """Line of each of `rows` rows from line `first` on, past the lines that were skipped."""
    lines = np.arange(first, first + rows + len(skipped), dtype=np.int64)
    return np.asarray(lines[~np.isin(lines, skipped)][:rows])


def _text_piece(batch: pa.RecordBatch, lines: LongArray, told: Sequence[Rejected]) -> _Piece:
    """The same cells as text, without the lines that are not UTF-8."""
    try:
        texts = [column.cast(pa.string()) for column in batch.columns]
    except pa.ArrowInvalid:
        cells = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        good = np.array([all(map(_is_utf8, row)) for row in cells], dtype=np.bool_)
        words = "The line is not UTF-8 text; save the file as UTF-8."
        bad = [Rejected(line, "", InvalidRequest.code, words) for line in lines[~good].tolist()]
        return _text_piece(batch.filter(pa.array(good)), lines[good], (*told, *bad))
    return _Piece(pa.RecordBatch.from_arrays(texts, batch.schema.names), lines, tuple(told))


def _is_utf8(cell: bytes | None) -> bool:
    try:
        return cell is None or cell.decode() is not None
    except UnicodeDecodeError:
        return False


def _even(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """The same rows, `CHUNK_ROWS` a time; what was rejected goes with the rows around it."""
    pending: list[_Piece] = []
    for piece in pieces:
        pending.append(piece)
        while sum(len(each.lines) for each in pending) >= CHUNK_ROWS:
            whole = _joined(pending)
            batch, lines = whole.batch, whole.lines
            yield _Piece(batch.slice(0, CHUNK_ROWS), lines[:CHUNK_ROWS], whole.rejected)
            pending = [_Piece(batch.slice(CHUNK_ROWS), lines[CHUNK_ROWS:])]
    if pending and (len((last := _joined(pending)).lines) or last.rejected):
        yield last


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    if len(pieces) == 1:
        return pieces[0]
    table = pa.Table.from_batches([piece.batch for piece in pieces]).combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else EMPTY for column in table.columns]
    return _Piece(
        pa.RecordBatch.from_arrays(columns, table.schema.names),
        np.concatenate([piece.lines for piece in pieces]),
        tuple(row for piece in pieces for row in piece.rejected),
    )


def _nothing(names: Sequence[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([EMPTY] * len(names), list(names))


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Dictionary columns as what they stand for."""
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)
