"""How far the authored main roads lie from public reference positions, road by road.

Run ``python -m tests.main_road_positions`` for all roads, or name some: ``… M1 A61``. The
reference folder is optional test data beside the repository; nothing of it enters the product.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import shapely

from routing_service.errors import InvalidSource
from routing_service.graph.sources.main_roads import (
    MainRoad,
    junction_mismatches,
    read_road_file,
)
from routing_service.units import METRES_PER_DEGREE, FloatArray

REPOSITORY = Path(__file__).parents[1]
ROADS = REPOSITORY / "graphs" / "south_yorkshire" / "main_roads"
REFERENCE = REPOSITORY.parent / "shared" / "data" / "reference-roads"

NEAR_M = 250.0
STEP_M = 100.0
MID_LAT = 53.45
SCALE = np.array([np.cos(np.radians(MID_LAT)), 1.0]) * METRES_PER_DEGREE
"""Metres per degree of (lon, lat); the region is 0.8 degrees high, so the error is under 1 %."""


@dataclass(frozen=True)
class Fit:
    """How one road lies to the reference points of its number.

    `distances_m` leaves out the points that lie past the ends of the authored road.
    `worst` holds (lat, lon, metres off, other road within 250 m or "").
    """

    ref: str
    kind: str
    distances_m: FloatArray
    past_ends: int
    worst: tuple[tuple[float, float, float, str], ...]

    @property
    def share_near(self) -> float:
        """Share of the points within 250 m."""
        return float(np.mean(self.distances_m <= NEAR_M)) if len(self.distances_m) else 0.0


def reference_points(folder: Path = REFERENCE) -> dict[tuple[str, str], FloatArray]:
    """Reference positions, ``(ref, kind) -> float64[n, 2]`` of (lon, lat) degrees.

    `kind` is ``"line"`` for points every 100 m along mapped roads, ``"crash"`` for the positions
    of collisions, which are placed by the police and now and then carry a neighbour's number.
    """
    found: dict[tuple[str, str], list[FloatArray]] = defaultdict(list)
    for name in ("motorways", "trunk-roads"):
        for feature in json.loads((folder / f"{name}.geojson").read_text())["features"]:
            facts = feature["properties"]
            line = feature["geometry"]["coordinates"]
            if facts.get("funct_name", "Main Carriageway") != "Main Carriageway" or not line:
                continue
            ref = facts.get("ref") or str(facts["roa_number"])
            ref = f"{ref[:-1]}(M)" if facts.get("class_name") == "A(M)" else ref
            found[ref, "line"].append(densify(np.array(line)))
    with gzip.open(folder / "road-points.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            form = {"1": "M{}", "2": "A{}(M)", "3": "A{}", "4": "B{}"}.get(row["road_class"])
            if form and row["road_number"] != "0":
                point = np.array([[float(row["lon"]), float(row["lat"])]])
                found[form.format(row["road_number"]), "crash"].append(point)
    return {key: np.concatenate(parts) for key, parts in sorted(found.items())}


def densify(line: FloatArray, step_m: float = STEP_M) -> FloatArray:
    """Points at most `step_m` apart along a line, both ends included."""
    lengths_m = np.linalg.norm(np.diff(line, axis=0) * SCALE, axis=1)
    pieces = [line[:1]]
    for start, end, length_m in zip(line[:-1], line[1:], lengths_m, strict=True):
        count = max(1, int(np.ceil(length_m / step_m)))
        shares = np.arange(1, count + 1)[:, None] / count
        pieces.append(start + shares * (end - start))
    return np.concatenate(pieces)


def line_of(road: MainRoad) -> FloatArray:
    """The road's points as ``float64[n, 2]`` (lon, lat)."""
    return np.array([(point.lon, point.lat) for point in road.points])


