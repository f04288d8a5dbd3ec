"""The main-roads text format: roads as people write them, one point per line.

The format is documented with examples in ``graphs/south_yorkshire/README.md``. This module only
reads and checks; `surrogate` turns the roads into ways.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, cast

from routing_service.degrees import in_great_britain
from routing_service.errors import InvalidSource
from routing_service.units import METRES_PER_DEGREE

RoadClass = Literal["motorway", "trunk", "primary", "secondary"]
Carriageway = Literal["single", "dual"]
Setting = Literal["urban", "rural"]
Access = Literal["open", "junctions"]
Slip = Literal["+off", "+on", "-off", "-on"]

MAX_GAP_M: Final = 10_000.0
"""Two neighbouring points further apart than this are a slip of the keyboard: no road in the
region runs straight for 10 km, and a wrong digit in the first decimal moves a point by 7 km."""

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "class": ("motorway", "trunk", "primary", "secondary"),
    "carriageway": ("single", "dual"),
    "setting": ("urban", "rural"),
    "access": ("open", "junctions"),
}
_SLIPS: Final[tuple[Slip, ...]] = ("+off", "+on", "-off", "-on")
_LIMITS_MPH: Final = (20, 30, 40, 50, 60, 70)
_REF = re.compile(r"[ABM]\d{1,4}(\(M\))?")
_KEY = re.compile(r"@[A-Za-z0-9][A-Za-z0-9()_.'-]*")
_COORDINATE = re.compile(r"-?\d{1,2}\.\d{4,6}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What holds from one point of a road to the next."""

    road_class: RoadClass
    limit_mph: int
    carriageway: Carriageway = "single"
    setting: Setting = "rural"
    access: Access = "open"
    name: str = ""


@dataclass(frozen=True, slots=True)
class RoadPoint:
    """A point of a road's centreline; a real junction when it has a `key`.

    `slips` are the slip roads between this road and the junction, in the order
    ``+off +on -off -on``; `stretch` holds from here to the next point.
    """

    lat: float
    lon: float
    key: str
    slips: tuple[Slip, ...]
    junction: str
    stretch: Stretch
    line: int


@dataclass(frozen=True, slots=True)
class MainRoad:
    """A numbered road, its points in the order in which they were written."""

    ref: str
    file: str
    points: tuple[RoadPoint, ...]


def read_main_roads(paths: Iterable[Path]) -> tuple[MainRoad, ...]:
    """Read road files and check that roads agree on the junctions that they share.

    Parameters
    ----------
    paths
        The files; they are read in order of name, so the order given cannot matter.

    Returns
    -------
    tuple of MainRoad
        In order of file name, then of appearance.

    Raises
    ------
    InvalidSource
        A line cannot be read, or one junction is given two positions. The message names file
        and line.
    """
    return decode_main_roads({path.name: _read(path) for path in paths})


def decode_main_roads(contents: Mapping[str, bytes]) -> tuple[MainRoad, ...]:
    """Do as `read_main_roads` does, from the files' contents by name."""
    roads = [road for name in sorted(contents) for road in _decode(contents[name], name)]
    mismatches = junction_mismatches(roads)
    if mismatches:
        raise InvalidSource("\n".join(mismatches))
    return tuple(roads)


