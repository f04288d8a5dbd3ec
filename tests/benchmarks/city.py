"""A real city's roads, out of the test data of a package: what a town is too small to show.

The data is OpenStreetMap's (ODbL, © OpenStreetMap contributors), as the sources of neatnet have
it for seven cities on six continents: every stretch of road from node to node with its class, but
without its direction, names, limits and turn restrictions. All roads are therefore two-way here.
The city is the one with the most junctions of the seven.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import geopandas
import numpy as np
import shapely
from shapely import MultiLineString

from routing_service.graph.sources.raw import RawNetwork
from routing_service.units import E7, FloatArray
from tests.benchmarks.harness import ROOT

NAME = "Aleppo"
SOURCES = ROOT / ".venv-peers" / "maps" / "neatnet-0.1.6.tar.gz"
"""Where ``scripts/make-peers`` puts the package's sources."""

MEMBER = "neatnet-0.1.6/data/aleppo_1133/original.parquet"


def read_city(sources: Path = SOURCES, member: str = MEMBER) -> RawNetwork:
    """The city's roads as ways: stretches of one class are joined from junction to junction.

    Raises
    ------
    FileNotFoundError
        The package's sources are not there.
    """
    with tarfile.open(sources) as archive:
        found = archive.extractfile(member)
        assert found is not None, f"{member} is no file"
        roads = geopandas.read_parquet(BytesIO(found.read())).to_crs("EPSG:4326")
    lines = {
        kind: shapely.get_parts(shapely.line_merge(MultiLineString(stretches.tolist())))
        for kind, stretches in roads.groupby("highway").geometry
    }
    return ways_of(lines)


def ways_of(lines: Mapping[str, FloatArray]) -> RawNetwork:
    """Lines by their class of road as a network: what lies at one place is one node.

    Parameters
    ----------
    lines
        For each class an array of shapely lines in degrees.
    """
    every = np.concatenate(list(lines.values()))
    degrees, way = shapely.get_coordinates(every, return_index=True)
    places, node = np.unique(np.rint(degrees * E7).astype(np.int64), axis=0, return_inverse=True)
    n, counts = len(every), [len(each) for each in lines.values()]
    return RawNetwork(
        network="osm",
        node_ids=np.arange(1, len(places) + 1),
        node_lon_e7=places[:, 0].astype(np.int32),
        node_lat_e7=places[:, 1].astype(np.int32),
        node_tags={},
        way_ids=np.arange(1, n + 1),
        way_first=np.searchsorted(way, np.arange(n + 1)).astype(np.int32),
        way_nodes=node.astype(np.int32),
        way_tagset=np.repeat(np.arange(len(lines), dtype=np.int32), counts),
        tagsets=tuple({"highway": kind} for kind in lines),
        way_label=np.zeros(n, dtype=np.int32),
        labels=(("", ""),),
        restrictions=(),
        sources=(),
    )
