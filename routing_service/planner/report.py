"""The report of a study as one page that works offline and prints: same study, same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from routing_service.pages.flat_map import Colouring, chosen_rule
from routing_service.pages.html import page, table_html
from routing_service.pages.table import Table
from routing_service.planner import tables
from routing_service.planner.curves import s_curves
from routing_service.planner.equity import DRAWS, SEED
from routing_service.planner.report_map import StudyMap
from routing_service.units import NONE

if TYPE_CHECKING:
    from routing_service.planner.run import Findings

Figures = Mapping[str, Any]

METHOD: Final = f"""
<p><b>Who goes where.</b> Each place is taken to the unit of the least time among those that it may
use: open, not on divert, allowed by the policy. Of a unit on divert a place goes on to the next
only if that takes no longer than the limit. Opening hours part the week into phases, over which
emergencies are taken to come evenly; figures are over the whole week.</p>
<p><b>Longer</b> is the share of the weight whose time grows, and <b>by</b> is the mean by which it
grows for them; <b>shorter</b> is the share whose time falls. <b>&gt; 5 min</b> and <b>&gt; 10
min</b> are those for whom it grows by more. <b>Newly &gt; 45</b> and <b>&gt; 60</b> are those who
were within that many minutes and no longer are.</p>
<p><b>Reckoning.</b> Times are whole milliseconds and weights whole millionths, so that sums are
exact and do not depend on their order. Means are rounded to the millisecond, halves up. The median
and p90 are the least times that half and nine tenths of the weight do not exceed. Minutes are shown
to a tenth, shares to a tenth of a per cent.</p>
<p><b>The gap</b> is the mean time of the most deprived group less that of the least deprived. Its
interval holds the middle 95 % of {DRAWS:,} gaps, each from small areas drawn with replacement, all
people of an area together, the same areas before and after (generator PCG64, seed {SEED}).</p>
"""

LIMITS: Final = """
<p>Minutes are not outcomes: nothing here says what a longer way does to a patient, nor what a unit
with more or fewer patients does for them. The report shows who gains and who loses time; whether
any population is worse off is for people to judge.</p>
<p>Times run from the place to the unit's door. The wait for the ambulance, the time on scene,
handover, and transfers onwards are not in them; nor are traffic, weather, or whether a bed is free.
An ambulance that drives further is away longer, which is not reckoned with.</p>
<p>Patients are where they live: where they fall ill, and how many there will be, is not known.
Small areas are those of the census of 2011; their outlines on the maps are generalised.</p>
"""


def write_report(findings: Findings, tree: Figures) -> str:
    """Write the page of a study.

    Parameters
    ----------
    findings
        What was found; the maps and curves are drawn from it.
    tree
        Its figures, as `summary.as_tree` gives them, with the manifest.
    """
    drawn = _maps(findings)
    style = files("routing_service.planner").joinpath("page.css").read_text(encoding="utf-8")
    keys = [picture.key for pictures, _ in drawn[1] for picture in pictures]
    body = [
        *_head(tree),
        table_html(tables.overview(tree)),
        *_contents(tree),
        "<h2>Population by minutes</h2>",
        f'<div class="panel">{_curves(findings)}</div>',
        drawn[0],
        *_baseline(tree, drawn[1][:1]),
    ]
    for number, scenario in enumerate(tree["scenarios"]):
        body += _scenario(number, scenario, drawn[1][number + 1 :])
    body += [
        f'<section id="method"><h2>Method</h2>\n{METHOD.strip()}\n{_notes(tree)}</section>',
        f'<section id="limits"><h2>Limits</h2>\n{LIMITS.strip()}',
        f"{_network_limits(tree)}</section>",
        '<section id="manifest"><h2>What it was made of</h2>',
        *_manifest(tree["manifest"]),
        "</section>",
    ]
    return page(tree["title"], style + (chosen_rule(keys) if keys else ""), body)


Drawn = tuple[tuple[Colouring, ...], str]


def _maps(findings: Findings) -> tuple[str, list[Drawn]]:
    """Outlines, then the pictures of the baseline and of each scenario; none without areas."""
    if (findings.population.area == NONE).all():
        return "", []
    drawn = StudyMap(findings)
    pictures = [drawn.scenario(k, outcome) for k, outcome in enumerate(findings.outcomes)]
    return drawn.shapes, [drawn.baseline(), *pictures]


def _curves(findings: Findings) -> str:
    curves = [("baseline", findings.before)]
    curves += [(outcome.scenario.name, outcome.after) for outcome in findings.outcomes]
    return s_curves(curves, findings.population.parts)


# --- parts -------------------------------------------------------------------------------------
def _head(tree: Figures) -> list[str]:
    population, network = tree["population"], tree["manifest"]["network"]
    times = "the published reference" if population["times"] == "reference" else "the road network"
    return [
        f"<header><h1>{escape(tree['title'])}</h1>",
        f'<p class="soft">{population["places"]:,} {escape(population["what"])}; weight: '
        f"{escape(population['weight'])}, {population['total']:,.1f} in all; "
        f"times from {times}.<br>"
        f"{escape(network['network'].capitalize())} network {network['graph_id'][:12]}, profile "
        f"{escape(network['profile'])}, calibration {escape(network['calibration'][:12])}.</p>"
        '<p class="caveat">Minutes are not outcomes. This report says who would travel longer or '
        "shorter, and by how much; it does not judge.</p></header>",
    ]


def _contents(tree: Figures) -> list[str]:
    entries = [("baseline", "Baseline")]
    entries += [(f"scenario-{k}", each["name"]) for k, each in enumerate(tree["scenarios"])]
    entries += [("method", "Method"), ("limits", "Limits"), ("manifest", "What it was made of")]
    links = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for key, name in entries)
    return [f'<ul class="contents">{links}</ul>']


def _baseline(tree: Figures, drawn: list[Drawn]) -> list[str]:
    parts = ['<section id="baseline" class="scenario"><h2>Baseline</h2>', _said(tree["baseline"])]
    parts += [f'<div class="panel maps">{html}</div>' for _, html in drawn]
    return [*parts, "</section>"]


def _scenario(number: int, scenario: Figures, drawn: list[Drawn]) -> list[str]:
    parts = [
        f'<section id="scenario-{number}" class="scenario"><h2>{escape(scenario["name"])}</h2>',
        f"<p>{escape(scenario['note'])}</p>" if scenario["note"] else "",
        _said(scenario),
    ]
    parts += [f'<div class="panel maps">{html}</div>' for _, html in drawn[:1]]
    parts += [table_html(table) for table in tables.scenario_tables(scenario)]
    return [*parts, "</section>"]


def _said(scenario: Figures) -> str:
    """What a scenario changes, in a line; the whole definition is in the study's file."""
    told = []
    for key, words in (("close", "closed"), ("open", "opened"), ("move", "moved")):
        codes = [
            each if isinstance(each, str) else each["ods_code"] for each in scenario.get(key, ())
        ]
        if codes:
            told.append(f"{words}: {', '.join(codes)}")
    for code, limit in scenario.get("divert_max_extra_minutes", {}).items():
        told.append(f"on divert, at most {limit:g} minutes longer: {code}")
    told += [f"open at some hours only: {code}" for code in scenario.get("hours", ())]
    told += [f"road closure: {each['reason']}" for each in scenario.get("closures", ())]
    if "speed_set" in scenario:
        told.append(f"speeds: {scenario['speed_set']}")
    for each in scenario.get("policies", ()):
        groups, only = ", ".join(each["groups"]), ", ".join(each["eligible"])
        told.append(f"{each['grouping']} {groups}: only {only}")
    words = "; ".join(told) if told else "Every unit of the network as built, open, on open roads"
    return f'<p class="soft">{escape(words[:1].upper() + words[1:])}.</p>'


