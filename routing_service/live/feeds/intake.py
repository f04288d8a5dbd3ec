"""From notices to events: once each, in the order in which they were said, the broken set aside."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from routing_service.errors import (
    ClosureHitsNothing,
    InvalidClosure,
    InvalidLocation,
    InvalidSource,
    LooksLikePatientData,
    SwappedCoordinates,
)
from routing_service.graph.road_graph import RoadGraph
from routing_service.live.closure import Closure, Disc, Line
from routing_service.live.events import ClosureOpened, ClosureRevoked, Event
from routing_service.live.feeds import datex2, street_manager
from routing_service.live.feeds.notice import POINT_RADIUS_M, Broken, Notice
from routing_service.live.hit import find_edges
from routing_service.live.store import LiveStore

FEEDS: Final = (street_manager, datex2)
_ABOUT_THE_MESSAGE: Final = (
    InvalidClosure,
    InvalidLocation,
    LooksLikePatientData,
    SwappedCoordinates,
)
MAX_BYTES: Final = 268_435_456


@dataclass(slots=True)
class Report:
    """What became of the messages: ids of closures and references of notices."""

    opened: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    broken: list[tuple[str, Broken]] = field(default_factory=list)


@dataclass(slots=True)
class _Said:
    """What the store tells of one reference.

    When it was last spoken of; each of its closures as last opened, which stays known when somebody
    else revokes it; and which of them are open.
    """

    at: datetime | None = None
    closures: dict[str, Closure] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)


class Intake:
    """Takes messages into a store.

    Everything that it knows of earlier messages it reads from the store's events, so that any
    process on any host may take in any message again.

    Parameters
    ----------
    store
        Where events go.
    graph
        What does not lie on this network is left out: it would be no closure of any road here.
    clock
        Gives the present moment, with a time zone.
    """

    def __init__(self, store: LiveStore, graph: RoadGraph, clock: Callable[[], datetime]) -> None:
        self._store, self._graph, self._clock = store, graph, clock
        self._said: dict[str, _Said] = {}
        self._version = 0
        self.report = Report()

    def take(self, path: Path, set_aside: Path) -> None:
        """Take in a message file; if it is broken, a copy and its reason go to `set_aside`.

        Raises
        ------
        MissingExtra, StoreUnavailable, StoreCorrupt, OSError
        """
        broken = [each for each in self._read(path) if isinstance(each, Broken)]
        if broken:
            set_aside.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, set_aside / path.name)
            reasons = "".join(f"{each.reference}: {each.reason}\n" for each in broken)
            (set_aside / f"{path.name}.reason.txt").write_text(reasons, encoding="utf-8")
            self.report.broken += [(path.name, each) for each in broken]

    def _read(self, path: Path) -> Iterable[Notice | Broken]:
        """Everything in a file; what can be used is taken in on the way."""
        for each in read_message(path):
            if isinstance(each, Broken):
                yield each
                continue
            try:
                self.apply(each)
            except _ABOUT_THE_MESSAGE as error:
                yield Broken(each.reference, error.detail)

    def apply(self, notice: Notice) -> None:
        """Bring the store to what a notice says, with as few events as that takes."""
        self._catch_up()
        said = self._said.get(notice.reference, _Said())
        report = self.report
        if said.at is not None and notice.said_at < said.at:
            report.outdated.append(notice.reference)
            return
        wanted = {c.id: c for c in map(self._placed, notice.closures) if c is not None}
        if notice.closures and not wanted:
            report.elsewhere.append(notice.reference)
        source = f"{notice.reference.partition(':')[0]} {notice.said_at.isoformat()}"
        for id_, closure in wanted.items():
            before = said.closures.get(id_)
            if before == closure:
                report.known.append(id_)
                continue
            self._store.append(ClosureOpened(closure), closure.source, self._clock())
            (report.opened if before is None else report.changed).append(id_)
        for id_ in sorted(said.open.difference(wanted)):
            self._store.append(ClosureRevoked(id_), source, self._clock())
            report.revoked.append(id_)

    def _placed(self, closure: Closure) -> Closure | None:
        """The closure, if it hits a road here; works drawn across a road, as the point they are."""
        try:
            find_edges(self._graph, closure)
        except ClosureHitsNothing:
            if not isinstance(closure.where, Line):
                return None
            lon, lat = closure.where.points[len(closure.where.points) // 2]
            return self._placed(replace(closure, where=Disc(lat, lon, POINT_RADIUS_M)))
        return closure

    def _catch_up(self) -> None:
        """Read what was stored since, by this or by others."""
        for event in self._store.read(self._version):
            self._version = event.version
            self._learn(event)

    def _learn(self, event: Event) -> None:
        body = event.body
        if isinstance(body, ClosureOpened):
            id_, source = body.closure.id, body.closure.source
        elif isinstance(body, ClosureRevoked):
            id_, source = body.closure_id, event.author
        else:
            return
        said = self._said.setdefault(id_.partition("#")[0], _Said())
        said.at = _said_at(source) or said.at
        if isinstance(body, ClosureOpened):
            said.closures[id_] = body.closure
            said.open.add(id_)
        else:
            said.open.discard(id_)


def read_message(path: Path) -> list[Notice | Broken]:
    """Read a message file of whichever feed.

    Raises
    ------
    MissingExtra, OSError
    """
    if path.stat().st_size > MAX_BYTES:
        return [Broken(path.name, f"it is larger than {MAX_BYTES} bytes")]
    content = path.read_bytes()
    for feed in FEEDS:
        if feed.recognises(content):
            return list(feed.read(content))
    return [Broken(path.name, "it is neither a message of Street Manager nor DATEX II")]


def find_messages(paths: Iterable[Path]) -> list[Path]:
    """Files among some paths, and those in the folders among them, in the order of their names.

    Raises
    ------
    InvalidSource
        If a path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (each for each in path.iterdir() if each.is_file())
            found += sorted(each for each in inside if not each.name.startswith("."))
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidSource(f"There is no message at {path}.")
    return found


def _said_at(source: str) -> datetime | None:
    """When a feed said what an event is about; None if no feed said it."""
    try:
        return datetime.fromisoformat(source.partition(" ")[2])
    except ValueError:
        return None
