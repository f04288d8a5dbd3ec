"""The surrogate network: postcodes and authored main roads → `RawNetwork`.

It stands in where no complete road extract can be had, and is always labelled. Local streets are
a mesh over the unit postcodes (`mesh`), main roads are authored by hand (`main_roads`,
`main_road_ways`). How it is made, and what it is not, is told in
``graphs/south_yorkshire/README.md``.

Ids are given by sorted order, so the same input has the same ids: mesh points from 1,000,000,000
in order of easting and northing, main-road nodes from 2,000,000,000 in order of file and line,
junctions from 3,000,000,000 in order of key; ways likewise (mesh links, carriageways, slip roads).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from routing_service.errors import InvalidSource
from routing_service.graph.sources import mesh
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.main_road_ways import MainRoadNetwork, build_main_roads
from routing_service.graph.sources.main_roads import decode_main_roads
from routing_service.graph.sources.raw import MESH_TAG, RawNetwork, Source
from routing_service.location import bng, postcodes
from routing_service.progress import Progress
from routing_service.units import E7, BoolArray, FloatArray, IntArray, LongArray

MESH_IDS: Final = 1_000_000_000
ROAD_IDS: Final = 2_000_000_000
JUNCTION_IDS: Final = 3_000_000_000
"""First ids of mesh points and links, of main-road nodes and carriageways, and of junctions
(nodes) and slip roads (ways)."""

ALONG_STATIONS: Final = 4
"""A mesh link between stations of one road this close would only repeat the road."""

REGION_FILE: Final = "region.toml"
ROADS_FOLDER: Final = "main_roads"


@dataclass(frozen=True, slots=True)
class Region:
    """What a region's file says: its name, outline (lat, lon) and postcode areas."""

    name: str
    outline: tuple[tuple[float, float], ...]
    postcode_areas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Points:
    """The mesh's points: those of main roads first, then postcodes, each place once.

    `road_nodes` are the main-road node numbers of the first points.
    """

    xy_cm: LongArray
    road_nodes: LongArray


def read_surrogate(region_dir: Path, *, progress: Progress | None = None) -> RawNetwork:
    """Build the surrogate network of a region.

    Parameters
    ----------
    region_dir
        A folder with ``region.toml`` and ``main_roads/*.txt``.
    progress
        Told of each stage as it starts.

    Returns
    -------
    RawNetwork
        With ``network="surrogate"``; local streets have ``highway``, ``hasu:setting`` and
        ``hasu:link`` tags and no names, main roads also ``ref``, ``name``, ``maxspeed`` and
        ``oneway``.

    Raises
    ------
    InvalidSource
        A file of the region is missing or malformed; the message names file and line.
    MissingExtra
        The postcodes are not installed.
    """
    tell = progress or (lambda _what, _share: None)
    region = read_region(region_dir / REGION_FILE)
    # Read once, so that the checksum is of what was built even while somebody edits the files.
    road_files = {
        path.name: path.read_bytes() for path in sorted((region_dir / ROADS_FOLDER).glob("*.txt"))
    }
    if not road_files:
        raise InvalidSource(f"{ROADS_FOLDER} of {region_dir.name} holds no road files (*.txt).")
    builder = RawBuilder()

    tell("main roads", 0.0)
    network = build_main_roads(decode_main_roads(road_files))
    node_ids = _main_road_ids(network)
    _add_main_roads(builder, network, node_ids)
    tell("postcodes", 0.1)
    places_m = _postcodes_inside(region, builder)
    tell("local streets", 0.4)
    points = _mesh_points(network, region, places_m, builder)
    links = _mesh_links(network, points, builder)
    _add_mesh(builder, points, links, node_ids, mesh.is_urban(points.xy_cm / 100.0, places_m))
    tell("one network", 0.8)
    sources = (_postcode_source(region), _road_source(region, road_files))
    raw = builder.finish("surrogate", sources)
    tell("one network", 1.0)
    return raw


