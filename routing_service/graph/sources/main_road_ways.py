"""Main roads → nodes and ways: carriageways, shared junctions and slip roads.

A road's centreline becomes a row of *stations*: its own points, further ones where local streets
may join, and the heads of its slip roads. A station on a single carriageway is one node, on a
dual carriageway two, one to the left of each direction of travel. All roads that name a junction
at grade share its one node, the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from routing_service.graph.sources.main_roads import MainRoad, Slip, Stretch
from routing_service.graph.sources.raw import Tags
from routing_service.location import bng
from routing_service.units import FloatArray

STATION_M: Final = 250.0
"""Local streets may join an open road this often, as often as they do in a British town."""

CARRIAGEWAY_OFFSET_M: Final = 10.0
SLIP_OFFSET_M: Final = 25.0
SLIP_M: Final = 300.0
"""Length of a slip road, or a third of the way to the neighbouring junction if that is less."""

_SAME_PLACE_M: Final = 1.0
"""Stations closer than this along a road are one."""


@dataclass(frozen=True, slots=True)
class Way:
    """Nodes in order of travel, as indices into `MainRoadNetwork.nodes`."""

    nodes: tuple[int, ...]
    tags: Tags


@dataclass(slots=True)
class Node:
    """A node of the main roads.

    Attributes
    ----------
    easting_m, northing_m
        Position on the British National Grid.
    key
        The junction, for a hub; empty for all others.
    joins
        Whether local streets may meet here.
    crossable
        Whether the two carriageways of a dual road may be changed here (in towns).
    stations
        ``(road, station)`` numbers of which this is a node; a hub has several.
    """

    easting_m: float
    northing_m: float
    key: str = ""
    joins: bool = False
    crossable: bool = False
    stations: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class MainRoadNetwork:
    """All main roads as nodes and ways, in the order of the roads."""

    nodes: list[Node] = field(default_factory=list)
    carriageways: list[Way] = field(default_factory=list)
    slips: list[Way] = field(default_factory=list)
    hubs: dict[str, int] = field(default_factory=dict)


class _Station(NamedTuple):
    """A place along a road: how far, where, and the authored point there (-1 for none)."""

    along_m: float
    east_m: float
    north_m: float
    point: int


def build_main_roads(roads: Sequence[MainRoad]) -> MainRoadNetwork:
    """Turn roads into nodes and ways.

    Parameters
    ----------
    roads
        As `read_main_roads` returns them, so that shared junctions agree.

    Returns
    -------
    MainRoadNetwork
        Nodes that no way uses do not occur.
    """
    network = MainRoadNetwork()
    for number, road in enumerate(roads):
        _RoadBuilder(network, number, road).build()
    for key in _interchanges(roads):
        network.nodes[network.hubs[key]].joins = False
    return network


def _interchanges(roads: Sequence[MainRoad]) -> list[str]:
    """Junctions where only roads without frontage meet: local streets cannot join them."""
    open_keys: set[str] = set()
    uses: dict[str, int] = {}
    for road in roads:
        for index, point in enumerate(road.points):
            if point.key:
                uses[point.key] = uses.get(point.key, 0) + 1
                if any(s.access == "open" for s in _stretches_at(road, index)):
                    open_keys.add(point.key)
    return [key for key, count in uses.items() if count > 1 and key not in open_keys]


def _stretches_at(road: MainRoad, index: int) -> tuple[Stretch, ...]:
    """The stretches before and after a point; one at the road's ends."""
    first = max(index - 1, 0)
    last = min(index, len(road.points) - 2)
    return tuple(road.points[i].stretch for i in range(first, last + 1))