def distances_to(lines: Sequence[FloatArray], points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Metres from each point to the nearest line, and to the nearest end of any line."""
    xy = points * SCALE
    nearest_m = np.full(len(xy), np.inf)
    ends_m = np.full(len(xy), np.inf)
    for line in lines:
        corners = line * SCALE
        for start, end in pairwise(corners):
            along = end - start
            share = np.clip((xy - start) @ along / (along @ along), 0.0, 1.0)
            gap_m = np.linalg.norm(xy - start - share[:, None] * along, axis=1)
            nearest_m = np.minimum(nearest_m, gap_m)
        for end in (corners[0], corners[-1]):
            ends_m = np.minimum(ends_m, np.linalg.norm(xy - end, axis=1))
    return nearest_m, ends_m


def fit(ref: str, kind: str, roads: Sequence[MainRoad], points: FloatArray) -> Fit:
    """Compare the reference points of `ref` with the authored lines of that number."""
    distances_m, ends_m = distances_to([line_of(r) for r in roads if r.ref == ref], points)
    past = (distances_m > NEAR_M) & (distances_m > ends_m - 1.0)
    inside, inside_m = points[~past], distances_m[~past]
    worst = []
    for index in worst_apart(inside, inside_m):
        lon, lat = inside[index]
        near = [
            other.ref
            for other in roads
            if other.ref != ref
            and distances_to([line_of(other)], inside[index : index + 1])[0][0] <= NEAR_M
        ]
        worst.append((float(lat), float(lon), float(inside_m[index]), " ".join(near)))
    return Fit(ref, kind, inside_m, int(past.sum()), tuple(worst))


def worst_apart(points: FloatArray, distances_m: FloatArray, count: int = 5) -> list[int]:
    """Indices of the worst points, each at least a kilometre from those before it."""
    chosen: list[int] = []
    for index in np.argsort(-distances_m, kind="stable"):
        gaps = (points[chosen] - points[index]) * SCALE
        if not chosen or np.linalg.norm(gaps, axis=1).min() > 1_000.0:
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return chosen


def strays(ref: str, roads: Sequence[MainRoad], points: FloatArray) -> list[tuple[str, float]]:
    """Authored points further than 250 m from every reference point, as (file:line, metres)."""
    found = []
    for road in roads:
        if road.ref != ref:
            continue
        gaps = (line_of(road)[:, None, :] - points[None, :, :]) * SCALE
        gaps_m = np.linalg.norm(gaps, axis=2).min(axis=1)
        for point, gap_m in zip(road.points, gaps_m, strict=True):
            if gap_m > NEAR_M:
                found.append((f"{road.file}:{point.line}", float(gap_m)))
    return found


def bare_crossings(roads: Sequence[MainRoad]) -> list[str]:
    """Places where two all-purpose roads cross with no junction that both name within 300 m.

    Most are junctions that were forgotten; a real flyover without slip roads is rare.
    """
    plain = [r for r in roads if r.points[0].stretch.road_class != "motorway"]
    lines = [shapely.LineString(line_of(road)) for road in plain]
    found = []
    for a, b in combinations(range(len(plain)), 2):
        shared = {p.key: (p.lon, p.lat) for p in plain[a].points if p.key}.items() & {
            p.key: (p.lon, p.lat) for p in plain[b].points if p.key
        }.items()
        for spot in shapely.get_coordinates(lines[a].intersection(lines[b])):
            gaps_m = [float(np.linalg.norm((spot - place) * SCALE)) for _, place in shared]
            if min(gaps_m, default=np.inf) > 300.0:
                lon, lat = spot
                found.append(f"{plain[a].ref} crosses {plain[b].ref} at {lat:.4f} {lon:.4f}")
    return found


def read_tolerantly(folder: Path) -> tuple[list[MainRoad], list[str]]:
    """The roads of every readable file, and the errors of the others."""
    roads: list[MainRoad] = []
    errors: list[str] = []
    for path in sorted(folder.glob("*.txt")):
        try:
            roads.extend(read_road_file(path))
        except InvalidSource as error:
            errors.append(str(error))
    return roads, errors + junction_mismatches(roads)


def report(refs: Iterable[str]) -> int:
    """Print the table; 1 when a file cannot be read or junctions disagree."""
    roads, errors = read_tolerantly(ROADS)
    for message in errors:
        print(f"ERROR {message}")
    wanted = set(refs) or {road.ref for road in roads}
    reference = reference_points()
    print("road     kind    points  past ends  median_m   p95_m   max_m  within 250 m")
    for (ref, kind), points in reference.items():
        if ref not in wanted or not any(road.ref == ref for road in roads):
            continue
        found = fit(ref, kind, roads, points)
        if not len(found.distances_m):
            print(f"{ref:8} {kind:6} {0:7} {found.past_ends:10}")
            continue
        median_m, p95_m, max_m = np.percentile(found.distances_m, (50, 95, 100))
        print(
            f"{ref:8} {kind:6} {len(found.distances_m):7} {found.past_ends:10} {median_m:9.0f}"
            f" {p95_m:7.0f} {max_m:7.0f} {found.share_near:12.1%}"
        )
        for lat, lon, off_m, other in found.worst:
            if off_m > 100.0:
                print(f"    {lat:.5f} {lon:.5f} is {off_m:.0f} m off{other and f' (near {other})'}")
        if "M" in ref and kind == "line":
            for where, gap_m in strays(ref, roads, points):
                print(f"    {where} is {gap_m:.0f} m from the reference line")
    for crossing in bare_crossings(roads):
        if wanted & set(crossing.split()):
            print(f"{crossing} without a shared junction")
    known = {road.ref for road in roads}
    for ref in sorted(wanted - known):
        print(f"{ref:8} not written yet")
    for ref in sorted((wanted & known) - {ref for ref, _ in reference}):
        print(f"{ref:8} has no reference points")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(report(sys.argv[1:]))
