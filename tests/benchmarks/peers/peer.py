"""What every engine is asked to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Point = tuple[float, float]
"""Longitude and latitude in degrees."""


@dataclass(frozen=True)
class Closure:
    """A stretch of road, shut both ways: OSM node ids along it, and points on it."""

    nodes: tuple[int, ...]
    points: tuple[Point, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Consecutive nodes, each pair in both orders."""
        forward = list(zip(self.nodes, self.nodes[1:], strict=False))
        return forward + [(b, a) for a, b in forward]


@dataclass(frozen=True)
class Scene:
    """What to set up: an extract, the units, and a folder for what the engine makes of them."""

    pbf: Path
    units: tuple[Point, ...]
    folder: Path

    @classmethod
    def from_json(cls, scene: Mapping[str, Any]) -> Scene:
        """The inverse of `as_json`."""
        units = tuple((lon, lat) for lon, lat in scene["units"])
        return cls(Path(scene["pbf"]), units, Path(scene["folder"]))

    def as_json(self) -> dict[str, Any]:
        """As the worker is told."""
        return {"pbf": str(self.pbf), "units": self.units, "folder": str(self.folder)}


@dataclass(frozen=True)
class Server:
    """How to serve the engine over HTTP, and what to ask it: ``{lon}`` and ``{lat}`` are filled.

    `connections` ask at once; fewer for one so slow that a queue would time out.
    """

    command: Sequence[str]
    paths: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    connections: int = 64


class Peer(ABC):
    """An engine at the question: seconds from one place to each of the units."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @abstractmethod
    def set_up(self) -> None:
        """From the extract to being able to answer."""

    @abstractmethod
    def ask(self, lon: float, lat: float) -> Any:
        """One question, answered as the engine does; this is what is timed."""

    def seconds_of(self, answer: Any) -> list[float]:
        """Seconds to each unit in an answer of `ask`, infinite where there is no route."""
        return [float(seconds) for seconds in answer]

    def get_ready_to_close(self) -> None:  # noqa: B027
        """What a running service has behind it when a closure comes; not timed."""

    @abstractmethod
    def close(self, closure: Closure) -> None:
        """Take a closure, so that the next answer heeds it."""

    def ask_many(self, places: Sequence[Point]) -> Any:
        """Many places in one call, for engines that have such a call."""
        raise NotImplementedError

    def server(self, port: int) -> Server | None:
        """How to serve it, for engines that come with a server."""
        return None
