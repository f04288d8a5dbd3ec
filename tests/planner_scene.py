"""Six villages on one straight road, in three small areas of two districts.

lat   53.60 NORTH  a (Upland)   weight 1
      53.58        b (Upland)          2
      53.54        c (Upland)          3
      53.46        d (Lowland)         2
      53.42        e (Lowland)         1
      53.40 SOUTH  f (Lowland)         1

A lane leaves the road at each fiftieth of a degree, so that no stretch between two junctions is
longer. A fiftieth takes 99.6 s, so the whole road takes 16.6 minutes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from routing_service.graph.build import build_graph
from routing_service.graph.profile import Profile
from routing_service.graph.road_graph import RoadGraph
from routing_service.graph.sources.assemble import RawBuilder
from routing_service.live.snapshot import Snapshot
from routing_service.planner.population import Grouping, Population, by_label, whole_parts
from routing_service.planner.run import Findings, run_study
from routing_service.planner.study import PopulationRequest, Scenario, Study
from tests.api_scene import GRAPH_ID, NORTH, SOURCE, SOUTH

LATS = (53.60, 53.58, 53.54, 53.46, 53.42, 53.40)
WEIGHTS = (1.0, 2.0, 3.0, 2.0, 1.0, 1.0)
AREAS = ("Upland 001A", "Upland 001B", "Lowland 001A")
CODES = ("E01000001", "E01000002", "E01000003")


@cache
def graph() -> RoadGraph:
    """The road, its lanes, and the units at its ends."""
    builder = RawBuilder()
    for n in range(21):
        builder.add_node(n, -15_000_000, 534_000_000 + n * 100_000)
    builder.add_way(1, range(21), {"highway": "primary", "ref": "A61", "maxspeed": "60 mph"})
    for n in range(2, 20, 2):
        builder.add_node(100 + n, -14_990_000, 534_000_000 + n * 100_000)
        builder.add_way(100 + n, [n, 100 + n], {"highway": "residential"})
    raw = builder.finish("surrogate", [SOURCE])
    return build_graph(raw, Profile.load("car"), [NORTH, SOUTH])


def snapshot() -> Snapshot:
    """The network with both units open."""
    return Snapshot(graph(), GRAPH_ID)


def population() -> Population:
    """The villages, grouped by district and by deprivation, and with people of two ages."""
    lat = np.array(LATS)
    lon = np.full(len(lat), -1.5)
    area = np.array([0, 0, 1, 2, 2, 2], dtype=np.int32)
    most, least = "1 (most deprived)", "2 (least deprived)"
    deprivation = Grouping(
        "deprivation",
        (most, least),
        np.array([1, 1, 1, 0, 0, 0], dtype=np.int32),
        extremes=(most, least),
        note="made up",
    )
    ages = np.stack([whole_parts(np.array(row)) for row in ([5.0] * 6, [0.0] * 3 + [9.0] * 3)])
    return Population(
        what="villages",
        weight_what="patients",
        ids=tuple("abcdef"),
        lon=lon,
        lat=lat,
        parts=whole_parts(np.array(WEIGHTS)),
        area=area,
        areas=AREAS,
        area_codes=CODES,
        first=np.arange(7, dtype=np.int32),
        point_lon=lon,
        point_lat=lat,
        groupings=(
            by_label("district", ["Upland"] * 3 + ["Lowland"] * 3),
            deprivation,
            Grouping("age", ("young", "old"), None, ages),
        ),
    )


def study(*scenarios: Scenario, baseline: Scenario | None = None) -> Study:
    """A study of the villages."""
    request = PopulationRequest("lsoa")
    first = replace(baseline, name="baseline") if baseline else Scenario("baseline")
    return Study("Six villages", request, first, scenarios, "villages.toml", "0" * 64)


def run(
    *scenarios: Scenario, baseline: Scenario | None = None, at: Snapshot | None = None
) -> Findings:
    """What becomes of the villages."""
    asked = study(*scenarios, baseline=baseline)
    return run_study(asked, population(), at or snapshot())


def units(findings: Findings, scenario: int = 0) -> str:
    """Initials of the units that the villages go to, ``-`` for none; ``!`` parts phases."""
    initials = [unit.ods_code[0] for unit in findings.columns.units] + ["-"]
    return "!".join(
        "".join(initials[u] for u in phase)
        for phase in findings.outcomes[scenario].after.unit.tolist()
    )