def _notes(tree: Figures) -> str:
    population = tree["population"]
    notes = [escape(note) for note in population["notes"]]
    notes += [
        f"{escape(each['name'].capitalize())}: {escape(each['note'])}."
        for each in population["groupings"]
        if each["note"]
    ]
    return f"<p>{' '.join(notes)}</p>" if notes else ""


def _network_limits(tree: Figures) -> str:
    network = tree["manifest"]["network"]
    told = []
    if tree["population"]["times"] == "reference":
        told.append("The times are those of a published model, not of this network.")
    if network["network"] == "surrogate":
        told.append("The network is a surrogate, not real streets: for trying out, not for use.")
    if network["calibration"] == "uncalibrated":
        told.append("Its speeds were fitted to no travel times.")
    if network["reference_is_modelled"]:
        told.append("Its speeds were fitted to a model's drive times, not to journeys.")
    if network["site_point_doors"]:
        codes = ", ".join(network["site_point_doors"])
        told.append(f"Times lead to the map point, not to the surveyed entrance, of {codes}.")
    return f"<p>{escape(' '.join(told))}</p>" if told else ""


def _manifest(manifest: Figures) -> list[str]:
    network = manifest["network"]
    what = f"{network['network']}, profile {network['profile']}"
    rows = [("network", what, network["graph_id"])]
    rows += [(each["name"], each["what"], each["sha256"]) for each in manifest["inputs"]]
    rows += [(each["name"], "behind the network", each["sha256"]) for each in network["sources"]]
    inputs = Table("Inputs", ("file", "what", "SHA-256"), tuple(rows), texts=3)
    versions = Table("Versions", ("", ""), tuple(manifest["versions"].items()), texts=2)
    return [
        f"<p>Made by <code>{escape(manifest['command'])}</code>. With the same inputs and versions "
        "the same command writes the same bytes.</p>",
        table_html(inputs, kind="manifest"),
        table_html(versions, kind="manifest"),
        f'<p class="soft">{escape("; ".join(network["attribution"]))}</p>',
    ]
