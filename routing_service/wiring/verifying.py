"""What a graph file is checked for before it may serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from routing_service.config import default_region
from routing_service.graph.graph_file import open_graph_file
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.trees import check_trees
from routing_service.live.golden import Miss, check_golden, read_golden
from routing_service.wiring.opening import open_snapshot


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked: sections with their checksums, edges and turns under the certificate."""

    graph_id: str
    sections: int
    edges: int
    turns: int
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How many golden incidents were asked, and those that were answered wrongly."""

    path: Path
    incidents: int
    misses: tuple[Miss, ...]


def verify_network(path: Path) -> VerifyReport:
    """Check a graph file in full: every checksum, the structure, the certificate of each tree.

    Raises
    ------
    GraphFileMissing, NotAGraphFile, GraphFileVersion, GraphFileTruncated, GraphFileCorrupt
        Saying what does not hold.
    """
    file = open_graph_file(path, verify=True)
    graph = RoadGraph.from_sections(file.manifest, file.sections)
    graph.validate()
    check_trees(graph)
    return VerifyReport(
        graph_id=file.graph_id,
        sections=len(file.sections),
        edges=graph.n_edges,
        turns=len(graph.turn_to),
        units=tuple(unit.ods_code for unit in graph.units),
    )


def verify_golden(path: Path, incidents: Path | None = None) -> GoldenReport:
    """Ask a graph file for every golden incident of a file; without one, of the default region.

    Raises
    ------
    InvalidGolden
        If the incidents cannot be read or were written for other units.
    """
    source = incidents or default_region() / "golden.toml"
    golden = read_golden(source)
    misses = check_golden(open_snapshot(path), golden)
    return GoldenReport(source, len(golden.incidents), misses)
