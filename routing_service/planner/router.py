"""`Router`: the network for notebooks and scripts. A DataFrame in, a DataFrame out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing_service.answer import ALONG_CM, MASK, SEGMENT
from routing_service.config import DEFAULT_GRAPH
from routing_service.errors import UnknownUnit
from routing_service.live.snapshot import Limits, Snapshot

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from routing_service.decision.decision import Decision
    from routing_service.decision.model import Location, Route, Unit


class Router:
    """Travel times, decisions and routes on one network.

    Places are text in any form that people write (``"S70 1AA"``, ``"SE 344 061"``,
    ``"53.5526, -1.4797"``), a pair of latitude and longitude, or a `Location`.

    Parameters
    ----------
    snapshot
        What answers; `open` makes one from a graph file.

    Examples
    --------
    >>> router = Router.open("graphs/south_yorkshire.graph")  # doctest: +SKIP
    >>> router.decide("S70 1AA").destination.name  # doctest: +SKIP
    'Pinderfields Hospital'
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @classmethod
    def open(cls, path: str | Path = DEFAULT_GRAPH, *, limits: Limits | None = None) -> Router:
        """Open a graph file.

        Parameters
        ----------
        path
            Built by ``hasu build``; default the default network's.
        limits
            Thresholds other than the service's defaults.

        Raises
        ------
        GraphFileMissing, NotAGraphFile, GraphFileVersion, GraphFileTruncated, GraphFileCorrupt
        """
        from routing_service.wiring.opening import open_snapshot

        return cls(open_snapshot(Path(path), limits))

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of their ODS codes."""
        return self.snapshot.units

    def decide(self, place: str | tuple[float, float] | Location) -> Decision:
        """Rank the units for one place.

        Raises
        ------
        InvalidLocation, SwappedCoordinates, UnknownPostcode
            The place cannot be read.
        OutsideRegion, TooFarFromRoad
            It is off the map, or far from any road.
        """
        return self.snapshot.decide(_location(place))

    def route(self, place: str | tuple[float, float] | Location, ods_code: str) -> Route:
        """The way from a place to one unit.

        Raises
        ------
        UnknownUnit, NoRoute
            And what `decide` raises.
        """
        return self.snapshot.route(_location(place), ods_code)

    def route_nodes(self, place: str | tuple[float, float] | Location, ods_code: str) -> list[int]:
        """The same way as nodes of the graph that `to_networkx` gives, whole roads at both ends.

        Raises
        ------
        UnknownUnit, NoRoute
            And what `decide` raises.

        Examples
        --------
        >>> import osmnx  # doctest: +SKIP
        >>> nodes = router.route_nodes("S70 1AA", "RXF05")  # doctest: +SKIP
        >>> osmnx.plot_graph_route(router.to_networkx(), nodes)  # doctest: +SKIP
        """
        from routing_service.graph.networkx_export import path_nodes
        from routing_service.live.route import path_edges

        location = _location(place)
        self.snapshot.route(location, ods_code)  # refuses what cannot be answered
        graph = self.snapshot.graph.in_set(self.snapshot.speed_set)
        numbers = self.snapshot.answers(np.array([location.lon]), np.array([location.lat]))[0]
        start = (int(numbers[SEGMENT]), int(numbers[ALONG_CM]), int(numbers[MASK]))
        edges = path_edges(graph, graph.labelled(), self._index(ods_code), start)
        return path_nodes(graph, edges)

    def matrix(self, points: pd.DataFrame) -> pd.DataFrame:
        """Times from many places to every unit.

        Parameters
        ----------
        points
            A table with columns ``lat`` and ``lon``, ``easting`` and ``northing``, ``grid_ref``
            or ``postcode``; others are left alone.

        Returns
        -------
        pandas.DataFrame
            A row for each of `points`, under the same index: position, destination, nearest unit,
            margin, and for each unit minutes, km, 10 % and 90 % points and the probability of
            being nearest, as `decide` gives them. ``error`` says why a row has no times, as the
            stable code of an error; missing where there is none.

        Raises
        ------
        InvalidPoints
            No column says where the points are.
        MissingExtra
            Postcodes, without the package that knows them.
        """
        from routing_service.planner.frames import matrix_frame

        return matrix_frame(self.snapshot, points)

    def to_networkx(self) -> nx.MultiDiGraph:
        """The roads as OSMnx and networkx take them; see `graph.networkx_export`."""
        return self.snapshot.graph.to_networkx()

    def _index(self, ods_code: str) -> int:
        for u, unit in enumerate(self.units):
            if unit.ods_code == ods_code:
                return u
        raise UnknownUnit(f"no unit {ods_code!r} in this network")

    def __repr__(self) -> str:
        codes = ", ".join(unit.ods_code for unit in self.units)
        return (
            f"Router({self.snapshot.network} network {self.snapshot.graph_id[:12]},"
            f" profile {self.snapshot.profile}, units {codes})"
        )


def _location(place: str | tuple[float, float] | Location) -> Location:
    from routing_service.location.forms import parse_free_text, parse_location

    if isinstance(place, str):
        return parse_free_text(place)
    if isinstance(place, tuple):
        lat, lon = place
        return parse_location({"lat": float(lat), "lon": float(lon)})
    return place
