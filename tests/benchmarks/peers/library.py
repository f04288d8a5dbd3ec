"""What the graph libraries share: the street map, and snapping to its junctions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from tests.benchmarks.peers.peer import Closure, Peer
from tests.benchmarks.peers.street_map import StreetMap


class Library(Peer):
    """Reads the map and snaps units and incidents to junctions; the rest is the library's."""

    def set_up(self) -> None:
        self.streets = StreetMap(self.scene.pbf)
        self.units = [self.streets.nearest(lon, lat) for lon, lat in self.scene.units]
        self.build(self.streets)

    @abstractmethod
    def build(self, streets: StreetMap) -> None:
        """Make the library's graph."""

    def close(self, closure: Closure) -> None:
        self.remove(self.streets.edges_of(closure))

    @abstractmethod
    def remove(self, edges: Sequence[int]) -> None:
        """Take edges out of the library's graph."""
