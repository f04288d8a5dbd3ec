"""What the command line understands and shows, without running anything heavy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from routing_service.cli import make_parser, shield
from routing_service.commands import build, terminal
from routing_service.config import Settings, default_region


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that tests move; its one entry is the time in seconds."""
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    return now_s


# --- arguments -----------------------------------------------------------------------------
def parse(*words: str) -> dict[str, Any]:
    return vars(make_parser().parse_args(shield(words)))


def test_western_longitudes_are_values_and_not_options() -> None:
    assert parse("build", "--bbox", "-1.9,53.2,-0.9,53.8")["bbox"] == (-1.9, 53.2, -0.9, 53.8)
    assert parse("decide", "53.55,-1.48")["location"] == ["53.55,-1.48"]
    assert parse("decide", "-1.48,53.55")["location"] == [
        " -1.48,53.55"
    ]  # for the parser to refuse
    assert parse("decide", "53.55", "-1.48")["location"] == ["53.55", "-1.48"]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ([], "graphs/south_yorkshire.graph"),
        (["--pbf", "maps/west-yorkshire.osm.pbf", "b.osm.pbf"], "graphs/west_yorkshire.graph"),
        (["--xml", "newport.osm"], "graphs/newport.graph"),
        (["--graphml", "saved.graphml"], "graphs/saved.graph"),
        (["--place", "Doncaster, England"], "graphs/doncaster_england.graph"),
        (["--bbox", "-1.9,53.2,-0.9,53.8"], "graphs/bbox.graph"),
        (["--pbf", "a.osm.pbf", "--out", "x.graph"], "x.graph"),
    ],
)
def test_a_surrogate_and_a_real_network_never_replace_each_other_unasked(
    words: list[str], out: str
) -> None:
    args = make_parser().parse_args(shield(["build", *words]))
    request = build.request(args, Settings(graph=Path("graphs/in_service.graph")))
    assert request.out == Path(out)
    assert request.units == default_region() / "hasus.toml"
    assert (request.region is None) == bool(words)


# --- progress ------------------------------------------------------------------------------
def test_a_terminal_sees_a_bar_that_fills_and_one_line_for_each_stage(clock: list[float]) -> None:
    screen = Terminal()
    with terminal.Bar({"trees": "Growing trees"}, screen) as bar:
        bar("split", 0.0)
        clock[0] += 2.0
        bar("trees", 0.0)
        clock[0] += 1.0
        bar("trees", 0.5)
        clock[0] += 0.5
    drawn = [line.split("\r")[-1] for line in screen.getvalue().strip().split("\n")]
    assert [line.split("█")[0].strip() for line in drawn] == ["Split", "Growing trees"]
    assert [line.split("100%")[1].strip() for line in drawn] == ["2.0 s", "1.5 s"]
    assert "████████████░░░░░░░░░░░░  50%    1.0 s" in screen.getvalue()


def test_a_terminal_is_not_drawn_faster_than_people_see(clock: list[float]) -> None:
    screen = Terminal()
    with terminal.Bar({}, screen) as bar:
        for step in range(1000):
            clock[0] += 0.001
            bar("trees", step / 1000)
    assert screen.getvalue().count("\r") <= 12  # 1 s at 0.1 s each, and the end


def test_a_log_gets_one_line_for_each_stage(clock: list[float]) -> None:
    log = io.StringIO()
    with terminal.Bar({}, log) as bar:
        bar("split", 0.0)
        for share in (0.0, 0.5, 1.0):
            clock[0] += 1.0
            bar("trees", share)
    assert [line.split() for line in log.getvalue().splitlines()] == [
        ["Split", "1.0", "s"],
        ["Trees", "2.0", "s"],
    ]


def test_a_stage_that_failed_is_not_shown_as_done(clock: list[float]) -> None:
    log = io.StringIO()
    bar = terminal.Bar({}, log)
    bar("split", 0.0)
    bar.__exit__(ValueError)
    assert log.getvalue() == ""


# --- tables --------------------------------------------------------------------------------
def test_records_become_a_table_without_empty_columns() -> None:
    units = [
        {"door": "site_point", "name": "North", "ods_code": "N", "trust": ""},
        {"door": "surveyed", "name": "South", "ods_code": "S", "trust": ""},
    ]
    assert terminal.facts({"network": "osm", "units": units}).splitlines() == [
        "network  osm",
        "units",
        "  name   ods_code  door",
        "  North  N         site_point",
        "  South  S         surveyed",
    ]
