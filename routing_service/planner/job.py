"""A matrix job: points in, one table of times out, in parts that survive a kill."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pyarrow as pa

from routing_service.errors import InvalidPoints
from routing_service.planner.columns import matrix_batch, matrix_schema
from routing_service.planner.matrix import OUTSIDE, REASONS, TOO_FAR_FROM_ROAD, travel_times
from routing_service.planner.order import id_order, in_order
from routing_service.planner.parts import Parts, discard, encode_part
from routing_service.planner.points import CHUNK_ROWS, Chunk, PointSource, Rejected, read_points
from routing_service.planner.writers import Rows, check_output, write_rejected, write_table
from routing_service.progress import Progress
from routing_service.version import __version__

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot
    from routing_service.planner.points import Points

FORMAT: Final = 1
"""Of the parts and of the result; raised when the same job would give other bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class MatrixJob:
    """What to work out and where to write it.

    Attributes
    ----------
    source
        The points.
    snapshot
        The network that answers.
    out
        The table to write; its suffix says the format.
    rejected
        Where rows that are no points are told.
    crs
        Of the geometries, ``"EPSG:4326"`` or ``"EPSG:27700"``, where the format has some.
    """

    source: PointSource
    snapshot: Snapshot
    out: Path
    rejected: Path
    crs: str = "EPSG:4326"

    @property
    def parts_folder(self) -> Path:
        """Where the parts are kept until the result is whole."""
        return self.out.with_name(self.out.name + ".parts")

    def identity(self) -> dict[str, Any]:
        """All that the result depends on."""
        snapshot = self.snapshot
        return {
            "format": FORMAT,
            "version": __version__,
            "points": self.source.name,
            "points_sha256": self.source.sha256,
            "columns": list(getattr(self.source, "keep", ())),
            "id_column": getattr(self.source, "id_column", None),
            "chunk_rows": CHUNK_ROWS,
            "graph_id": snapshot.graph_id,
            "state_version": snapshot.state_version,
            "statuses": list(snapshot.statuses),
            "guards_ms": list(snapshot.guards_ms),
            "speed_set": snapshot.speed_set_name,
            "limits": asdict(snapshot.limits),
        }


@dataclass(frozen=True, slots=True)
class MatrixReport:
    """What was written.

    Attributes
    ----------
    rows
        Of the table.
    rejected
        Rows that were no points, or off the map.
    left_out
        Points of a set that lie off the map.
    resumed_parts
        Parts that a run that was broken off had left.
    """

    rows: int
    rejected: int
    left_out: int
    resumed_parts: int


class Executor(Protocol):
    """Who solves the chunks: threads of this process, or a cluster."""

    def solve(self, chunks: Iterable[Chunk], covering: bool) -> Iterator[tuple[int, bytes]]:
        """Parts with their numbers, in any order, as `solve_chunk` gives them."""
        ...


def solve_chunk(snapshot: Snapshot, chunk: Chunk, covering: bool) -> bytes:
    """One part of a job: see `parts.encode_part`.

    Parameters
    ----------
    snapshot
        The network.
    chunk
        Rows of points.
    covering
        As `PointSource.covering`.
    """
    points = read_points(chunk)
    times = travel_times(snapshot, points.places.lon, points.places.lat)
    far = np.isin(times.reason, (TOO_FAR_FROM_ROAD, OUTSIDE))
    order = id_order(points.ids)
    rows = matrix_batch(points, order[~far[order]], times, snapshot.flags)
    if not covering:
        return encode_part(rows, points.rejected, int(far.sum()))
    refused = [*points.rejected, *_refused(snapshot, points, times.reason, times.distance_m, far)]
    return encode_part(rows, tuple(sorted(refused, key=lambda row: row.line)), 0)


def _refused(
    snapshot: Snapshot, points: Points, reason: Any, distance_m: Any, far: Any
) -> Iterator[Rejected]:
    limit_m = snapshot.limits.snap_limit_m
    for i in np.flatnonzero(far).tolist():
        detail = (
            f"The nearest road is {distance_m[i] / 1000:.1f} km away, off the map."
            if reason[i] == OUTSIDE
            else f"The nearest road is {distance_m[i]:.0f} m away, beyond {limit_m:.0f} m."
        )
        name = str(points.ids[i].as_py())
        yield Rejected(int(points.lines[i]), name, REASONS[reason[i]], detail)


def run_matrix(
    job: MatrixJob, executor: Executor, *, restart: bool = False, progress: Progress | None = None
) -> MatrixReport:
    """Work out a matrix and write it.

    A run that was broken off goes on with the parts that it left; the result is the same bytes.

    Parameters
    ----------
    job
        What to do.
    executor
        Who does it.
    restart
        Throw away what an earlier run left.
    progress
        Told of the stages ``points`` and ``write``.

    Raises
    ------
    InvalidPoints, InvalidRequest, JobChanged, MissingExtra
    """
    tell = progress or (lambda stage, share: None)
    check_output(job.out, job.crs)
    check_names(job)
    if restart:
        discard(job.parts_folder)
    tell("points", 0.0)
    parts = Parts(job.parts_folder, job.identity())
    resumed = len(parts)
    expected = max(-(-job.source.rows // CHUNK_ROWS), 1)
    missing = (chunk for chunk in job.source.chunks() if chunk.index not in parts)
    for index, content in executor.solve(missing, job.source.covering):
        parts.add(index, content)
        tell("points", min(len(parts) / expected, 1.0))
    if not len(parts):
        raise InvalidPoints(f"none of the points of {job.source.name} lies on the map")
    report = _assemble(job, parts, resumed, tell)
    parts.remove()
    return report


def check_names(job: MatrixJob) -> None:
    """Refuse columns to keep that would stand twice in the result."""
    snapshot = job.snapshot
    codes = [unit.ods_code for unit in snapshot.units]
    spread = snapshot.error_model is not None
    ours = set(matrix_schema(codes, spread, pa.int64(), {}).names)
    if both := sorted(ours & set(getattr(job.source, "keep", ()))):
        raise InvalidPoints(f"the result has its own column {', '.join(both)}: do not keep yours")


def _assemble(job: MatrixJob, parts: Parts, resumed: int, tell: Progress) -> MatrixReport:
    finished = list(parts)
    total = sum(part.rows for part in finished)
    written = 0

    def counted() -> Iterator[Any]:
        nonlocal written
        for table in in_order(finished):
            written += table.num_rows
            tell("write", written / max(total, 1))
            yield table

    tell("write", 0.0)
    kind = job.out.suffix.lower()
    fresh = job.parts_folder / f"result{kind}"
    fresh.unlink(missing_ok=True)
    known = {key: value for key, value in job.identity().items() if key != "chunk_rows"}
    schema = finished[0].schema.with_metadata({"hasu": json.dumps(known, sort_keys=True)})
    write_table(fresh, kind, Rows(schema, counted()), job.crs)
    rejected = write_rejected(job.rejected, (row for part in finished for row in part.rejected))
    fresh.replace(job.out)
    left_out = sum(part.left_out for part in finished)
    return MatrixReport(written, rejected, left_out, resumed)
