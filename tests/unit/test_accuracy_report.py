"""What is told of a study: figures, tables and a page, the same each time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from routing_service.calibration import area_map, plots, probabilities, tables
from routing_service.calibration.page import write_page
from routing_service.calibration.report import as_json
from routing_service.calibration.study import Study
from routing_service.calibration.validate import (
    Result,
    held_out,
    learning_curve,
    straight_line,
    yardstick,
)
from routing_service.pages import svg
from tests.accuracy_scene import reference


def study(noise_minutes: float = 1.5) -> Study:
    """A straight line judged by itself: enough for every part of a report."""
    observations = reference(noise_minutes)
    return Study(
        {"network": "surrogate", "profile": "car", "calibration": "fitted anew"},
        {"name": "toy <table>", "sha256": "0" * 64},
        (yardstick(observations),),
        tuple(
            held_out(split, observations, straight_line) for split in ("random", "district", "unit")
        ),
        learning_curve(observations, straight_line),
    )


@pytest.fixture(scope="module")
def told() -> Study:
    return study()


# --- figures -----------------------------------------------------------------------------------
def test_the_figures_are_json_and_the_same_each_time(told: Study) -> None:
    text = json.dumps(as_json(told), allow_nan=False)
    assert text == json.dumps(as_json(study()), allow_nan=False)
    tree = json.loads(text)
    assert [row["name"] for row in tree["context"]] == ["straight line"]
    assert [row["name"] for row in tree["results"]] == [
        "random halves",
        "whole districts",
        "whole units",
    ]
    assert tree["units"] == ["A", "B"]


def test_draws_are_pooled_but_places_are_counted_once(told: Study) -> None:
    random, district, unit = as_json(told)["results"]
    assert random["draws"] == 3
    assert random["errors"]["pairs"] == 3 * 128
    assert random["choice"]["places"] == district["choice"]["places"] == 64
    assert len(random["choice_by_draw"]) == 3
    assert np.mean(random["choice_by_draw"]) == pytest.approx(
        random["choice"]["agreement"], abs=1e-4
    )
    # The units of a place come from different fits here: nothing is chosen.
    assert unit["choice"] is unit["confusion"] is unit["worst"] is unit["error_model"] is None


def test_parts_add_up_to_the_whole(told: Study) -> None:
    for result in as_json(told)["results"]:
        for parts in (result["by_district"], result["by_unit"]):
            pairs = [row["errors"]["pairs"] for row in parts]
            assert sum(pairs) == result["errors"]["pairs"]
            mean = np.average([row["errors"]["bias_minutes"] for row in parts], weights=pairs)
            assert mean == pytest.approx(result["errors"]["bias_minutes"], abs=2e-4)


def test_errors_under_45_minutes_leave_the_far_pairs_out() -> None:
    observations = reference()
    minutes = observations.minutes + np.where(observations.minutes > 25.0, 20.0, 0.0)
    told = replace(study(), results=(yardstick(replace(observations, minutes=minutes)),))
    figures = as_json(told)["results"][0]
    near = observations.scored & (minutes < 45.0)
    assert figures["errors_under_45"]["pairs"] == near.sum()
    assert figures["errors"]["pairs"] == observations.scored.sum() > near.sum()


def test_the_worst_place_is_told_with_both_units(told: Study) -> None:
    result = replace(told.main, ours=told.main.ours.copy())
    place = "P00"  # in the south: B is the nearer by far
    for row, name in enumerate(result.tested.place):
        if name == place:
            result.ours[:, row] = {0: 1.0, 1: 99.0}[int(result.tested.unit[row])]
    first = as_json(replace(told, results=(result,)))["results"][0]["worst"][0]
    assert (first["place"], first["ours"], first["reference"]) == ("P00", "A", "B")
    assert first["ours_minutes"] == [1.0, 99.0]
    assert first["loss_minutes"] == pytest.approx(first["margin_minutes"])


# --- probabilities -----------------------------------------------------------------------------
def lognormal(sigma_scene: float, sigma_unit: float) -> Result:
    """Ours, and a truth that strays from it just as the error model says."""
    tested = reference()
    tested = tested.where(tested.scored)
    repeated = np.tile(np.arange(len(tested)), 40)
    many = replace(
        tested,
        place=tuple(f"{k // len(tested):02d} {tested.place[r]}" for k, r in enumerate(repeated)),
        district=tested.district * 40,
        period=tested.period * 40,
        lon=tested.lon[repeated],
        lat=tested.lat[repeated],
        unit=tested.unit[repeated],
        minutes=tested.minutes[repeated],
        weight=tested.weight[repeated],
        scored=tested.scored[repeated],
    )
    rng = np.random.default_rng(11)
    scene = np.repeat(rng.normal(0.0, sigma_scene, len(many) // 2), 2)
    error = scene + rng.normal(0.0, sigma_unit, len(many))
    return Result("", "", replace(many, minutes=many.minutes * np.exp(error)), many.minutes[None])


def test_probabilities_hold_where_the_world_is_as_the_model_says() -> None:
    checked = probabilities.check(lognormal(0.10, 0.08))
    assert checked is not None
    assert checked["coverage"] == pytest.approx(0.80, abs=0.01)
    assert checked["share_right"] == pytest.approx(checked["mean_probability"], abs=0.01)
    for row in checked["reliability"]:
        stated, n = row["mean_probability"], row["n"]
        if n > 100:
            # Within three standard errors of a share, and the error of the spread.
            spread = 3.0 * (stated * (1.0 - stated) / n) ** 0.5 + 0.005
            assert row["share_right"] == pytest.approx(stated, abs=spread)


def test_probabilities_need_a_choice_and_places() -> None:
    whole = lognormal(0.1, 0.1)
    assert probabilities.check(replace(whole, chooses=False)) is None
    few = np.arange(len(whole.tested)) < 2
    part = Result("", "", whole.tested.where(few), whole.ours[:, few])
    assert probabilities.check(part) is None


# --- tables ------------------------------------------------------------------------------------
def test_every_table_has_as_many_cells_as_headings(told: Study) -> None:
    for table in tables.terminal_tables(as_json(told)):
        assert table.rows, table.title
        for row in table.rows:
            assert len(row) == len(table.heading), table.title


def test_the_overview_has_the_yardstick_first(told: Study) -> None:
    rows = tables.overview(as_json(told)).rows
    assert [row[0] for row in rows] == [
        "straight line",
        "random halves",
        "whole districts",
        "whole units",
    ]
    assert rows[-1][1:6] == ("–",) * 5


# --- the page ----------------------------------------------------------------------------------
class Strict(HTMLParser):
    """Counts what is open, so that whatever is opened is closed in order."""

    VOID = ("meta", "input", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.uses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.uses += [str(named["href"])[1:]] if tag == "use" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "id" in dict(attrs):
            self.ids.append(str(dict(attrs)["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(told: Study) -> str:
    return write_page(told, as_json(told))


def test_the_page_is_the_same_bytes_each_time(told: Study, page: str) -> None:
    assert write_page(study(), as_json(study())) == page


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(page: str) -> None:
    reader = Strict()
    reader.feed(page)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.uses) <= set(reader.ids)
    assert not re.search(r"https?://|<script|@import|url\(", page)
    assert "toy &lt;table&gt;" in page
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).split()


def test_every_class_of_the_map_has_a_colour_light_and_dark(page: str) -> None:
    for key, count in area_map.colours_in_use().items():
        for k in range(count):
            assert page.count(f"--{key}{k}:") == 2, f"{key}{k}"
            assert f".{key}{k} {{ fill: var(--{key}{k})" in page


def test_places_without_an_outline_are_dots(page: str) -> None:
    assert len(re.findall(r'<circle id="a\d+"', page)) == 64


def test_the_page_says_which_results_it_shows(page: str) -> None:
    assert "Where: random halves" in page
    assert "By unit: whole units" in page
    assert "What more places in the fit are worth" in page


# --- plots -------------------------------------------------------------------------------------
def test_cells_of_a_lattice_hold_one_of_its_values_each() -> None:
    reference_minutes = np.repeat(np.round(5.8 + 1.074 * np.arange(40), 1), 2)
    drawn = plots.times_against(reference_minutes, reference_minutes)
    titles = re.findall(r"<title>(.*?)</title>", drawn)
    assert len(titles) == 40
    assert all(title.endswith(": 2 pairs") for title in titles)


def test_bars_hold_every_pair_and_the_outer_ones_all_beyond() -> None:
    drawn = plots.error_histogram(np.array([-9.0, 0.1, 0.2, 44.0]), np.array([0.0]))
    shares = [float(value) for value in re.findall(r"min: ([\d.]+) %", drawn)]
    assert (shares[0], shares[-1], sum(shares)) == (25.0, 25.0, 100.0)
    assert shares[12] == 50.0  # 0 to 0.5


def test_an_axis_ends_on_ticks() -> None:
    axis = svg.even_axis("", -0.3, 1.1, 0.5)
    assert axis.ticks == (-0.5, 0.0, 0.5, 1.0, 1.5)
    assert (axis.at(-0.5), axis.at(0.5), axis.at(1.5)) == (0.0, 0.5, 1.0)
    # Doublings are equally far apart on a logarithmic axis.
    log = svg.Axis("", 1.0, 16.0, (1.0, 4.0, 16.0), logarithmic=True)
    assert log.at(4.0) == pytest.approx(0.5)
