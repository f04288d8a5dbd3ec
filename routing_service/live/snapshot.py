"""`Snapshot`: one immutable state of the network and its units, and the questions it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from routing_service.decision.model import (
    Decision,
    Disc,
    Door,
    Location,
    Route,
    Snap,
    Status,
    Unit,
)
from routing_service.decision.rank import rank
from routing_service.decision.uncertainty import ErrorModel
from routing_service.errors import OutsideRegion, TooFarFromRoad, UnknownUnit
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.bound import BoundLookup
from routing_service.kernels.lookup import (
    ALONG_CM,
    DISTANCE_CM,
    LABEL,
    LAT_E7,
    LON_E7,
    MASK,
    SEGMENT,
    TIMES,
    Labelled,
    look_up_many,
)
from routing_service.live.drawing import main_roads
from routing_service.live.route import read_route
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


@dataclass(frozen=True, eq=False)
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
    speed_set
        Index of the speed set that it answers by; `at` gives the snapshot of another.
    """

    graph: RoadGraph
    graph_id: str
    state_version: int = 0
    statuses: tuple[Status, ...] = ()
    limits: Limits = field(default_factory=Limits)
    speed_set: int = 0

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
    def error_model(self) -> ErrorModel | None:
        """How wrong a time may be, as the calibration found; None while uncalibrated."""
        return ErrorModel.read(self.manifest.get("error_model"))

    @cached_property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the network, in degrees."""
        west, south, east, north = self.manifest["bbox"]
        return west, south, east, north

    @cached_property
    def speed_set_name(self) -> str:
        """Name of the speed set that it answers by, ``"default"`` for the profile's own."""
        return self.graph.speed_sets.names[self.speed_set]

    def at(self, moment: datetime) -> Snapshot:
        """The snapshot that answers by the speeds in force at `moment`, which has a time zone."""
        if len(self._by_speed_set) == 1:
            return self
        return self._by_speed_set[self.graph.speed_sets.at(moment)]

    @cached_property
    def _by_speed_set(self) -> tuple[Snapshot, ...]:
        return tuple(
            self if index == self.speed_set else replace(self, speed_set=index)
            for index in range(len(self.graph.speed_sets.names))
        )

    @cached_property
    def _timed(self) -> RoadGraph:
        """The network at the speeds that it answers by."""
        return self.graph.in_set(self.speed_set)

    @cached_property
    def _net(self) -> Labelled:
        return self._timed.labelled()

    @cached_property
    def _bound(self) -> BoundLookup:
        return BoundLookup(self._net, self._error_factors)

    @cached_property
    def _standing_flags(self) -> tuple[str, ...]:
        """Doubts about every answer of this network."""
        flags: list[str] = []
        if self.network == "surrogate":
            flags.append("surrogate_network")
        if self.calibration == "uncalibrated":
            flags.append("uncalibrated")
        if self.manifest.get("calibration_data", {}).get("modelled"):
            flags.append("modelled_reference")
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
        answer, flags = self._look_up(location)
        flags = self._standing_flags + flags
        if location.source == "postcode":
            flags += ("postcode_centroid",)
        middle = TIMES + len(self.units)
        known = middle + len(self.units)
        times_ms = answer[TIMES:middle]
        disc = None
        if location.accuracy_m is not None:
            disc = self._disc(location, times_ms.index(min(times_ms)))
            if disc.other_nearest:
                flags += ("other_unit_nearest_within_accuracy",)
        decision = rank(
            self.units,
            self.statuses,
            times_ms,
            answer[middle:known],
            near_tie_ms=self._near_tie_ms,
            snap=self._snap(answer),
            flags=flags,
            spread=answer[known:] or None,
        )
        decision.disc = disc
        destination = decision.destination
        if destination is not None and self.doors[destination.ods_code] == "site_point":
            decision.flags += ("site_point_door",)
        return decision

    @cached_property
    def _error_factors(self) -> tuple[float, float, float] | None:
        model = self.error_model
        return None if model is None else (model.low, model.high, model.sigma_unit)

    @cached_property
    def doors(self) -> dict[str, Door]:
        """Whether each unit's door was surveyed, by ODS code."""
        return {unit.ods_code: unit.door for unit in self.units}

    def route(self, location: Location, ods_code: str) -> Route:
        """Read the path to one unit off its tree.

        Raises
        ------
        UnknownUnit, NoRoute, OutsideRegion, TooFarFromRoad
        """
        answer, flags = self._look_up(location)
        flags = self._standing_flags + flags
        for u, unit in enumerate(self.units):
            if unit.ods_code == ods_code:
                snap = self._snap(answer)
                start = (answer[SEGMENT], answer[ALONG_CM], answer[MASK])
                return read_route(self._timed, self._net, u, start, snap, flags)
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
        n, units = len(lon), len(self.units)
        answers = np.empty((n, TIMES + 2 * units), dtype=np.int32)
        look_up_many(lon * E7, lat * E7, self._net, answers)
        distance_m = answers[:, DISTANCE_CM] / 100.0
        answers[distance_m > self.limits.snap_limit_m, TIMES:] = INF_MS
        return answers[:, TIMES : TIMES + units], answers[:, TIMES + units :], distance_m

    def _look_up(self, location: Location) -> tuple[list[int], tuple[str, ...]]:
        """Snap a location and read its times: the kernel's answer, and doubts about the snap."""
        lon_e7, lat_e7 = location.lon * E7, location.lat * E7
        buffer = np.empty(self._bound.columns, dtype=np.int32)
        flags: tuple[str, ...] = ()
        heading = location.heading_deg
        if heading is not None:
            angle = math.radians(heading)
            self._bound(lon_e7, lat_e7, math.sin(angle), math.cos(angle), buffer)
            reach_m = max(HEADING_REACH_M, location.accuracy_m or 0.0)
            if buffer[SEGMENT] == NONE or buffer[DISTANCE_CM] > 100 * reach_m:
                heading, flags = None, ("heading_ignored",)
        if heading is None:
            self._bound(lon_e7, lat_e7, 0.0, 0.0, buffer)
        answer: list[int] = buffer.tolist()
        distance_m = answer[DISTANCE_CM] / 100
        if distance_m > self.limits.snap_limit_m:
            self._refuse(location, distance_m)
        if distance_m > self.limits.poor_snap_m:
            flags += ("poor_snap",)
        return answer, flags

    def _snap(self, answer: list[int]) -> Snap:
        distance_cm = answer[DISTANCE_CM]
        return Snap(
            answer[LAT_E7] / E7,
            answer[LON_E7] / E7,
            (distance_cm + 5) // 10 / 10,
            self._road_names[answer[LABEL]],
            "poor" if distance_cm > 100 * self.limits.poor_snap_m else "good",
        )

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

    def _disc(self, location: Location, nearest_here: int) -> Disc:
        """Ask at points spread evenly over the disc in which the incident may lie.

        `nearest_here` is the index of the unit that is nearest where the incident is said to be.
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
            other_nearest=any(u != nearest_here for u in order),
            shares=shares,
            unroutable=round(1.0 - float(reached.sum()) / DISC_SAMPLES, 3),
        )