class _RoadBuilder:
    """Adds one road to the network."""

    def __init__(self, network: MainRoadNetwork, number: int, road: MainRoad) -> None:
        self.network = network
        self.number = number
        self.road = road
        points = road.points
        eastings_m, northings_m = bng.to_grid([p.lat for p in points], [p.lon for p in points])
        self.xy_m: FloatArray = np.stack([eastings_m, northings_m], axis=1)
        steps_m = np.linalg.norm(np.diff(self.xy_m, axis=0), axis=1)
        self.along_m = np.concatenate([[0.0], np.cumsum(steps_m)])
        self.stations = self._stations()
        self.normals = self._left_normals()
        self.forward: list[int] = []
        self.backward: list[int] = []

    def build(self) -> None:
        for index in range(len(self.stations)):
            ahead, back = self._add_nodes(index)
            self.forward.append(ahead)
            self.backward.append(back)
        self._add_carriageways()
        for point in range(len(self.road.points)):
            for slip in self.road.points[point].slips:
                self._add_slip(point, slip)

    # --- stations ----------------------------------------------------------------------------
    def _stations(self) -> list[_Station]:
        """All stations in order; an authored point wins over another at the same place."""
        wanted = [(along, index) for index, along in enumerate(self.along_m)]
        wanted += [(along, -1) for along in self._slip_heads()]
        wanted += [(along, -1) for along in self._joints()]
        found: list[_Station] = []
        for along, point in sorted(wanted, key=lambda item: (item[0], -item[1])):
            east, north = self._position(along)
            station = _Station(float(along), east, north, point)
            if not found or along - found[-1].along_m > _SAME_PLACE_M:
                found.append(station)
            elif point >= 0 and found[-1].point < 0:
                found[-1] = station
            elif point >= 0:
                found.append(station)
        return found

    def _joints(self) -> Iterator[float]:
        """Evenly spread places within each open segment, at most `STATION_M` apart."""
        for index, point in enumerate(self.road.points[:-1]):
            if point.stretch.access == "open":
                start_m, end_m = self.along_m[index], self.along_m[index + 1]
                count = int(np.ceil((end_m - start_m) / STATION_M))
                yield from (start_m + (end_m - start_m) * k / count for k in range(1, count))

    def _slip_heads(self) -> Iterator[float]:
        for index, point in enumerate(self.road.points):
            if {"+off", "-on"} & set(point.slips):
                yield self._slip_head_m(index, -1)
            if {"+on", "-off"} & set(point.slips):
                yield self._slip_head_m(index, +1)

    def _slip_head_m(self, index: int, side: int) -> float:
        """Where slip roads leave or join: `side` is -1 before and +1 after the junction."""
        points = self.road.points
        other = index + side
        while 0 < other < len(points) - 1 and not points[other].key:
            other += side
        gap_m = abs(float(self.along_m[other] - self.along_m[index]))
        return float(self.along_m[index]) + side * min(SLIP_M, gap_m / 3.0)

    def _position(self, along_m: float) -> tuple[float, float]:
        east = np.interp(along_m, self.along_m, self.xy_m[:, 0])
        north = np.interp(along_m, self.along_m, self.xy_m[:, 1])
        return float(east), float(north)

    def _left_normals(self) -> FloatArray:
        """Unit vectors to the left of travel at each station, ``float64[n, 2]``."""
        xy_m = np.array([(s.east_m, s.north_m) for s in self.stations])
        steps = np.diff(xy_m, axis=0)
        steps /= np.linalg.norm(steps, axis=1)[:, None]
        along = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
        left = np.stack([-along[:, 1], along[:, 0]], axis=1)
        # Where a road doubles back, both steps cancel; any side does then.
        lengths = np.maximum(np.linalg.norm(left, axis=1), 1e-9)
        return np.asarray(left / lengths[:, None])

    def _stretch_after(self, index: int) -> Stretch:
        """What holds from station `index` to the next."""
        point = np.searchsorted(self.along_m, self.stations[index].along_m, side="right") - 1
        return self.road.points[min(int(point), len(self.road.points) - 2)].stretch

    def _around(self, index: int) -> tuple[Stretch, ...]:
        """The stretches before and after station `index`; one at the road's ends."""
        first, last = max(index - 1, 0), min(index, len(self.stations) - 2)
        return tuple(self._stretch_after(i) for i in range(first, last + 1))

    # --- nodes -------------------------------------------------------------------------------
    def _add_nodes(self, index: int) -> tuple[int, int]:
        """The node for travel along the road and the one against it; often the same."""
        station = self.stations[index]
        point = self.road.points[station.point] if station.point >= 0 else None
        around = self._around(index)
        if point is not None and point.key and not point.slips:
            hub = self._hub(point.key, station)
            self.network.nodes[hub].stations.append((self.number, index))
            return hub, hub
        joins = all(s.access == "open" for s in around) and not (point and point.slips)
        if not (
            0 < index < len(self.stations) - 1 and all(s.carriageway == "dual" for s in around)
        ):
            node = self._add_node(index, 0.0, joins, crossable=True)
            return node, node
        crossable = all(s.setting == "urban" for s in around)
        left = self._add_node(index, CARRIAGEWAY_OFFSET_M, joins, crossable)
        right = self._add_node(index, -CARRIAGEWAY_OFFSET_M, joins, crossable)
        return left, right

    def _add_node(self, index: int, left_m: float, joins: bool, crossable: bool) -> int:
        station, normal = self.stations[index], self.normals[index]
        self.network.nodes.append(
            Node(
                station.east_m + left_m * float(normal[0]),
                station.north_m + left_m * float(normal[1]),
                joins=joins,
                crossable=crossable,
                stations=[(self.number, index)],
            )
        )
        return len(self.network.nodes) - 1

    def _hub(self, key: str, station: _Station) -> int:
        if key not in self.network.hubs:
            self.network.hubs[key] = len(self.network.nodes)
            self.network.nodes.append(Node(station.east_m, station.north_m, key, joins=True))
        return self.network.hubs[key]

    # --- ways --------------------------------------------------------------------------------
    def _add_carriageways(self) -> None:
        """One way per run of unchanged stretch, and a second against it on dual roads."""
        last = len(self.stations) - 1
        start = 0
        for end in range(1, last + 1):
            stretch = self._stretch_after(start)
            if end < last and self._stretch_after(end) == stretch:
                continue
            tags = self._tags(stretch, stretch.road_class, stretch.name)
            dual = stretch.carriageway == "dual"
            if dual:
                tags["oneway"] = "yes"
                against = tuple(reversed(self.backward[start : end + 1]))
                self.network.carriageways.append(Way(against, tags))
            along = tuple(self.forward[start : end + 1])
            self.network.carriageways.append(Way(along, tags))
            start = end

    def _add_slip(self, point: int, slip: Slip) -> None:
        """Join carriageway and hub, bowed outwards to be told from the carriageway."""
        along_travel = slip[0] == "+"
        leaves = slip[1:] == "off"
        side = -1 if along_travel == leaves else +1
        head_m = self._slip_head_m(point, side)
        head = self._station_at(head_m)
        junction = self._station_at(float(self.along_m[point]))
        hub = self._hub(self.road.points[point].key, self.stations[junction])
        middle = self._slip_middle((head_m + float(self.along_m[point])) / 2, along_travel)
        carriageway = (self.forward if along_travel else self.backward)[head]
        stretch = self._stretch_after(min(head, junction))
        tags = self._tags(stretch, f"{stretch.road_class}_link", self.road.points[point].junction)
        tags["oneway"] = "yes"
        nodes = (carriageway, middle, hub)
        self.network.slips.append(Way(nodes if leaves else nodes[::-1], tags))

    def _slip_middle(self, along_m: float, along_travel: bool) -> int:
        east, north = self._position(along_m)
        before = np.searchsorted(self.along_m, along_m, side="right") - 1
        step = self.xy_m[before + 1] - self.xy_m[before]
        left = np.array([-step[1], step[0]]) / np.linalg.norm(step)
        offset = left * (SLIP_OFFSET_M if along_travel else -SLIP_OFFSET_M)
        self.network.nodes.append(Node(east + float(offset[0]), north + float(offset[1])))
        return len(self.network.nodes) - 1

    def _station_at(self, along_m: float) -> int:
        return min(range(len(self.stations)), key=lambda i: abs(self.stations[i].along_m - along_m))

    def _tags(self, stretch: Stretch, highway: str, name: str) -> dict[str, str]:
        tags = {
            "highway": highway,
            "ref": self.road.ref,
            "maxspeed": f"{stretch.limit_mph} mph",
            "hasu:setting": stretch.setting,
        }
        if name:
            tags["name"] = name
        return tags
