"""The report of the six villages: whole, the same each time, and asking for nothing elsewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import shapely
from pyarrow import csv, parquet

from routing_service.pages.table import Table
from routing_service.planner import report_map
from routing_service.planner.manifest import make_manifest
from routing_service.planner.population import Source
from routing_service.planner.report import write_report
from routing_service.planner.result_files import FORMATS, write_results
from routing_service.planner.run import Findings
from routing_service.planner.study import Scenario
from routing_service.planner.summary import as_tree
from routing_service.planner.tables import overview, percent, scenario_tables
from tests.planner_scene import AREAS, run, snapshot

SCENARIOS = (
    Scenario("north <closed>", note="A note & more.", close=("NORTH",)),
    Scenario("south on divert", divert_minutes={"SOUTH": 60.0}),
)


def told() -> tuple[Findings, dict[str, Any]]:
    findings = run(*SCENARIOS)
    sources = (Source("villages.toml", "0" * 64, "study"),)
    manifest = make_manifest(snapshot(), sources, "hasu plan report villages.toml")
    return findings, as_tree(findings) | {"manifest": manifest}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> str:
    squares = {
        name: shapely.box(-1.6, 53.4 + k / 20, -1.4, 53.45 + k / 20) for k, name in enumerate(AREAS)
    }
    monkeypatch.setattr(report_map, "outlines_of", lambda names: {n: squares[n] for n in names})
    return write_report(*told())


class Reader(HTMLParser):
    """Collects tags, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = dict(attrs)
        self.links += [str(known[name]) for name in ("href", "src") if name in known]
        self.ids += [str(known["id"])] if "id" in known else []

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_stands_alone(page: str) -> None:
    read = Reader(page)
    assert "script" not in read.tags
    assert all(link.startswith("#") for link in read.links)
    assert not re.search(r"url\(|@import|https?://", page)
    assert {link[1:] for link in read.links} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


def test_the_page_says_what_it_does_not_say(page: str) -> None:
    words = Reader(page).words
    assert "Minutes are not outcomes" in words
    assert "it does not judge" in words
    assert "The network is a surrogate" in words
    assert "not to the surveyed entrance, of NORTH" in words


def test_names_and_notes_cannot_break_the_page(page: str) -> None:
    words = Reader(page).words
    assert "north <closed>" in words
    assert "A note & more." in words
    assert "<closed>" not in page


def test_each_scenario_has_its_maps_and_tables(page: str) -> None:
    ids = Reader(page).ids
    for key in ("base-unit", "base-minutes", "s0-change", "s0-unit", "s0-minutes", "s1-change"):
        assert f"map-{key}" in ids
        assert f"#by-{key}:checked ~ #map-{key}" in page
    assert page.count("Who gains and who loses") == 2


def test_every_colour_of_a_map_is_in_the_style_sheet(page: str) -> None:
    used = set(re.findall(r'class="([ctu]\d)"', page))
    assert used
    for name in used:
        assert page.count(f"--{name}:") == 2, name


def test_the_same_study_gives_the_same_bytes(page: str, tmp_path: Path) -> None:
    assert write_report(*told()) == page
    for kind in FORMATS:
        folders = [tmp_path / f"{kind}{k}" for k in (1, 2)]
        written = [write_results(*told(), folder, kind) for folder in folders]
        for one, other in zip(*written, strict=True):
            assert one.read_bytes() == other.read_bytes(), one.name


def test_no_clock_and_no_folder_is_in_what_is_written(page: str, tmp_path: Path) -> None:
    write_results(*told(), tmp_path)
    for text in (page, *(path.read_text() for path in tmp_path.iterdir())):
        assert str(tmp_path.parent) not in text
        assert not re.search(r"\b20[23]\d-\d\d-\d\d", text)


# --- tables ------------------------------------------------------------------------------------
def test_the_change_table_has_a_row_for_each_place_and_scenario(tmp_path: Path) -> None:
    findings, tree = told()
    write_results(findings, tree, tmp_path, "parquet")
    table = parquet.read_table(tmp_path / "changes.parquet")
    assert table.num_rows == 12
    row = table.slice(2, 1).to_pylist()[0]
    assert row == {
        "scenario": "north <closed>",
        "id": "c",
        "area": "Upland 001B",
        "area_code": "E01000002",
        "lat": 53.54,
        "lon": -1.5,
        "weight": 3.0,
        "district": "Upland",
        "deprivation": "2 (least deprived)",
        "before_unit": "NORTH",
        "before_minutes": 4.98,
        "after_unit": "SOUTH",
        "after_minutes": 11.62,
        "change_minutes": 6.64,
        "nearest": "SOUTH",
        "nearest_minutes": 11.62,
    }


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    findings, tree = told()
    for kind in FORMATS:
        write_results(findings, tree, tmp_path, kind)
    for name in ("changes", "populations", "flows", "units"):
        one = csv.read_csv(tmp_path / f"{name}.csv").to_pylist()
        assert one == parquet.read_table(tmp_path / f"{name}.parquet").to_pylist(), name
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["scenarios"][0]["groups"][0]["change"]["affected"] == 0.6


def test_extra_admissions_add_up_to_nothing() -> None:
    _, tree = told()
    for scenario in tree["scenarios"]:
        assert sum(row["extra"] for row in scenario["units"]) == pytest.approx(0.0)


def test_tables_without_rows_are_left_out() -> None:
    findings = run(Scenario("as it is"))
    titles = [table.title for table in scenario_tables(as_tree(findings)["scenarios"][0])]
    assert "Flows between units" not in titles
    assert isinstance(overview(as_tree(findings)), Table)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1e-6, "under 0.1 %"), (0.12345, "12.3 %"), (1.0, "100 %")]
)
def test_shares_are_told_as_people_say_them(value: float, shown: str) -> None:
    assert percent(value) == shown