def read_region(path: Path) -> Region:
    """Read a region's file.

    Raises
    ------
    InvalidSource
        The file is missing, malformed, or its outline is no area.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        region = Region(
            str(document["name"]),
            tuple((float(lat), float(lon)) for lat, lon in document["outline"]),
            tuple(sorted({str(area).upper() for area in document["postcode_areas"]})),
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSource(f"{path.name} cannot be read: {error}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSource(
            f"{path.name} needs name, outline = [[lat, lon], …] and postcode_areas = […]: {error}."
        ) from error
    if len(region.outline) < 3 or not region.postcode_areas:
        raise InvalidSource(f"{path.name}: the outline needs three corners, and areas are needed.")
    return region


# --- main roads ------------------------------------------------------------------------------
def _main_road_ids(network: MainRoadNetwork) -> LongArray:
    """Node ids by node number."""
    rank = {key: number for number, key in enumerate(sorted(network.hubs))}
    return np.array(
        [
            JUNCTION_IDS + rank[node.key] if node.key else ROAD_IDS + number
            for number, node in enumerate(network.nodes)
        ],
        dtype=np.int64,
    )


def _add_main_roads(builder: RawBuilder, network: MainRoadNetwork, node_ids: LongArray) -> None:
    xy_m = np.array([(node.easting_m, node.northing_m) for node in network.nodes])
    builder.add_nodes(node_ids, *_e7(xy_m))
    for first_id, ways in ((ROAD_IDS, network.carriageways), (JUNCTION_IDS, network.slips)):
        for number, way in enumerate(ways):
            builder.add_way(first_id + number, node_ids[list(way.nodes)].tolist(), way.tags)


def _e7(xy_m: FloatArray) -> tuple[IntArray, IntArray]:
    """Grid metres to (lon, lat) in degrees x 10**7."""
    lats, lons = bng.to_wgs84(xy_m[:, 0], xy_m[:, 1])
    return np.rint(lons * E7).astype(np.int32), np.rint(lats * E7).astype(np.int32)


# --- the mesh --------------------------------------------------------------------------------
def _postcodes_inside(region: Region, builder: RawBuilder) -> FloatArray:
    """Grid positions of the region's postcodes, ``float64[p, 2]``."""
    areas = []
    for name in region.postcode_areas:
        try:
            areas.append(postcodes.read_area(name))
        except FileNotFoundError as error:
            raise InvalidSource(f"Code-Point Open has no postcode area {name}.") from error
    xy_m = np.stack(
        [
            np.concatenate([area.eastings_m for area in areas]),
            np.concatenate([area.northings_m for area in areas]),
        ],
        axis=1,
    ).astype(np.float64)
    inside = _inside(region, xy_m)
    if not inside.any():
        raise InvalidSource("No postcode of these areas lies inside the region's outline.")
    builder.drop("postcode_outside_region", int(np.sum(~inside)))
    return xy_m[inside]


def _inside(region: Region, xy_m: FloatArray) -> BoolArray:
    import shapely

    outline = shapely.Polygon([(lon, lat) for lat, lon in region.outline])
    lats, lons = bng.to_wgs84(xy_m[:, 0], xy_m[:, 1])
    return np.asarray(shapely.contains_xy(outline, lons, lats))


def _mesh_points(
    network: MainRoadNetwork, region: Region, places_m: FloatArray, builder: RawBuilder
) -> _Points:
    joining = np.array([i for i, node in enumerate(network.nodes) if node.joins], dtype=np.int64)
    road_m = np.array([(network.nodes[i].easting_m, network.nodes[i].northing_m) for i in joining])
    within = _inside(region, road_m.reshape(-1, 2))
    road_cm = np.rint(road_m.reshape(-1, 2)[within] * 100.0).astype(np.int64)
    road_cm, firsts = np.unique(road_cm, axis=0, return_index=True)
    places_cm = np.unique(np.rint(places_m * 100.0).astype(np.int64), axis=0)
    builder.drop("postcode_same_place", len(places_m) - len(places_cm))
    xy_cm, rows = np.unique(np.concatenate([road_cm, places_cm]), axis=0, return_index=True)
    # `unique` keeps the first of equals, the road's point; roads come first again after this.
    xy_cm = xy_cm[np.argsort(rows, kind="stable")]
    return _Points(xy_cm, joining[within][firsts])


