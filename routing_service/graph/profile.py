"""A profile: how one kind of vehicle may use the roads, and how fast. Pure and data-driven.

``tags → WayUse / NodeUse / ban``. Policy is in ``profiles/*.toml``; the syntax of the tags is in
`routing_service.graph.rules`. Nothing here knows of graphs, positions or other ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from routing_service.errors import InvalidProfile
from routing_service.graph.rules.access import AccessRules, Grant
from routing_service.graph.rules.direction import Directions, OnewayRules
from routing_service.graph.rules.flags import (
    EXEMPTION_FLAGS,
    EXEMPTION_MASK,
    FLAG_BITS,
    FLAG_NAMES,
    ROAD_CLASSES,
    flag_names,
)
from routing_service.graph.rules.maxspeed import Direction, LimitWords
from routing_service.graph.rules.obstacles import NodeRules, NodeUse
from routing_service.graph.rules.speeds import SpeedRules
from routing_service.graph.rules.toml_table import load_profile_tables
from routing_service.graph.rules.turn_bans import TurnBans
from routing_service.graph.rules.turn_costs import TurnCosts
from routing_service.graph.rules.vehicle_size import VehicleSize
from routing_service.graph.sources.raw import Tags
from routing_service.units import NONE

__all__ = [
    "EXEMPTION_FLAGS",
    "EXEMPTION_MASK",
    "FLAG_BITS",
    "FLAG_NAMES",
    "ROAD_CLASSES",
    "NodeUse",
    "Profile",
    "TurnCosts",
    "WayUse",
    "flag_names",
]

NOT_A_ROAD: Final = "not_a_road"


@dataclass(frozen=True, slots=True)
class WayUse:
    """What a way is to a vehicle.

    Attributes
    ----------
    forward_kph, backward_kph
        Travel speed along and against the way's nodes; 0.0 where not usable.
    road_class
        Index into `ROAD_CLASSES`; `NONE` where the way is no road at all.
    forward_flags, backward_flags
        Bits of `FLAG_NAMES`; 0 in a direction that is not usable.
    dropped
        Why neither direction is usable, a snake_case word to be counted; None where one is.
    """

    forward_kph: float
    backward_kph: float
    road_class: int
    forward_flags: int
    backward_flags: int
    dropped: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of the road for one kind of vehicle.

    Examples
    --------
    >>> ambulance = Profile.load("blue_light")
    >>> street = ambulance.way({"highway": "residential", "oneway": "yes"})
    >>> street.backward_kph, flag_names(street.forward_flags)
    (0.0, ('oneway',))
    """

    name: str
    sha256: str
    calibration: str
    turn: TurnCosts
    _speeds: SpeedRules = field(repr=False)
    _access: AccessRules = field(repr=False)
    _oneway: OnewayRules = field(repr=False)
    _nodes: NodeRules = field(repr=False)
    _bans: TurnBans = field(repr=False)
    _size: VehicleSize = field(repr=False)
    _excluded: Mapping[str, str] = field(repr=False)
    _marked: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Profile:
        """Read a shipped profile by name (``"car"``, ``"blue_light"``) or a TOML file by path.

        A file may say ``extends = "car"`` and then state only what differs.

        Raises
        ------
        InvalidProfile
            If the file is missing, not TOML, incomplete, of a wrong type, or has a key that no
            rule reads. The message names the key.
        """
        root, sha256 = load_profile_tables(name_or_path)
        name = root.text("name")
        access = AccessRules.from_table(root.table("access"))
        size = VehicleSize.from_table(root.table("vehicle"))
        limits = LimitWords.from_table(root.table("limits"))
        profile = cls(
            name=name,
            sha256=sha256,
            calibration=root.text("calibration"),
            turn=TurnCosts.from_table(root.table("turns")),
            _speeds=SpeedRules.from_table(root.table("speeds"), limits),
            _access=access,
            _oneway=OnewayRules.from_table(root.table("oneway")),
            _nodes=NodeRules.from_tables(root.table("barriers"), root.table("nodes"), access, size),
            _bans=TurnBans.from_table(root.table("restrictions")),
            _size=size,
            _excluded=root.text_map("excluded"),
            _marked=root.text_map("marked", FLAG_NAMES),
        )
        root.finish()
        if not profile.name.isidentifier():
            raise InvalidProfile(f"profile {name_or_path}: name must be a plain word")
        return profile

    def way(self, tags: Tags) -> WayUse:
        """Apply the rules to a way's tags: speed, class and flags, each way along it."""
        highway = tags.get("highway", "")
        road_class = ROAD_CLASSES.index(highway) if highway in ROAD_CLASSES else NONE
        reason = self._exclusion(tags, road_class)
        if reason:
            return _dropped(road_class, reason)
        open_ways = self._oneway.directions(tags)
        if not (open_ways.forward or open_ways.backward):
            return _dropped(road_class, "reversible_oneway")
        forward = self._access.way(tags, "forward")
        backward = self._access.way(tags, "backward")
        forward_kph = self._kph(tags, "forward", forward, open_ways)
        backward_kph = self._kph(tags, "backward", backward, open_ways)
        if not (forward_kph or backward_kph):
            closed = forward.closed if open_ways.forward else backward.closed
            return _dropped(road_class, closed or "impassable")
        marks = self._marks(tags, open_ways)
        return WayUse(
            forward_kph,
            backward_kph,
            road_class,
            marks | forward.flags | open_ways.forward_flags if forward_kph else 0,
            marks | backward.flags | open_ways.backward_flags if backward_kph else 0,
            None,
        )

    def urban(self, tags: Tags) -> bool:
        """Whether a road of those tags lies in a town, as its speed takes it to."""
        if tags.get("highway") not in ROAD_CLASSES:
            return False
        return (
            self._speeds.setting(tags, self._speeds.limits.limit_kph(tags, "forward", False))
            == "urban"
        )

    def node(self, tags: Tags) -> NodeUse:
        """Apply the rules to a node's tags: barriers, signals, delays."""
        return self._nodes.use(tags)

    def restriction(self, tags: Tags) -> Literal["no", "only"] | None:
        """Tell what a turn restriction relation means for this vehicle; None for nothing."""
        return self._bans.binds(tags)

    def _exclusion(self, tags: Tags, road_class: int) -> str:
        for tag, reason in self._excluded.items():
            key, _, value = tag.partition("=")
            if tags.get(key) == value:
                return reason
        return NOT_A_ROAD if road_class == NONE else self._size.too_big(tags)

    def _kph(self, tags: Tags, direction: Direction, grant: Grant, open_ways: Directions) -> float:
        is_open = open_ways.forward if direction == "forward" else open_ways.backward
        if not is_open or not grant.usable:
            return 0.0
        kph = min(self._speeds.travel_kph(tags, direction, open_ways.oneway), grant.cap_kph)
        return min(kph, self._oneway.against_kph) if open_ways.against == direction else kph

    def _marks(self, tags: Tags, open_ways: Directions) -> int:
        """Collect the flags that both directions share."""
        marks = FLAG_BITS["oneway"] if open_ways.oneway else 0
        for tag, flag in self._marked.items():
            key, _, value = tag.partition("=")
            stated = tags.get(key, "no")
            if stated == value or (value == "*" and stated != "no"):
                marks |= FLAG_BITS[flag]
        return marks


def _dropped(road_class: int, reason: str) -> WayUse:
    return WayUse(0.0, 0.0, road_class, 0, 0, reason)
