"""The tables of a validation, the same on a terminal and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routing_service.pages.table import Table, minutes, share

Figures = Mapping[str, Any]


_CHOICE_HEADING = ("agree", "> 2 min", "> 5 min", "loss")
_ERROR_HEADING = ("MAE", "bias", "SD", "p95")


def overview(tree: Figures) -> Table:
    """One row for each way of asking."""
    rows = [
        (
            result["name"],
            _places(result),
            *_choice_cells(result["choice"]),
            *_error_cells(result["errors"]),
            minutes(result["errors_under_45"]["mae_minutes"]),
        )
        for result in _all(tree)
    ]
    heading = ("", "places", *_CHOICE_HEADING, *_ERROR_HEADING, "MAE < 45")
    return Table("Every place counts once", heading, tuple(rows))


def overview_by_admissions(tree: Figures) -> Table:
    """The same by the number of patients a place stands for."""
    rows = [
        (
            result["name"],
            *_choice_cells(result["choice_by_admissions"]),
            *_error_cells(result["errors_by_admissions"]),
        )
        for result in _all(tree)
    ]
    return Table(
        "Every admission counts once", ("", *_CHOICE_HEADING, *_ERROR_HEADING), tuple(rows)
    )


def district_table(result: Figures) -> Table:
    """A row for each district."""
    rows = [
        (
            row["district"],
            _places(row),
            *_choice_cells(row["choice"]),
            *_error_cells(row["errors"]),
        )
        for row in result["by_district"]
    ]
    heading = ("district", "places", *_CHOICE_HEADING, *_ERROR_HEADING)
    return Table(f"By district: {result['name']}", heading, tuple(rows))


def unit_table(result: Figures) -> Table:
    """A row for each unit that times lead to."""
    rows = [
        (f"{row['name']} ({row['ods_code']})", *_error_cells(row["errors"]))
        for row in result["by_unit"]
    ]
    return Table(f"By unit: {result['name']}", ("unit", *_ERROR_HEADING), tuple(rows))


def confusion_table(result: Figures, units: Sequence[str]) -> Table:
    """Places by the reference's unit (rows) and ours (columns)."""
    rows = [
        (unit, *(f"{value:.0f}" if value == round(value) else f"{value:.1f}" for value in row))
        for unit, row in zip(units, result["confusion"], strict=True)
    ]
    heading = ("reference ↓ ours →", *units)
    return Table(f"Which unit for which: {result['name']}", heading, tuple(rows))


def worst_table(result: Figures) -> Table:
    """The places that lose most."""
    rows = [
        (
            row["place"],
            row["ours"] or "none",
            row["reference"],
            minutes(row["loss_minutes"], 1),
            minutes(row["margin_minutes"], 1),
            " ".join(minutes(value, 1) for value in row["ours_minutes"]),
            " ".join(minutes(value, 1) for value in row["reference_minutes"]),
        )
        for row in result["worst"]
    ]
    heading = ("place", "ours", "reference", "loss", "margin", "our minutes", "reference minutes")
    return Table(f"Where most is lost: {result['name']}", heading, tuple(rows), texts=3)


def access_table(tree: Figures) -> Table:
    """How close the calls are, by the reference."""
    rows = [
        (
            row["district"],
            str(row["places"]),
            minutes(row["mean_minutes"], 1),
            minutes(row["p90_minutes"], 1),
            minutes(row["max_minutes"], 1),
            *(f"{part:.0%}" if part else "" for part in row["unit_shares"]),
            f"{row['under_2_share']:.0%}",
            f"{row['under_5_share']:.0%}",
        )
        for row in tree["access"]
    ]
    heading = ("district", "places", "mean", "p90", "max", *tree["units"], "< 2 min", "< 5 min")
    return Table("How close the calls are, by the reference and admissions", heading, tuple(rows))


def learning_table(tree: Figures) -> Table:
    """What more places in the fit are worth."""
    rows = [
        (str(row["places"]), *_choice_cells(row["choice"]), *_error_cells(row["errors"]))
        for row in tree["learning"]
    ]
    heading = ("places fitted", *_CHOICE_HEADING, *_ERROR_HEADING)
    return Table("What more places in the fit are worth", heading, tuple(rows))


def spread_table(tree: Figures) -> Table:
    """The error model that each way of asking gives, and whether what it says comes true."""
    rows = []
    for result in _all(tree):
        model, checked = result["error_model"], result["probabilities"]
        if model and checked:
            rows.append(
                (
                    result["name"],
                    f"{model['sigma_scene']:.4f}",
                    f"{model['sigma_unit']:.4f}",
                    f"{model['shift_minutes']:g}",
                    share(checked["coverage"]),
                    share(checked["mean_probability"]),
                    share(checked["share_right"]),
                )
            )
    heading = ("", "of a scene", "of each unit", "shift, min", "in 10–90 band", "p stated", "right")
    return Table("Spread of the log of shifted times, and what it predicts", heading, tuple(rows))


def reliability_table(result: Figures) -> Table:
    """How often decisions were right, by the probability stated."""
    rows = [
        (
            f"{row['low']:g} to {row['high']:g}",
            str(row["n"]),
            share(row["mean_probability"]),
            share(row["share_right"]),
        )
        for row in result["probabilities"]["reliability"]
        if row["n"]
    ]
    heading = ("probability", "decisions", "stated", "right")
    return Table(f"Probability of being nearest: {result['name']}", heading, tuple(rows))


def coverage_table(result: Figures) -> Table:
    """What the 10 to 90 % band holds, by the time that we give."""
    rows = [
        (
            f"{row['low']:g} to {row['high']:g}" if row["high"] else f"{row['low']:g} and more",
            str(row["n"]),
            share(row["coverage"]),
        )
        for row in result["probabilities"]["coverage_by_minutes"]
    ]
    heading = ("our minutes", "pairs", "in 10–90 band")
    return Table(f"What the band holds: {result['name']}", heading, tuple(rows))


def terminal_tables(tree: Figures) -> list[Table]:
    """The tables of a terminal: all results, then the main one in detail."""
    judged = tree["results"]
    main = judged[0]
    tables = [overview(tree), overview_by_admissions(tree)]
    tables += [district_table(result) for result in judged if result["by_district"]]
    tables += [unit_table(result) for result in judged]
    if main["confusion"]:
        tables += [confusion_table(main, tree["units"]), worst_table(main)]
    for result in judged:
        if result["probabilities"]:
            tables += [reliability_table(result), coverage_table(result)]
    if tree["learning"]:
        tables.append(learning_table(tree))
    return [*tables, spread_table(tree)]


def _all(tree: Figures) -> list[Figures]:
    return [*tree["context"], *tree["results"]]


def _places(row: Figures) -> str:
    choice = row["choice"]
    return str(choice["places"]) if choice else "–"


def _choice_cells(choice: Figures | None) -> tuple[str, ...]:
    if choice is None:
        return ("–",) * len(_CHOICE_HEADING)
    return (
        share(choice["agreement"]),
        share(choice["agreement_over_2"]),
        share(choice["agreement_over_5"]),
        minutes(choice["loss_minutes"]),
    )


def _error_cells(errors: Figures) -> tuple[str, ...]:
    return (
        minutes(errors["mae_minutes"]),
        minutes(errors["bias_minutes"], sign="+"),
        minutes(errors["sd_minutes"]),
        minutes(errors["p95_minutes"]),
    )
