"""`Snapshot`: one immutable state of the network and its units, and the questions it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from routing_service.decision.model import (
    Decision,
    Disc,
    Location,
    Quality,
    Route,
    Snap,
    Status,
    Unit,
)
from routing_service.decision.rank import rank
from routing_service.errors import OutsideRegion, TooFarFromRoad, UnknownUnit
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.lookup import Labelled, look_up, look_up_many
from routing_service.live.drawing import main_roads
from routing_service.live.route import Found, read_route
from routing_service.units import E7, INF_MS, MS_PER_MINUTE, NONE, FloatArray, IntArray

# A given heading outweighs distance only this far: beyond, the vehicle is on another road.
HEADING_REACH_M = 50.0
DISC_SAMPLES = 64
METRES_PER_DEGREE = 111_200.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of a service; see the settings of the same names."""

    snap_limit_m: float = 2_000.0
    poor_snap_m: float = 100.0
    near_tie_minutes: float = 2.0


@dataclass(frozen=True)
class Snapshot:
    """A network, its units' statuses and the version of both.

    Parameters
    ----------
    graph
        The network with its trees.
    graph_id
        Hash of the graph file's content.
    state_version
        Number of the last event that is in effect.
    statuses
        One per unit, in the order of `units`.
    limits
        Thresholds.
    """

    graph: RoadGraph
    graph_id: str
    state_version: int = 0
    statuses: tuple[Status, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.statuses:
            object.__setattr__(self, "statuses", ("open",) * len(self.units))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of the graph's trees."""
        return self.graph.units

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the graph file says of itself."""
        return self.graph.manifest

    @cached_property
    def network(self) -> str:
        """``"osm"`` or ``"surrogate"``."""
        return str(self.manifest["network"])

    @cached_property
    def profile(self) -> str:
        """Name of the profile that the network was built for."""
        return str(self.manifest["profile"])

    @cached_property
    def calibration(self) -> str:
        """Id of the calibration, or ``"uncalibrated"``."""
        return str(self.manifest["calibration"])

    @cached_property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the network, in degrees."""
        west, south, east, north = self.manifest["bbox"]
        return west, south, east, north

    @cached_property
    def _net(self) -> Labelled:
        graph = self.graph
        return Labelled(
            graph.grid,
            graph.cell_first,
            graph.cell_segments,
            graph.segments,
            graph.edge_ms,
            graph.edge_cm,
            graph.tree_ms,
            graph.tree_cm,
            graph.doors,
        )

    @cached_property
    def _standing_flags(self) -> tuple[str, ...]:
        """Doubts about every answer of this network."""
        flags = []
        if self.network == "surrogate":
            flags.append("surrogate_network")
        if self.calibration == "uncalibrated":
            flags.append("uncalibrated")
        return tuple(flags)

    @cached_property
    def _near_tie_ms(self) -> int:
        return round(self.limits.near_tie_minutes * MS_PER_MINUTE)

    def decide(self, location: Location) -> Decision:
        """Rank the units for an incident.

        Raises
        ------
        OutsideRegion
            If the location is off the network's map.
        TooFarFromRoad
            If no road of the connected core is within ``limits.snap_limit_m``; says how far it is.
        """
        found = self._find(location)
        disc = None if location.accuracy_m is None else self._disc(location)
        flags = [*self._standing_flags, *found.flags]
        if location.source == "postcode":
            flags.append("postcode_centroid")
        if disc is not None and disc.other_nearest:
            flags.append("other_unit_nearest_within_accuracy")
        decision = rank(
            self.units,
            self.statuses,
            found.ms,
            found.cm,
            near_tie_ms=self._near_tie_ms,
            snap=found.snap,
            flags=flags,
            disc=disc,
        )
        if decision.destination and self._doors[decision.destination.ods_code] == "site_point":
            decision.flags += ("site_point_door",)
        return decision

    @cached_property
    def _doors(self) -> dict[str, str]:
        return {unit.ods_code: unit.door for unit in self.units}

    def route(self, location: Location, ods_code: str) -> Route:
        """Read the path to one unit off its tree.

        Raises
        ------
        UnknownUnit, NoRoute, OutsideRegion, TooFarFromRoad
        """
        found = self._find(location)
        for u, unit in enumerate(self.units):
            if unit.ods_code == ods_code:
                flags = (*self._standing_flags, *found.flags)
                return read_route(self.graph, self._net, u, found, flags)
        raise UnknownUnit(
            f"no unit {ods_code!r} in this network: known are "
            + ", ".join(unit.ods_code for unit in self.units)
        )

    def main_roads(self) -> list[tuple[str, str, list[tuple[float, float]]]]:
        """Numbered main roads for drawing: (number, class, [(lon, lat), …])."""
        return main_roads(self.graph)

    def times(self, lon: FloatArray, lat: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Times and lengths of many points at once: the numbers of `decide`, without its words.

        Parameters
        ----------
        lon, lat
            ``float64[n]``, degrees.

        Returns
        -------
        tuple
            ``int32[n, units]`` ms and cm (``INF_MS``: no route or too far from any road), and
            ``float64[n]`` metres to the network.
        """
        shape = (len(lon), len(self.units))
        ms, cm = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
        segment, distance = np.empty(len(lon), dtype=np.int32), np.empty(len(lon))
        look_up_many(np.rint(lon * E7), np.rint(lat * E7), self._net, ms, cm, segment, distance)
        far = distance > self.limits.snap_limit_m
        ms[far] = INF_MS
        cm[far] = INF_MS
        return ms, cm, distance

    def _find(self, location: Location) -> Found:
        """Snap a location and read its times."""
        lon_e7, lat_e7 = float(round(location.lon * E7)), float(round(location.lat * E7))
        out = np.empty((2, len(self.units)), dtype=np.int32)
        flags: tuple[str, ...] = ()
        if location.heading_deg is None:
            hit = look_up(lon_e7, lat_e7, 0.0, 0.0, self._net, out[0], out[1])
        else:
            angle = math.radians(location.heading_deg)
            hit = look_up(
                lon_e7, lat_e7, math.sin(angle), math.cos(angle), self._net, out[0], out[1]
            )
            reach = max(HEADING_REACH_M, location.accuracy_m or 0.0)
            if hit[0] == NONE or hit[2] > reach:
                hit = look_up(lon_e7, lat_e7, 0.0, 0.0, self._net, out[0], out[1])
                flags = ("heading_ignored",)
        segment, along, distance_m, mask, at_lon, at_lat = hit
        if distance_m > self.limits.snap_limit_m:
            self._refuse(location, distance_m)
        quality: Quality = "good"
        if distance_m > self.limits.poor_snap_m:
            quality = "poor"
            flags += ("poor_snap",)
        snap = Snap(
            round(at_lat / E7, 6),
            round(at_lon / E7, 6),
            round(distance_m, 1),
            self._road_of_segment(segment),
            quality,
        )
        return Found(segment, along, mask, out[0].tolist(), out[1].tolist(), snap, flags)

    def _road_of_segment(self, segment: int) -> str:
        row = self.graph.segments[segment]
        label = self.graph.edge_label[row[4] if row[4] >= 0 else row[5]]
        return self._road_names[int(label)]

    @cached_property
    def _road_names(self) -> list[str]:
        return self.graph.road_names()

    def _refuse(self, location: Location, distance_m: float) -> None:
        west, south, east, north = self.bbox
        if not (west <= location.lon <= east and south <= location.lat <= north):
            raise OutsideRegion(
                f"{location.lat:.5f}, {location.lon:.5f} is outside the network, which covers"
                f" latitudes {south:.3f} to {north:.3f} and longitudes {west:.3f} to {east:.3f}"
                f" (nearest road {distance_m / 1000:.1f} km away)",
                distance_m=round(distance_m, 1),
            )
        raise TooFarFromRoad(
            f"the nearest road that reaches the units is {distance_m:.0f} m away, beyond the"
            f" limit of {self.limits.snap_limit_m:.0f} m: check the location",
            distance_m=round(distance_m, 1),
        )

    def _disc(self, location: Location) -> Disc:
        """Ask at points spread evenly over the disc in which the incident may lie.

        Sunflower (Fibonacci) spiral: equal areas, no two points on one line.
        """
        radius_m = float(location.accuracy_m or 0.0)
        n = np.arange(DISC_SAMPLES)
        angle = n * (math.pi * (3.0 - math.sqrt(5.0)))
        r_deg = radius_m * np.sqrt((n + 0.5) / DISC_SAMPLES) / METRES_PER_DEGREE
        lat = location.lat + r_deg * np.cos(angle)
        lon = location.lon + r_deg * np.sin(angle) / math.cos(math.radians(location.lat))
        ms, _, _ = self.times(lon, lat)
        reached = ms.min(axis=1) < INF_MS
        nearest = ms[reached].argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(self.units))
        order = sorted(
            (u for u in range(len(self.units)) if counts[u]),
            key=lambda u: (-counts[u], self.units[u].ods_code),
        )
        shares = {self.units[u].ods_code: round(float(counts[u]) / DISC_SAMPLES, 3) for u in order}
        return Disc(
            accuracy_m=radius_m,
            other_nearest=len(order) > 1,
            shares=shares,
            unroutable=round(1.0 - float(reached.sum()) / DISC_SAMPLES, 3),
        )
