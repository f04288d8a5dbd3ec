"""What is kept of a map file after the pass over it, whoever read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from routing_service.graph.sources.raw import Tags
from routing_service.units import IntArray, LongArray


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes of one file, by rising id."""

    ids: LongArray
    lon_e7: IntArray
    lat_e7: IntArray


@dataclass(frozen=True, slots=True)
class Extract:
    """A file's nodes; its roads and restrictions went to the builder.

    Attributes
    ----------
    path, file_format
        The file, and what pyosmium calls its format.
    tags
        Routing tags of the nodes that may slow or stop a vehicle, by id.
    locate
        Takes ids (``int64[n]``, rising, positive) and gives those nodes that the file has.
    """

    path: Path
    file_format: str
    tags: Mapping[int, Tags]
    locate: Callable[[LongArray], Nodes]
