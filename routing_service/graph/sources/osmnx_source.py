"""Road networks through OSMnx: OSM XML, saved GraphML, and Overpass by place or box.

OSMnx's settings are respected (``overpass_url``, cache, timeouts, proxies); only those that
decide which tags survive are changed, and put back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import osmium
import osmnx

from routing_service.errors import InvalidSource
from routing_service.graph.sources import overpass
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.graph.sources.osm_tags import (
    ATTRIBUTION,
    LICENCE,
    ROUTING_KEYS,
    WAY_KEYS,
    is_road,
    is_routing_key,
)
from routing_service.graph.sources.osmium_reader import add_relation
from routing_service.graph.sources.osmnx_graph import add_graph
from routing_service.graph.sources.pbf import describe_source, read_osm_files
from routing_service.graph.sources.raw import RawNetwork, Source

OVERPASS_WAY_KEYS = tuple(
    key + form
    for keys, forms in (
        (ROUTING_KEYS, ("", ":conditional", ":forward", ":backward")),
        (("access", "motor_vehicle", "oneway", "maxspeed"), (":forward:conditional",)),
        (("access", "motor_vehicle", "oneway", "maxspeed"), (":backward:conditional",)),
        (("oneway",), (":bus", ":psv", ":emergency", ":vehicle", ":motor_vehicle", ":motorcar")),
        (("busway",), (":left", ":right", ":both")),
        (("lanes:bus", "lanes:psv", "bus:lanes", "psv:lanes"), ("", ":forward", ":backward")),
        (("maxspeed",), (":type", ":variable")),
        (("maxheight", "maxwidth"), (":physical",)),
    )
    for key in sorted(keys)
    for form in forms
)
"""OSMnx wants to know the keys before it sees the tags; what matters is well under 300."""

OVERPASS_NODE_KEYS = (*sorted(ROUTING_KEYS), "traffic_signals:direction", "maxheight:physical")

RESTRICTIONS_UNAVAILABLE = "restrictions_unavailable"
"""Reason in ``dropped`` of a source that cannot hold turn restrictions."""


@contextmanager
def osmnx_settings(**changed: Any) -> Iterator[None]:
    """Change some of OSMnx's settings and put them back, whatever happens."""
    before = {name: getattr(osmnx.settings, name) for name in changed}
    try:
        for name, value in changed.items():
            setattr(osmnx.settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(osmnx.settings, name, value)


def keeping(way_keys: Collection[str], node_keys: Collection[str]) -> dict[str, Any]:
    """Make the settings with which OSMnx keeps these tags and each way as it was drawn."""
    return {
        "all_oneway": True,
        "useful_tags_way": sorted({*way_keys, "ref", "name"}),
        "useful_tags_node": sorted(node_keys),
    }


# --- OSM XML -----------------------------------------------------------------------------------
def read_xml(path: Path) -> RawNetwork:
    """Read an OSM XML file (``.osm``, ``.osm.gz``, ``.osm.bz2``).

    OSMnx turns every building into edges (24 s and 980 MB for Newport) and refuses a file with
    a way that lacks a node, so it is given the roads only; a file whose roads are cut at its
    edge is left to pyosmium. Turn restrictions, which OSMnx drops, are read beside it.

    Raises
    ------
    InvalidSource
        The file is missing or not OSM XML, or holds no roads.
    """
    source = describe_source(path)
    file_format = {".gz": "osm.gz", ".bz2": "osm.bz2"}.get(path.suffix, "osm")
    builder = RawBuilder()
    with TemporaryDirectory(prefix="hasu-") as folder:
        roads = Path(folder) / "roads.osm"
        try:
            keys = _copy_roads(osmium.io.File(path, file_format), roads, builder)
        except RuntimeError as error:
            raise InvalidSource(
                f"{path.name} is not a complete OSM XML file ({error}). Check its format, or "
                "download it again; for .osm.pbf files there is a reader of their own."
            ) from error
        if keys is None:
            return read_osm_files([path], file_format)
        with osmnx_settings(**keeping(keys, keys)):
            graph = osmnx.graph_from_xml(roads, simplify=False, retain_all=True)
    add_graph(graph, builder)
    return builder.finish("osm", (source,))


def _copy_roads(file: osmium.io.File, roads: Path, builder: RawBuilder) -> set[str] | None:
    """Copy roads and their nodes to a file, restrictions to the builder.

    Returns
    -------
    The routing keys that occur, or ``None`` when there is no road or one lacks a node.
    """
    wanted: set[int] = set()
    found = 0
    keys: set[str] = set()
    with osmium.SimpleWriter(roads) as writer:
        ways_and_relations = osmium.FileProcessor(file, osmium.osm.WAY | osmium.osm.RELATION)
        for entity in ways_and_relations.with_filter(osmium.filter.KeyFilter(*WAY_KEYS, "type")):
            if isinstance(entity, osmium.osm.Relation):
                add_relation(entity, builder)
            elif isinstance(entity, osmium.osm.Way) and is_road(tags := dict(entity.tags)):
                writer.add_way(entity)
                wanted.update(node.ref for node in entity.nodes)
                keys.update(filter(is_routing_key, tags))
        for node in osmium.FileProcessor(file, osmium.osm.NODE):
            if isinstance(node, osmium.osm.Node) and node.id in wanted:
                writer.add_node(node)
                found += 1
                keys.update(tag.k for tag in node.tags if is_routing_key(tag.k))
    return keys if wanted and found == len(wanted) else None


# --- GraphML -----------------------------------------------------------------------------------
def read_graphml(path: Path) -> RawNetwork:
    """Read a graph that was saved with ``osmnx.save_graphml``, simplified or not.

    Such a file holds no turn restrictions, and as tags only what OSMnx was set to keep (by
    default neither ``motor_vehicle`` nor ``emergency``): an extract is always better. On
    simplified edges of several ways the most cautious values are taken, and counted. A walking
    network has lost its one-ways, which nobody can see; do not build from one.

    Raises
    ------
    InvalidSource
        The file is missing or not GraphML from OSMnx, or holds no roads.
    """
    source = describe_source(path)
    as_text = {"oneway": str, "reversed": str}
    try:
        graph = osmnx.load_graphml(path, edge_dtypes=as_text)
        if osmnx.settings.default_crs != graph.graph.get("crs", osmnx.settings.default_crs):
            graph = osmnx.project_graph(graph, to_latlong=True)
    except (ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidSource(
            f"{path.name} is not GraphML from OSMnx ({error}). Save the graph with "
            "osmnx.save_graphml, or build from an .osm.pbf extract."
        ) from error
    builder = RawBuilder()
    builder.drop(RESTRICTIONS_UNAVAILABLE)
    add_graph(graph, builder)
    return builder.finish("osm", (source,))


# --- Overpass ----------------------------------------------------------------------------------
def read_overpass(
    *, place: str | None = None, bbox: tuple[float, float, float, float] | None = None
) -> RawNetwork:
    """Download the roads of a place or a box from the Overpass server of OSMnx's settings.

    Parameters
    ----------
    place
        Name that Nominatim resolves to an area (``"Barnsley, England"``).
    bbox
        West, south, east, north in degrees.

    Raises
    ------
    InvalidSource
        Not exactly one area was given, or the server has no roads there, did not answer, or
        answered with an error.
    """
    builder = RawBuilder()
    keep = keeping(OVERPASS_WAY_KEYS, OVERPASS_NODE_KEYS)
    with osmnx_settings(**keep, requests_kwargs=overpass.Answers().requests_kwargs()):
        try:
            graph = _download(place, bbox)
            overpass.add_restrictions(graph, builder)
        except (OSError, ValueError, TypeError) as error:
            raise overpass.failure(error) from error
    add_graph(graph, builder)
    raw = builder.finish("osm", ())
    name = place or ", ".join(f"{degrees:g}" for degrees in bbox or ())
    source = Source(f"Overpass: {name}", _content_sha256(raw), LICENCE, ATTRIBUTION)
    return replace(raw, sources=(source,))


def _download(place: str | None, bbox: overpass.Box | None) -> Any:
    """Let OSMnx ask for the roads; ways are cut one node beyond the area's edge."""
    how: dict[str, Any] = {
        "simplify": False,
        "retain_all": True,
        "truncate_by_edge": True,
        "custom_filter": overpass.road_filters(),
    }
    if place is not None and bbox is None:
        return osmnx.graph_from_place(place, **how)
    if bbox is None or place is not None:
        raise InvalidSource("Name either a place or a box (west, south, east, north).")
    west, south, east, north = bbox
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InvalidSource(
            f"The box {west:g}, {south:g}, {east:g}, {north:g} is empty or not on the map: give "
            "west, south, east, north in degrees."
        )
    return osmnx.graph_from_bbox(bbox, **how)


def _content_sha256(raw: RawNetwork) -> str:
    """Hash what was downloaded: the answers themselves carry the time of day."""
    digest = hashlib.sha256()
    for name in sorted(RawNetwork.__slots__):
        value = getattr(raw, name)
        is_array = isinstance(value, np.ndarray)
        digest.update(value.tobytes() if is_array else repr(value).encode())
    return digest.hexdigest()
