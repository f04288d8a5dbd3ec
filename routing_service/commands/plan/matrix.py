"""`hasu plan matrix`: every unit's times for a table of points."""

from __future__ import annotations

import argparse
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from routing_service.commands import terminal
from routing_service.commands.command import (
    FAILED,
    OK,
    Command,
    add_json,
    add_settings,
    read_settings,
)
from routing_service.errors import InvalidRequest

if TYPE_CHECKING:
    from routing_service.live.snapshot import Snapshot
    from routing_service.planner.job import Executor, MatrixJob, MatrixReport

SETS = ("lsoa", "postcodes")
CRS = ("EPSG:4326", "EPSG:27700")

STAGES = {
    "open": "Opening the network",
    "points": "Asking for every point",
    "write": "Writing the table",
}


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "points",
        nargs="?",
        type=Path,
        metavar="IN",
        help="CSV, Parquet or GeoPackage with lat and lon, easting and northing, grid_ref or "
        "postcode.",
    )
    parser.add_argument(
        "--points",
        dest="set",
        choices=SETS,
        help="Instead of IN: small areas or postcodes on the map, from the packages.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="OUT",
        help="Table to write: .csv, .parquet, .gpkg or .geojson, sorted by id.",
    )
    add_settings(parser, "graph", "snap_limit_m", "near_tie_minutes")
    parser.add_argument(
        "--id", metavar="COLUMN", help="Column of the points' names; default id, else their lines."
    )
    parser.add_argument(
        "--keep", default="", metavar="A,B", help="Columns of IN to hand through, with commas."
    )
    parser.add_argument(
        "--crs", choices=CRS, default=CRS[0], help="Of geometries in a .gpkg; default EPSG:4326."
    )
    parser.add_argument(
        "--at", type=_moment, metavar="TIME", help="Speeds of when: 2026-11-22T08:30:00Z."
    )
    parser.add_argument(
        "--rejected", type=Path, metavar="FILE", help="Default rejected.csv beside OUT."
    )
    parser.add_argument(
        "--restart", action="store_true", help="Do not go on with a run that was broken off."
    )
    parser.add_argument(
        "--threads", type=_count, metavar="N", help="Threads; default one for each core."
    )
    cluster = parser.add_argument_group("cluster").add_mutually_exclusive_group()
    cluster.add_argument("--scheduler", metavar="ADDRESS", help="Of Dask, such as tcp://host:8786.")
    cluster.add_argument(
        "--workers", type=_count, metavar="N", help="A Dask cluster of N processes on this machine."
    )
    parser.add_argument(
        "--ship", action="store_true", help="Send the graph file to the scheduler's workers."
    )
    add_json(parser)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time with its offset is needed: 2026-11-22T08:30:00Z")
    return moment.astimezone(UTC)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError("a whole number from 1 to 1024 is needed")
    return int(text)


def _run(args: Namespace) -> int:
    if (args.points is None) == (args.set is None):
        raise InvalidRequest("name a table of points, or a set with --points, and not both")
    from routing_service.planner.job import run_matrix

    with terminal.Bar(STAGES) as bar:
        bar("open", 0.0)
        job = _job(args)
        with _executor(args, job.snapshot) as executor:
            report = run_matrix(job, executor, restart=args.restart, progress=bar)
    if args.json:
        terminal.print_json({**asdict(report), "out": str(job.out), **job.identity()})
    else:
        print(_summary(job, report))
    return FAILED if report.rejected else OK


def _job(args: Namespace) -> MatrixJob:
    from routing_service.planner.job import MatrixJob
    from routing_service.planner.points import open_points
    from routing_service.planner.writers import check_output
    from routing_service.wiring.opening import limits_of, open_snapshot

    check_output(args.out, args.crs)
    if args.points and args.points.resolve() == args.out.resolve():
        raise InvalidRequest(f"{args.out} holds the points: write the result to another file")
    settings = read_settings(args)
    snapshot = open_snapshot(settings.graph, limits_of(settings))
    if args.at is not None:
        snapshot = snapshot.at(args.at)
    keep = [name for name in args.keep.split(",") if name]
    return MatrixJob(
        open_points(args.set or args.points, snapshot.bbox, id_column=args.id, keep=keep),
        snapshot,
        args.out,
        args.rejected or args.out.with_name("rejected.csv"),
        args.crs,
    )


@contextmanager
def _executor(args: Namespace, snapshot: Snapshot) -> Iterator[Executor]:
    if args.scheduler or args.workers:
        from routing_service.planner.cluster import Cluster, connect, local_cluster

        graph = read_settings(args).graph
        place = connect(args.scheduler) if args.scheduler else local_cluster(args.workers)
        with place as client:
            yield Cluster(client, graph, snapshot, ship=args.ship)
    else:
        from routing_service.planner.local import Threads

        yield Threads(snapshot, args.threads or os.cpu_count() or 1)


def _summary(job: MatrixJob, report: MatrixReport) -> str:
    snapshot = job.snapshot
    lines = [f"{report.rows:,} points to {len(snapshot.units)} units in {job.out}"]
    if report.left_out:
        lines.append(
            f"{report.left_out:,} of {job.source.name} lie too far from any road: left out"
        )
    if report.resumed_parts:
        lines.append(f"{report.resumed_parts} parts were there from a run that was broken off")
    if report.rejected:
        lines.append(f"{report.rejected:,} rows were rejected: see {job.rejected}")
    lines.append(
        f"{snapshot.network} network {snapshot.graph_id[:12]}, profile {snapshot.profile},"
        f" {snapshot.speed_set_name} speeds, state {snapshot.state_version}"
    )
    return "\n".join(lines)


COMMAND = Command(
    name="matrix",
    summary="Times from a table of points to every unit, and which unit each would go to.",
    example="hasu plan matrix places.csv --out matrix.parquet\n"
    "  hasu plan matrix --points postcodes --out postcodes.gpkg",
    add_options=_options,
    run=_run,
)