def read_road_file(path: Path) -> tuple[MainRoad, ...]:
    """Read the roads of one file; errors as in `read_main_roads`, junctions not compared."""
    return _decode(_read(path), path.name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSource(f"{path.name}: cannot be read: {error}") from error


def _decode(content: bytes, file: str) -> tuple[MainRoad, ...]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{file}: cannot be read as UTF-8 text: {error}") from error
    return parse_roads(text, file)


def parse_roads(text: str, file: str) -> tuple[MainRoad, ...]:
    r"""Parse road text; `file` names it in errors.

    Examples
    --------
    >>> text = "road A61 class=primary limit=40\n53.5386 -1.5237\n53.5391 -1.5240 @A61-A628"
    >>> [(road.ref, len(road.points)) for road in parse_roads(text, "a61.txt")]
    [('A61', 2)]
    """
    reader = _Reader(file)
    for number, line in enumerate(text.splitlines(), start=1):
        reader.read(number, line)
    reader.finish_road()
    if not reader.roads:
        raise InvalidSource(f"{file}: holds no roads; begin one with 'road REF class=… limit=…'.")
    return tuple(reader.roads)


def junction_mismatches(roads: Iterable[MainRoad]) -> list[str]:
    """One message per use of a junction key whose position differs from its first use."""
    first: dict[str, tuple[MainRoad, RoadPoint]] = {}
    messages = []
    for road in roads:
        for point in road.points:
            if not point.key:
                continue
            other_road, other = first.setdefault(point.key, (road, point))
            if (other.lat, other.lon) != (point.lat, point.lon):
                messages.append(
                    f"{road.file}:{point.line}: @{point.key} is at {point.lat} {point.lon}, but "
                    f"{other_road.file}:{other.line} puts it at {other.lat} {other.lon}; "
                    "a shared junction needs the same position everywhere."
                )
    return messages


@dataclass(slots=True)
class _Reader:
    """The state between lines: the road being read and the attributes in force."""

    file: str
    roads: list[MainRoad] = field(default_factory=list)
    ref: str = ""
    start_line: int = 0
    line: int = 0
    stretch: Stretch = field(default_factory=lambda: Stretch("primary", 60))
    points: list[RoadPoint] = field(default_factory=list)

    def read(self, number: int, line: str) -> None:
        """Take one line of the file."""
        self.line = number
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise self.error(f"{str(error).lower()}; names go in double quotes") from error
        if not words:
            return
        if words[0] == "road":
            self.begin_road(words[1:])
        elif not self.ref:
            raise self.error("comes before the first 'road' line")
        elif words[0] == "set":
            self.stretch = self.changed(self.stretch, self.attributes(words[1:]))
        else:
            self.add_point(words)

    def begin_road(self, words: list[str]) -> None:
        self.finish_road()
        if not words or not _REF.fullmatch(words[0]):
            raise self.error("'road' needs a number such as M1, A61, A1(M) or B6070")
        given = self.attributes(words[1:])
        if "class" not in given:
            raise self.error("'road' needs class=motorway, trunk, primary or secondary")
        if given["class"] == "motorway":
            start = Stretch("motorway", 70, "dual", "rural", "junctions")
        elif "limit" in given:
            start = Stretch("primary", 60)
        else:
            raise self.error("a road that is no motorway needs limit=… in mph")
        self.ref, self.start_line = words[0], self.line
        self.stretch = self.changed(start, given)

    def finish_road(self) -> None:
        if not self.ref:
            return
        if len(self.points) < 2:
            raise InvalidSource(f"{self.file}:{self.start_line}: {self.ref} needs two points.")
        for end in (self.points[0], self.points[-1]):
            if end.slips:
                raise InvalidSource(
                    f"{self.file}:{end.line}: a road ends on its junction, so slips= has no "
                    "meaning at its first and last point; leave it out."
                )
        self.check_motorway()
        self.roads.append(MainRoad(self.ref, self.file, tuple(self.points)))
        self.ref, self.points = "", []

    def check_motorway(self) -> None:
        """A motorway is never crossed at grade, so an inner junction needs its slip roads."""
        for before, point in pairwise(self.points[:-1]):
            motorway = before.stretch.road_class == point.stretch.road_class == "motorway"
            if motorway and point.key and not point.slips:
                raise InvalidSource(
                    f"{self.file}:{point.line}: a motorway passes a junction with slips=…; only "
                    "its ends lie on their junctions."
                )

    def attributes(self, words: list[str]) -> dict[str, str]:
        """``name=value`` words as a dictionary; which names and values exist is checked here."""
        given: dict[str, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or name not in (*_CHOICES, "limit", "name"):
                known = ", ".join((*_CHOICES, "limit", "name"))
                raise self.error(f"'{word}' is not one of {known} followed by =value")
            if name in given:
                raise self.error(f"{name} is given twice")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise self.error(f"{name}={value} is not one of {', '.join(_CHOICES[name])}")
            if name == "limit" and value not in map(str, _LIMITS_MPH):
                raise self.error(f"limit={value} is not a British limit in mph: {_LIMITS_MPH}")
            given[name] = value
        if not given:
            raise self.error("changes nothing; give an attribute such as limit=40")
        return given

    def changed(self, stretch: Stretch, given: Mapping[str, str]) -> Stretch:
        return replace(
            stretch,
            road_class=cast(RoadClass, given.get("class", stretch.road_class)),
            limit_mph=int(given.get("limit", stretch.limit_mph)),
            carriageway=cast(Carriageway, given.get("carriageway", stretch.carriageway)),
            setting=cast(Setting, given.get("setting", stretch.setting)),
            access=cast(Access, given.get("access", stretch.access)),
            name=given.get("name", stretch.name),
        )

    def add_point(self, words: list[str]) -> None:
        if len(words) < 2 or not all(_COORDINATE.fullmatch(word) for word in words[:2]):
            raise self.error("a point is LAT LON with 4 to 6 decimals, such as 53.5386 -1.5237")
        lat, lon = float(words[0]), float(words[1])
        if not in_great_britain(lat, lon):
            raise self.error(f"{lat} {lon} is not in Great Britain; latitude comes first")
        key, slips, junction = self.junction(words[2:])
        if self.points:
            self.check_step(self.points[-1], lat, lon)
        self.points.append(RoadPoint(lat, lon, key, slips, junction, self.stretch, self.line))

    def junction(self, words: list[str]) -> tuple[str, tuple[Slip, ...], str]:
        """Key, slips and junction name from what follows the coordinates."""
        keys = [word for word in words if word.startswith("@")]
        slips = [word for word in words if word.startswith("slips=")]
        names = [word for word in words if word not in keys and word not in slips]
        for what, found in (("key", keys), ("slips=", slips), ("junction name", names)):
            if len(found) > 1:
                raise self.error(f"has more than one {what}; names of several words need quotes")
        if not keys and words:
            raise self.error("slips and a junction's name need the junction's @KEY")
        if keys and not _KEY.fullmatch(keys[0]):
            raise self.error(f"{keys[0]} is not a key; write letters, digits and - such as @M1-J37")
        key = keys[0][1:] if keys else ""
        return key, self.slips(slips[0][6:]) if slips else (), names[0] if names else ""

    def slips(self, text: str) -> tuple[Slip, ...]:
        given = text.split(",")
        if len(set(given)) != len(given) or not set(given) <= set(_SLIPS):
            raise self.error(f"slips={text} is not a list out of {','.join(_SLIPS)}")
        return tuple(slip for slip in _SLIPS if slip in given)

    def check_step(self, last: RoadPoint, lat: float, lon: float) -> None:
        north_m = (lat - last.lat) * METRES_PER_DEGREE
        east_m = (lon - last.lon) * METRES_PER_DEGREE * math.cos(math.radians(lat))
        step_m = math.hypot(north_m, east_m)
        if step_m == 0.0:
            raise self.error("repeats the point before it")
        if step_m > MAX_GAP_M:
            raise self.error(f"is {step_m / 1000:.1f} km from the last point; is a digit wrong")

    def error(self, what: str) -> InvalidSource:
        return InvalidSource(f"{self.file}:{self.line}: {what}.", file=self.file, line=self.line)
