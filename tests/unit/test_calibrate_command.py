"""`hasu calibrate`, and which calibration `hasu build` takes."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from routing_service.cli import main, make_parser
from routing_service.commands import build
from routing_service.config import Settings, default_region

SHIPPED = default_region() / "calibration.toml"


def options(*words: str) -> Namespace:
    return make_parser().parse_args(["build", *words])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], SHIPPED),
        (["--calibration", "none"], None),
        (["--calibration", "trust.toml"], Path("trust.toml")),
        # Fitted for blue_light, it says nothing of a car, and nothing of another map.
        (["--profile", "car"], None),
        (["--pbf", "a.osm.pbf"], None),
        (["--pbf", "a.osm.pbf", "--calibration", "trust.toml"], Path("trust.toml")),
    ],
)
def test_a_build_takes_the_calibration_of_its_region_or_the_one_named(
    words: list[str], expected: Path | None
) -> None:
    assert build.request(options(*words), Settings()).calibration == expected


def test_a_region_without_a_calibration_is_built_uncalibrated(tmp_path: Path) -> None:
    asked = build.request(options("--region", str(tmp_path)), Settings())
    assert asked.calibration is None
    (tmp_path / "calibration.toml").touch()
    asked = build.request(options("--region", str(tmp_path)), Settings())
    assert asked.calibration == tmp_path / "calibration.toml"


def test_a_table_that_cannot_be_read_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = tmp_path / "trips.csv", tmp_path / "c.toml"
    table.write_text("lat,lon,unit,minutes\n53.5,-1.4,NOWHERE,20\n")
    assert main(["calibrate", "--reference", str(table), "--out", str(out)]) == 1
    assert "[invalid_observations]: trips.csv: 1 of 1 rows are unusable" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("words", [[], ["--reference", "x.csv"], ["--out", "c.toml"]])
def test_reference_and_out_must_be_named(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", *words])
    assert ended.value.code == 2


@pytest.mark.parametrize("metres", ["0", "499", "20001", "wide"])
def test_cells_have_a_sensible_size(metres: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["calibrate", "--reference", "x", "--out", "y", "--cell-m", metres])
    assert "500 to 20000" in capsys.readouterr().err
