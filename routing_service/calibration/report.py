"""What a study found, as one tree of figures: the JSON, and what tables and page are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from routing_service.calibration import metrics, probabilities
from routing_service.calibration.study import Study
from routing_service.calibration.validate import Result
from routing_service.units import FloatArray

WORST: Final = 12
DIVERT_LIMIT_MINUTES: Final = 45.0
"""Beyond this no unit is a destination in the one public divert rule, so errors matter less."""

JSON_DIGITS: Final = 4


# --- figures -----------------------------------------------------------------------------------
def as_json(study: Study) -> dict[str, Any]:
    """All figures of a study, by name; shares are 0 to 1, times are minutes."""
    tree = {
        "network": dict(study.network),
        "reference": dict(study.reference),
        "units": [study.main.tested.units[u].ods_code for u in study.main.columns],
        "access": access_by_district(study.main),
        "context": [figures(result) for result in study.context],
        "results": [figures(result) for result in study.results],
        "learning": [
            {"places": lesson.places, **_headline(lesson.result)} for lesson in study.lessons
        ],
    }
    return dict(_tidy(tree))


def figures(result: Result) -> dict[str, Any]:
    """All figures of one result; ``choice`` and what follows from it is null where none is made."""
    told: dict[str, Any] = {"name": result.name, "how": result.how, "draws": len(result.ours)}
    told |= _headline(result)
    weights = result.tested.weight
    told["errors_by_admissions"] = asdict(_errors(result, weights))
    told["choice_by_admissions"] = _choice(result, weights[result.rows])
    told["choice_by_draw"] = [
        metrics.choices(draw, result.reference_by_place).agreement for draw in result.ours_by_place
    ] * result.chooses
    told["by_district"] = by_district(result)
    told["by_unit"] = by_unit(result)
    told["confusion"] = confusion(result) if result.chooses else None
    told["worst"] = worst(result) if result.chooses else None
    told["error_model"] = error_model(result)
    told["probabilities"] = probabilities.check(result)
    return told


def _headline(result: Result) -> dict[str, Any]:
    near = result.tested.minutes < DIVERT_LIMIT_MINUTES
    return {
        "errors": asdict(_errors(result)),
        "errors_under_45": asdict(_errors(result, near.astype(np.float64))),
        "choice": _choice(result),
    }


def _errors(result: Result, weights: FloatArray | None = None) -> metrics.Errors:
    draws = len(result.ours)
    return metrics.errors(
        result.ours.ravel(),
        np.tile(result.tested.minutes, draws),
        None if weights is None else np.tile(weights, draws),
    )


def _choice(result: Result, weights: FloatArray | None = None) -> dict[str, Any] | None:
    """Figures over all draws; the counts are those of one, except of places without an answer."""
    if not result.chooses:
        return None
    draws = len(result.ours)
    pooled = metrics.choices(
        np.concatenate(result.ours_by_place),
        np.tile(result.reference_by_place, (draws, 1)),
        None if weights is None else np.tile(weights, draws),
    )
    told = asdict(pooled)
    for name in ("places", "ties", "places_over_2", "places_over_5"):
        told[name] //= draws
    return told


def by_district(result: Result) -> list[dict[str, Any]]:
    """Errors and choice of each district, in order of their names."""
    return [
        {"district": name, **_headline(part)}
        for name, part in _parts(result, np.array(result.tested.district))
        if name
    ]


def by_unit(result: Result) -> list[dict[str, Any]]:
    """Errors of the times to each unit."""
    return [
        {
            "ods_code": result.tested.units[int(u)].ods_code,
            "name": result.tested.units[int(u)].name,
            "errors": asdict(_errors(part)),
        }
        for u, part in _parts(result, result.tested.unit)
    ]


def _parts(result: Result, key: np.ndarray[Any, Any]) -> list[tuple[Any, Result]]:
    parts = []
    for value in np.unique(key):
        rows = key == value
        part = Result(
            str(value),
            result.how,
            result.tested.where(rows),
            result.ours[:, rows],
            result.chooses,
        )
        parts.append((value, part))
    return parts


def access_by_district(result: Result) -> list[dict[str, Any]]:
    """How the reference says that each district reaches its units, by admissions."""
    told = []
    for name, part in _parts(result, np.array(result.tested.district)):
        whole = metrics.comparable(part.reference_by_place)
        weights = part.tested.weight[part.rows][whole]
        if name and weights.sum() > 0:
            found = metrics.access(part.reference_by_place[whole], weights)
            told.append({"district": str(name), "places": len(weights), **asdict(found)})
    return told


def confusion(result: Result) -> list[list[float]]:
    """Places by the reference's unit and ours, a mean over the draws."""
    tables = [metrics.confusion(d, result.reference_by_place) for d in result.ours_by_place]
    return [[float(value) for value in row] for row in np.mean(tables, axis=0)]


def worst(result: Result) -> list[dict[str, Any]]:
    """Places of the first draw that lose most by our choice, with both rankings' units."""
    ours, reference = result.ours_by_place[0], result.reference_by_place
    codes = [result.tested.units[u].ods_code for u in result.columns]
    told = []
    for place in metrics.worst(ours, reference, WORST):
        row = result.rows[place]
        ours_u = metrics.chosen(ours[place : place + 1])[0]
        best_u = metrics.chosen(reference[place : place + 1])[0]
        loss = metrics.losses(ours[place : place + 1], reference[place : place + 1])[0]
        told.append(
            {
                "place": result.tested.place[row],
                "ours": codes[ours_u] if ours_u >= 0 else None,
                "reference": codes[best_u],
                "loss_minutes": None if np.isnan(loss) else float(loss),
                "margin_minutes": float(metrics.margins(reference[place : place + 1])[0]),
                "ours_minutes": _or_none(ours[place]),
                "reference_minutes": _or_none(reference[place]),
            }
        )
    return told


def error_model(result: Result) -> dict[str, float] | None:
    """Spread of the error; None where scene and unit cannot be told apart."""
    if not result.chooses:
        return None
    ours = np.concatenate(result.ours_by_place)
    reference = np.tile(result.reference_by_place, (len(result.ours_by_place), 1))
    try:
        return metrics.estimate_error_model(ours, reference)
    except ValueError:
        return None


def _or_none(minutes: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in minutes]


def _tidy(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, JSON_DIGITS) if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _tidy(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_tidy(part) for part in value]
    return value
