"""`Snapshot`: one immutable state of the network and its units, and the questions it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from routing_service.answer import (
    ALONG_CM,
    CM,
    DISTANCE_CM,
    HEADING_IGNORED,
    MASK,
    MS,
    ORDER,
    OTHER_WITHIN_ACCURACY,
    POLICY_DIFFERS,
    POOR_SNAP,
    POSTCODE_CENTROID,
    SEGMENT,
    TIMES,
    TOO_FAR,
    columns,
    unpack,
)
from routing_service.decision.decision import Decision, Roster, told_apart
from routing_service.decision.model import Door, Location, Policy, Route, Status, Unit
from routing_service.decision.standing import Need, Standing
from routing_service.decision.uncertainty import ErrorModel
from routing_service.errors import OutsideRegion, TooFarFromRoad, UnknownUnit
from routing_service.graph.road_graph import RoadGraph
from routing_service.kernels.answering import Rules, answer_many
from routing_service.kernels.bound import BoundNetwork, Desk, Plainly
from routing_service.kernels.lookup import Labelled
from routing_service.kernels.probability import SCRATCH
from routing_service.kernels.respond import Forms, Responder, Sheet
from routing_service.live.disc import ask_disc
from routing_service.live.drawing import main_roads
from routing_service.live.rosters import Rosters
from routing_service.live.route import read_route
from routing_service.units import E7, MS_PER_MINUTE, NONE, FloatArray, IntArray

# A given heading outweighs distance only this far: beyond, the vehicle is on another road.
HEADING_REACH_M = 50.0


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
    statuses, guards_ms
        One per unit, in the order of `units`: whether it takes patients, and what a divert of it
        may cost at most. All open and without limit unless said otherwise.
    policy
        Which units an area may be sent to; None for all.
    as_of
        The moment for which its state was made: what starts and ends of itself needs no event. None
        if no events were followed.
    doubts
        Flags of every answer while this snapshot is in force, besides those of the network.
    needs
        By capability, in small letters, how the units stand where something was set for it.
    stale_s
        How long ago the state was last confirmed, where its store cannot be reached; None else.
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
    guards_ms: tuple[int, ...] = ()
    policy: Policy | None = None
    doubts: tuple[str, ...] = ()
    stale_s: float | None = None
    needs: Mapping[str, Need] = field(default_factory=dict)
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", self.standing.statuses)

    @cached_property
    def standing(self) -> Standing:
        """The units and their state, without any policy."""
        return Standing(self.units, self.statuses, self.guards_ms)

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

    @cached_property
    def has_speed_sets(self) -> bool:
        """Whether its speeds depend on the moment."""
        return bool(self._at_other_speeds)

    def at(self, moment: datetime) -> Snapshot:
        """The snapshot that answers by the speeds in force at `moment`, which has a time zone."""
        if not self.has_speed_sets:
            return self
        return self._at_other_speeds.get(self.graph.speed_sets.at(moment), self)

    @cached_property
    def _at_other_speeds(self) -> Mapping[int, Snapshot]:
        """By the index of their speed set, without itself.

        One that named itself would live until the garbage collector finds it, and every network
        that closures made is 20 MB: in a storm of them a worker kept twenty.
        """
        others = (k for k in range(len(self.graph.speed_sets.names)) if k != self.speed_set)
        return {index: replace(self, speed_set=index) for index in others}

    @cached_property
    def _timed(self) -> RoadGraph:
        """The network at the speeds that it answers by."""
        return self.graph.in_set(self.speed_set)

    @cached_property
    def _net(self) -> Labelled:
        return self._timed.labelled()

    @cached_property
    def _rules(self) -> Rules:
        limits, model = self.limits, self.error_model
        near_tie_ms = round(limits.near_tie_minutes * MS_PER_MINUTE)
        spread = (0.0, 0.0, 0.0, 0.0)
        if model is not None:
            spread = (model.low, model.high, model.sigma_unit, model.shift_ms)
        return Rules(
            np.array(
                [near_tie_ms, int(100 * limits.poor_snap_m), int(100 * limits.snap_limit_m)],
                dtype=np.int64,
            ),
            np.array(spread),
        )

    @cached_property
    def _bound(self) -> BoundNetwork:
        return BoundNetwork(self._net, self._rules)

    @cached_property
    def _plainly(self) -> Plainly:
        return Plainly(self._bound, self.standing.table, self.standing.table_at)

    @cached_property
    def _usual(self) -> Roster:
        return self.rosters.usual

    @cached_property
    def _network_doubts(self) -> tuple[str, ...]:
        """Doubts about every answer of this network."""
        flags: list[str] = []
        if self.network == "surrogate":
            flags.append("surrogate_network")
        if self.calibration == "uncalibrated":
            flags.append("uncalibrated")
        if self.manifest.get("calibration_data", {}).get("modelled"):
            flags.append("modelled_reference")
        if self.stale_s is not None:
            flags.append("stale_state")
        return (*flags, *self.doubts)

    @cached_property
    def rosters(self) -> Rosters:
        """What the numbers of an answer stand for, by its location."""
        known = self.error_model is not None
        roads, doubts = self.graph.road_names, self._network_doubts
        return Rosters(self.standing, self.policy, self.needs, roads, doubts, known)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What others make of this snapshot and keep with it.

        A cache of theirs would keep the snapshot, and every network that closures made is 20 MB.
        """
        return {}

    def responder(self, roster: Roster, desk: Desk, sheet: Sheet, forms: Forms) -> Responder:
        """What replies about positions alone, for the units of a roster."""
        table = roster.standing.table
        return Responder(self._bound, table, desk, sheet, forms, self.state_version)

    def decide(self, location: Location) -> Decision:
        """Rank the units for an incident.

        Raises
        ------
        OutsideRegion
            If the location is off the network's map.
        TooFarFromRoad
            If no road of the connected core is within ``limits.snap_limit_m``; says how far it is.
        InvalidRequest
            If no unit has the capability that the location names.
        """
        if self.policy is None and location.plain:
            # Nearly every question; the rest of this would cost it a quarter of its time.
            plainly = self._plainly
            bits = plainly.ask(location.lon * E7, location.lat * E7)
            packed = plainly.numbers.tobytes()
            if bits & TOO_FAR:
                self._refuse(location, packed)
            return Decision(packed, self._usual, bits)
        roster = self.rosters.at(location)
        bits, packed = self._answer(location, roster.standing)
        if location.source == "postcode":
            bits |= POSTCODE_CENTROID
        disc = None
        if location.accuracy_m is not None:
            nearest = unpack(packed)[TIMES + ORDER * len(self.units)]
            disc = ask_disc(location, self.units, nearest, self.times)
            if disc.other_nearest:
                bits |= OTHER_WITHIN_ACCURACY
        if location.capability is not None and bits & POLICY_DIFFERS:
            bits = told_apart(unpack(packed), bits, roster.standing)
        return Decision(packed, roster, bits, disc)

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
        bits, packed = self._answer(location, self.standing)
        answer = Decision(packed, self._usual, bits & (HEADING_IGNORED | POOR_SNAP))
        numbers = answer.numbers
        for u, unit in enumerate(self.units):
            if unit.ods_code == ods_code:
                start = (numbers[SEGMENT], numbers[ALONG_CM], numbers[MASK])
                return read_route(self._timed, self._net, u, start, answer.snap, answer.flags)
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
        units = len(self.units)
        answers = self.answers(lon, lat)
        return (
            answers[:, TIMES + MS * units : TIMES + CM * units],
            answers[:, TIMES + CM * units : TIMES + ORDER * units],
            answers[:, DISTANCE_CM] / 100.0,
        )

    def flags(self, bits: int) -> tuple[str, ...]:
        """The doubts of one of `answers` in words, from its bits."""
        return self._usual.flags(bits)

    def answers(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """All numbers of many answers, as of `decide`, without any policy.

        Parameters
        ----------
        lon, lat
            ``float64[n]``, degrees.

        Returns
        -------
        ndarray
            ``int32[n, columns]``, see `routing_service.answer`. Those too far from any road have
            the bit ``TOO_FAR`` and no routes.
        """
        units = len(self.units)
        answers = np.empty((len(lon), columns(units)), dtype=np.int32)
        buffers = (self.standing.table, answers, np.empty((SCRATCH, units)))
        answer_many(lon * E7, lat * E7, self._net, self._rules, *buffers)
        return answers

    def _answer(self, location: Location, standing: Standing) -> tuple[int, bytes]:
        """The doubts of one answer as bits, and its numbers, packed."""
        if location.heading_deg is None:
            where = (location.lon * E7, location.lat * E7, 0.0, 0.0)
            bits, packed = self._bound(*where, standing.table, standing.table_at)
        else:
            bits, packed = self._headed(location, standing)
        if bits & TOO_FAR:
            self._refuse(location, packed)
        return bits, packed

    def _headed(self, location: Location, standing: Standing) -> tuple[int, bytes]:
        """The same for a vehicle with a heading, which a road that is too far away overrules."""
        lon_e7, lat_e7 = location.lon * E7, location.lat * E7
        where = (standing.table, standing.table_at)
        angle = math.radians(location.heading_deg or 0.0)
        bits, packed = self._bound(lon_e7, lat_e7, math.sin(angle), math.cos(angle), *where)
        numbers = unpack(packed)
        reach_m = max(HEADING_REACH_M, location.accuracy_m or 0.0)
        if numbers[SEGMENT] != NONE and numbers[DISTANCE_CM] <= 100 * reach_m:
            return bits, packed
        bits, packed = self._bound(lon_e7, lat_e7, 0.0, 0.0, *where)
        return bits | HEADING_IGNORED, packed

    def _refuse(self, location: Location, packed: bytes) -> NoReturn:
        distance_m = unpack(packed)[DISTANCE_CM] / 100
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
