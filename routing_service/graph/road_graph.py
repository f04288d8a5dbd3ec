"""`RoadGraph`: the road network as frozen arrays, ready to search, to save and to hand on."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from routing_service.decision.model import Unit
from routing_service.errors import GraphFileCorrupt
from routing_service.graph.pages import Pages
from routing_service.graph.speed_sets import SpeedSets
from routing_service.kernels.lookup import Labelled, label_table
from routing_service.units import NONE, ByteArray, FlagArray, IntArray, LongArray

if TYPE_CHECKING:
    import networkx as nx

    from routing_service.graph.edge_index import EdgeIndex

Sections = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class RoadGraph:
    """Directed edges between nodes, the turns between edges, and their geometry.

    An edge runs from one junction to the next. Edges stand in space order (along a Hilbert
    curve), the two directions of a road side by side. All arrays are read-only.

    Attributes
    ----------
    node_ids, node_lon_e7, node_lat_e7
        Junctions: OSM ids ``int64[nodes]`` and positions ``int32[nodes]``.
    edge_from, edge_to
        ``int32[edges]``, node indices.
    edge_ms, edge_cm
        ``int32[edges]``, travel time (> 0) and length (> 0).
    edge_way, edge_label
        OSM way id ``int64[edges]``; index into `labels` ``int32[edges]``.
    edge_class, edge_flags
        Road class ``uint8[edges]`` and flags ``uint16[edges]`` as numbered in the manifest.
    edge_twin
        ``int32[edges]``, the opposite direction of the same road, -1 on a one-way.
    edge_base
        ``int32[edges]``: itself, or for a copy the edge it stands for. A turn restriction that
        spans several roads makes copies: the same road with other turns, entered only from where
        the restriction starts.
    edge_segment, edge_segments
        First segment and number of segments ``int32[edges]``, in the order of the road's forward
        direction.
    edge_reversed
        ``uint8[edges]``, 1 where the edge runs against its segments.
    edge_core
        ``uint8[edges]``, 1 for the connected core: every unit can be reached from the edge, and
        the edge from every unit.
    turn_first, turn_to, turn_ms
        Turns by source edge, CSR: ``int32[edges + 1]``, ``int32[turns]``, ``int32[turns]``.
    back_first, back_from, back_ms
        The same turns by target edge.
    segments, grid, cell_first, cell_segments
        Geometry and its grid, see `kernels.snap`. Only core edges are registered.
    label_first, label_bytes
        The labels: UTF-8 ``ref TAB name``, CSR ``int32[labels + 1]`` and ``uint8[bytes]``.
    doors
        ``int32[units, k, 5]``, see `kernels.lookup.Labelled`.
    tree_ms, tree_cm
        ``int32[units, edges]``, labels, see `kernels.tree`.
    set_edge_ms, set_doors, set_tree_ms, set_tree_cm
        The same four for each further speed set, ``[sets, …]``; see `in_set`.
    manifest
        What people and clients ask of a network: sources, profile, counts, units…
    """

    node_ids: LongArray
    node_lon_e7: IntArray
    node_lat_e7: IntArray
    edge_from: IntArray
    edge_to: IntArray
    edge_ms: IntArray
    edge_cm: IntArray
    edge_way: LongArray
    edge_label: IntArray
    edge_class: ByteArray
    edge_flags: FlagArray
    edge_twin: IntArray
    edge_base: IntArray
    edge_segment: IntArray
    edge_segments: IntArray
    edge_reversed: ByteArray
    edge_core: ByteArray
    turn_first: IntArray
    turn_to: IntArray
    turn_ms: IntArray
    back_first: IntArray
    back_from: IntArray
    back_ms: IntArray
    segments: IntArray
    grid: LongArray
    cell_first: IntArray
    cell_segments: IntArray
    label_first: IntArray
    label_bytes: ByteArray
    doors: IntArray
    tree_ms: IntArray
    tree_cm: IntArray
    set_edge_ms: IntArray
    set_doors: IntArray
    set_tree_ms: IntArray
    set_tree_cm: IntArray
    manifest: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in section_names():
            getattr(self, name).setflags(write=False)

    @property
    def n_edges(self) -> int:
        """Number of directed edges, copies included."""
        return len(self.edge_ms)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of `tree_ms`."""
        return tuple(
            Unit(**{**unit, "capabilities": tuple(unit["capabilities"])})
            for unit in self.manifest["units"]
        )

    @cached_property
    def speed_sets(self) -> SpeedSets:
        """When which speeds hold; set 0 is that of `edge_ms` and `tree_ms`."""
        return SpeedSets.from_json(self.manifest.get("speed_sets", {}))

    def in_set(self, index: int) -> RoadGraph:
        """The network at the speeds of one set."""
        return self.further_sets[index - 1] if index else self

    @cached_property
    def further_sets(self) -> tuple[RoadGraph, ...]:
        """The network at the speeds of each further set; arrays are shared, not copied."""
        return tuple(
            replace(
                self,
                edge_ms=self.set_edge_ms[k],
                doors=self.set_doors[k],
                tree_ms=self.set_tree_ms[k],
                tree_cm=self.set_tree_cm[k],
            )
            for k in range(len(self.set_edge_ms))
        )

    def labelled(self) -> Labelled:
        """The arrays that a look-up reads."""
        return Labelled(
            self.grid,
            self.cell_first,
            self.cell_segments,
            self.segments,
            self.label_rows,
            self.doors,
        )

    @cached_property
    def label_rows(self) -> IntArray:
        """What a look-up reads of each edge, side by side; see `Labelled.labels`."""
        edges = (self.edge_ms, self.edge_cm, self.edge_label)
        return label_table(*edges, self.tree_ms, self.tree_cm, self.doors)

    def knowing(self, **derived: Any) -> RoadGraph:
        """The same network with some of its cached properties, which it then need not compute."""
        graph = copy(self)
        vars(graph).update(derived)
        return graph

    @property
    def known(self) -> dict[str, Any]:
        """The cached properties that hold whatever the further speed sets, for `knowing`."""
        rows = {name: vars(self)[name] for name in ("label_rows",) if name in vars(self)}
        return {**self.lasting, **rows}

    @property
    def lasting(self) -> dict[str, Any]:
        """Those that hold at any times: of thousands of road names they take milliseconds."""
        return {name: getattr(self, name) for name in ("units", "speed_sets", "road_names", "kept")}

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What others make of the roads, whatever their times, and keep with them."""
        return {}

    def spare(self, name: str) -> npt.NDArray[Any]:
        """A copy of an array that costs memory and time only where it is written."""
        if name not in self._pages:
            self._pages[name] = Pages(getattr(self, name))
        return self._pages[name].copy()

    @cached_property
    def _pages(self) -> dict[str, Pages]:
        return {}

    def label(self, e: int) -> tuple[str, str]:
        """Road number and name of edge `e`, either of them empty where the map has none."""
        k = self.edge_label[e]
        text = self.label_bytes[self.label_first[k] : self.label_first[k + 1]].tobytes().decode()
        ref, _, name = text.partition("\t")
        return ref, name

    def road_name(self, e: int) -> str:
        """What a person calls the road of edge `e`: number, name, or else its class.

        Examples
        --------
        "A61 Wakefield Road", "Church Lane", "local road".
        """
        return _road_name(*self.label(e))

    @cached_property
    def road_names(self) -> list[str]:
        """`road_name` of every label, by label index."""
        return [_road_name(ref, name) for ref, name in self.labels()]

    def labels(self) -> list[tuple[str, str]]:
        """Road number and name of every label, by label index."""
        text = self.label_bytes.tobytes()
        first = self.label_first.tolist()
        parts = (text[a:b].decode().partition("\t") for a, b in pairwise(first))
        return [(ref, name) for ref, _, name in parts]

    @cached_property
    def edge_index(self) -> EdgeIndex:
        """Edges by place, way and road; made when it is first asked for."""
        from routing_service.graph.edge_index import EdgeIndex

        return EdgeIndex(self)

    def shape(self, e: int) -> tuple[IntArray, IntArray]:
        """Longitudes and latitudes (degrees x 10**7) of edge `e`, in its own direction."""
        rows = self.segments[self.edge_segment[e] : self.edge_segment[e] + self.edge_segments[e]]
        lon = np.append(rows[:, 0], rows[-1, 2])
        lat = np.append(rows[:, 1], rows[-1, 3])
        return (lon[::-1], lat[::-1]) if self.edge_reversed[e] else (lon, lat)

    def sections(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays by name, as the graph file keeps them."""
        return {name: getattr(self, name) for name in section_names()}

    @classmethod
    def from_sections(cls, manifest: Mapping[str, Any], sections: Sections) -> RoadGraph:
        """Take the arrays of a graph file; raises `GraphFileCorrupt` if one is missing."""
        missing = [name for name in section_names() if name not in sections]
        if missing:
            raise GraphFileCorrupt(
                f"the graph file lacks the section {missing[0]!r}: build it again with `hasu build`"
            )
        return cls(manifest=manifest, **{name: sections[name] for name in section_names()})

    def validate(self) -> None:
        """Check the structure: indices in range, CSR monotone, times positive.

        Raises
        ------
        GraphFileCorrupt
            Naming the first array that breaks a rule.
        """
        edges, turns = self.n_edges, len(self.turn_to)
        for name, limit, low in (
            ("edge_from", len(self.node_ids), 0),
            ("edge_to", len(self.node_ids), 0),
            ("edge_label", len(self.label_first) - 1, 0),
            ("edge_twin", edges, NONE),
            ("edge_base", edges, 0),
            ("edge_segment", len(self.segments), 0),
            ("turn_to", edges, 0),
            ("back_from", edges, 0),
            ("cell_segments", len(self.segments), 0),
        ):
            array = getattr(self, name)
            if len(array) and (array.min() < low or array.max() >= limit):
                raise GraphFileCorrupt(f"{name} points outside its table: build the graph again")
        for name, last in (("turn_first", turns), ("back_first", turns)):
            first = getattr(self, name)
            if len(first) != edges + 1 or first[-1] != last or (np.diff(first) < 0).any():
                raise GraphFileCorrupt(f"{name} is not a table of offsets: build the graph again")
        if edges and (self.edge_ms.min() <= 0 or self.edge_cm.min() <= 0):
            raise GraphFileCorrupt("an edge takes no time: build the graph again")
        shape = (len(self.manifest["units"]), edges)
        further = (len(self.speed_sets.sets), *shape)
        if self.tree_ms.shape != shape or self.set_tree_ms.shape != further:
            raise GraphFileCorrupt("the trees do not fit the network: build the graph again")

    def to_networkx(self) -> nx.MultiDiGraph:
        """Hand the network on to OSMnx and networkx, see `graph.networkx_export`."""
        from routing_service.graph.networkx_export import to_networkx

        return to_networkx(self)


def _road_name(ref: str, name: str) -> str:
    return f"{ref} {name}".strip() or "local road"


def section_names() -> tuple[str, ...]:
    """Names of the arrays, in the order of the graph file."""
    return tuple(field.name for field in fields(RoadGraph) if field.name != "manifest")
