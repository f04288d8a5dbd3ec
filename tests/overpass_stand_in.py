"""A small Overpass and Nominatim server on this machine, answering from real map data.

It understands the queries that OSMnx and the readers send (way filters within a polygon, turn
restrictions within a box) and evaluates them on an extract, so a wrong filter gives a wrong
answer here as it would there.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import osmium
import shapely

Element = dict[str, Any]
Box = tuple[float, float, float, float]


@dataclass
class MapData:
    """Roads of an extract as Overpass elements."""

    nodes: dict[int, Element] = field(default_factory=dict)
    ways: dict[int, Element] = field(default_factory=dict)
    restrictions: list[Element] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> MapData:
        """Take all highways, their nodes and all turn restrictions from an extract."""
        data = cls()
        ways = osmium.FileProcessor(path, osmium.osm.WAY)
        for way in ways.with_filter(osmium.filter.KeyFilter("highway")):
            assert isinstance(way, osmium.osm.Way)
            nodes = [node.ref for node in way.nodes]
            data.ways[way.id] = _element("way", way, nodes=nodes)
        wanted = {node for way_ in data.ways.values() for node in way_["nodes"]}
        for node in osmium.FileProcessor(path, osmium.osm.NODE):
            assert isinstance(node, osmium.osm.Node)
            if node.id in wanted:
                data.nodes[node.id] = _element("node", node, lat=node.lat, lon=node.lon)
        for relation in osmium.FileProcessor(path, osmium.osm.RELATION):
            assert isinstance(relation, osmium.osm.Relation)
            if dict(relation.tags).get("type", "").startswith("restriction"):
                kinds = {"n": "node", "w": "way", "r": "relation"}
                members = [
                    {"type": kinds[m.type], "ref": m.ref, "role": m.role} for m in relation.members
                ]
                data.restrictions.append(_element("relation", relation, members=members))
        return data

    def answer(self, query: str) -> list[Element]:
        """Evaluate a query in Overpass QL."""
        if found := re.search(r"relation(\[.*\])\((.*?)\);out;", query):
            south, west, north, east = map(float, found[2].split(","))
            return self._restrictions(found[1], (west, south, east, north))
        found = re.search(r"\(way(\[.*\])\(poly:'(.*?)'\);>;\);out;", query)
        assert found, f"the stand-in does not understand {query!r}"
        numbers = [float(number) for number in found[2].split()]
        corners = zip(numbers[1::2], numbers[0::2], strict=True)
        return self._ways(found[1], shapely.Polygon(corners))

    def _ways(self, filters: str, area: Any) -> list[Element]:
        ids = list(self.nodes)
        points = [(self.nodes[node]["lon"], self.nodes[node]["lat"]) for node in ids]
        inside = set(map(int, shapely.STRtree(shapely.points(points)).query(area, "intersects")))
        within = {ids[i] for i in inside}
        passes = _tag_filter(filters)
        ways = [
            way
            for way in self.ways.values()
            if passes(way["tags"]) and not within.isdisjoint(way["nodes"])
        ]
        wanted = sorted({node for way in ways for node in way["nodes"]} & set(self.nodes))
        return [*(self.nodes[node] for node in wanted), *ways]

    def _restrictions(self, filters: str, box: Box) -> list[Element]:
        west, south, east, north = box
        passes = _tag_filter(filters)

        def touches(relation: Element) -> bool:
            ways = [self.ways[m["ref"]] for m in relation["members"] if m["ref"] in self.ways]
            nodes = [self.nodes[n] for way in ways for n in way["nodes"] if n in self.nodes]
            return any(west <= n["lon"] <= east and south <= n["lat"] <= north for n in nodes)

        return [r for r in self.restrictions if passes(r["tags"]) and touches(r)]


def _element(kind: str, entity: Any, **more: Any) -> Element:
    return {"type": kind, "id": entity.id, "tags": dict(entity.tags), **more}


def _tag_filter(filters: str) -> Callable[[dict[str, str]], bool]:
    """Compile ``["key"]["key"!~"regex"][~"key regex"~"value regex"]``; all must hold."""
    tests: list[Callable[[dict[str, str]], bool]] = []
    for body in re.findall(r"\[((?:[^\]\"]|\"[^\"]*\")*)\]", filters):
        words = re.findall(r'"([^"]*)"', body)
        shape = re.sub(r'"[^"]*"', "x", body)
        tests.append(_one_test(shape, words))
    return lambda tags: all(test(tags) for test in tests)


def _one_test(shape: str, words: list[str]) -> Callable[[dict[str, str]], bool]:
    key, value = words[0], words[-1]
    tests: dict[str, Callable[[dict[str, str]], bool]] = {
        "x": lambda tags: key in tags,
        "x~x": lambda tags: key in tags and re.search(value, tags[key]) is not None,
        "x!~x": lambda tags: key not in tags or re.search(value, tags[key]) is None,
        "~x~x": lambda tags: any(re.search(key, k) and re.search(value, tags[k]) for k in tags),
    }
    return tests[shape]


@dataclass
class StandIn:
    """The running server; set `fail` to make it misbehave."""

    url: str
    data: MapData
    place: Element
    queries: list[str] = field(default_factory=list)
    fail: Callable[[str], tuple[int, str] | None] = lambda _query: None

    def reply(self, query: str) -> tuple[int, str]:
        """Status and body for a query."""
        self.queries.append(query)
        if failed := self.fail(query):
            return failed
        return 200, json.dumps({"version": 0.6, "elements": self.data.answer(query)})


@contextmanager
def serving(data: MapData, place: Element) -> Iterator[StandIn]:
    """Serve on a free port of 127.0.0.1 until the block ends.

    Parameters
    ----------
    data
        What ``/api/interpreter`` answers from.
    place
        The only result of ``/search``; an empty dict for none.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlparse(self.path).path
            results = [place] if place else []
            self._send(200, json.dumps(results) if path == "/search" else "1 slots available")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*stand_in.reply(parse_qs(body)["data"][0]))

        def _send(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_args: Any) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in = StandIn(f"http://127.0.0.1:{server.server_port}", data, place)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