def _mesh_links(network: MainRoadNetwork, points: _Points, builder: RawBuilder) -> LongArray:
    """Links of the mesh as pairs of points, after the two rules that leave some out."""
    links = mesh.gabriel_links(points.xy_cm)
    repeats = _repeats_road(network, points, links)
    builder.drop("mesh_link_along_main_road", int(repeats.sum()))
    links = links[~repeats]
    steps_cm = points.xy_cm[links[:, 0]] - points.xy_cm[links[:, 1]]
    lengths_m = np.hypot(steps_cm[:, 0], steps_cm[:, 1]) / 100.0
    count = len(points.xy_cm)
    kept = mesh.without_jumps(links, lengths_m, _road_links(network, points), count)
    builder.drop("mesh_link_too_long", int(np.sum(~kept)))
    links = links[kept]
    linked = np.zeros(count, dtype=np.bool_)
    linked[links] = True
    linked[: len(points.road_nodes)] = True
    builder.drop("mesh_point_isolated", int(np.sum(~linked)))
    return links


def _repeats_road(network: MainRoadNetwork, points: _Points, links: LongArray) -> BoolArray:
    """Whether a link joins two nodes of one road a few stations apart.

    Across the two carriageways of one station it stays in towns, where dual roads have gaps and
    signals every few streets, and goes elsewhere.
    """
    repeats = np.zeros(len(links), dtype=np.bool_)
    for index in np.flatnonzero(links[:, 1] < len(points.road_nodes)):
        a, b = (network.nodes[points.road_nodes[end]] for end in links[index])
        for road, station in a.stations:
            gaps = [abs(station - other) for its_road, other in b.stations if its_road == road]
            across = 0 in gaps and a.crossable and b.crossable
            if gaps and min(gaps) <= ALONG_STATIONS and not across:
                repeats[index] = True
    return repeats


def _road_links(network: MainRoadNetwork, points: _Points) -> LongArray:
    """Pairs of mesh points that a main road connects, whatever lies between."""
    place = {int(node): point for point, node in enumerate(points.road_nodes)}
    pairs: list[tuple[int, int]] = []
    for way in (*network.carriageways, *network.slips):
        along = [place[node] for node in way.nodes if node in place]
        pairs += pairwise(along)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _add_mesh(
    builder: RawBuilder, points: _Points, links: LongArray, node_ids: LongArray, urban: BoolArray
) -> None:
    roads = len(points.road_nodes)
    own_cm = points.xy_cm[roads:]
    own_ids = MESH_IDS + np.arange(len(own_cm), dtype=np.int64)
    builder.add_nodes(own_ids, *_e7(own_cm / 100.0))
    ids = np.concatenate([node_ids[points.road_nodes], own_ids])
    way_ids = MESH_IDS + np.arange(len(links), dtype=np.int64)
    in_town = urban[links].all(axis=1)
    for rows, highway, setting in (
        (in_town, "residential", "urban"),
        (~in_town, "unclassified", "rural"),
    ):
        tags = {"highway": highway, "hasu:setting": setting, **dict([MESH_TAG])}
        builder.add_links(way_ids[rows], ids[links[rows]], tags)


# --- what it was made from -------------------------------------------------------------------
def _postcode_source(region: Region) -> Source:
    version = metadata.version(postcodes.PACKAGE)
    return Source(
        f"Code-Point Open, areas {' '.join(region.postcode_areas)}, "
        f"from {postcodes.PACKAGE} {version}",
        postcodes.files_sha256(region.postcode_areas),
        postcodes.LICENCE,
        postcodes.ATTRIBUTION,
    )


def _road_source(region: Region, road_files: Mapping[str, bytes]) -> Source:
    digest = hashlib.sha256()
    # Of the region's file, what was understood: comments in it change nothing.
    for name, content in {REGION_FILE: repr(region).encode(), **road_files}.items():
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return Source(
        f"Main roads of {region.name}",
        digest.hexdigest(),
        "Apache-2.0",
        "Main roads authored by the contributors of this project",
    )
