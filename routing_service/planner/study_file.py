"""Reading a study: TOML in, `Study` out, and no key left unread."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import ClassVar, Final

from routing_service.decision.model import Unit
from routing_service.errors import HasuError, InvalidStudy, InvalidUnits
from routing_service.graph.rules.toml_table import Table
from routing_service.graph.speed_sets import DEFAULT
from routing_service.graph.units_file import read_unit
from routing_service.graph.weekly import Hours
from routing_service.live.closure import Closure
from routing_service.planner.study import AreaTable, Policy, PopulationRequest, Scenario, Study

BASELINE: Final = "baseline"
POINT_SETS: Final = ("lsoa", "postcodes")
TIMES: Final = ("network", "reference")
VINTAGES: Final = (2011, 2021)


class _Table(Table):
    """A table of a study: mistakes in it are mistakes of the study."""

    error: ClassVar[type[HasuError]] = InvalidStudy
    kind: ClassVar[str] = "study"


def read_study(path: Path) -> Study:
    """Read a file of scenarios.

    Parameters
    ----------
    path
        TOML, see the README. Files that it names lie beside it or are named in full.

    Raises
    ------
    InvalidStudy
        If it cannot be read, or a key is missing, unknown or unusable; the message names it.
    """
    try:
        content = path.read_bytes()
        root = _Table(tomllib.loads(content.decode("utf-8")), path.name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidStudy(f"{path.name} cannot be read as TOML: {error}") from error
    title = root.text("title") if "title" in root else path.stem
    population = _population(root.table("population"), path.parent)
    baseline = Scenario(BASELINE)
    if BASELINE in root:
        baseline = _scenario(root.table(BASELINE), BASELINE)
    scenarios = tuple(_scenario(table, table.text("name")) for table in root.tables("scenario"))
    root.finish()
    names = [BASELINE, *(scenario.name for scenario in scenarios)]
    if len(names) == 1:
        raise InvalidStudy(f"{path.name} has no [[scenario]]: nothing to hold against the baseline")
    if len(set(names)) < len(names):
        raise InvalidStudy(f"{path.name}: every scenario needs a name of its own")
    digest = hashlib.sha256(content).hexdigest()
    return Study(title, population, baseline, scenarios, path.name, digest)


# --- population --------------------------------------------------------------------------------
def _population(table: _Table, folder: Path) -> PopulationRequest:
    points = table.text("points")
    request = PopulationRequest(
        points=points if points in POINT_SETS else folder / points,
        weight=table.text("weight") if "weight" in table else None,
        districts=table.words("districts") if "districts" in table else (),
        times=table.text("times", TIMES) if "times" in table else "network",
        deprivation=_area_table(table, "deprivation", folder),
        urban_rural=_area_table(table, "urban_rural", folder),
        age=_area_table(table, "age", folder),
    )
    if request.weight is not None and points in POINT_SETS:
        raise table.fail("weight", f"is a column of a file of points; {points!r} has admissions")
    table.finish()
    return request


def _area_table(table: _Table, key: str, folder: Path) -> AreaTable | None:
    if key not in table:
        return None
    inner = table.table(key)
    vintage = int(inner.number("vintage"))
    if vintage not in VINTAGES:
        raise inner.fail("vintage", f"must be one of {', '.join(map(str, VINTAGES))}")
    columns = inner.words("columns") if key == "age" else (inner.text("column"),)
    if not columns:
        raise inner.fail("columns", "names no column")
    found = AreaTable(
        file=folder / inner.text("file"),
        code=inner.text("code"),
        vintage=vintage,
        columns=columns,
        lookup=folder / inner.text("lookup") if "lookup" in inner else None,
    )
    inner.finish()
    return found


# --- scenarios ---------------------------------------------------------------------------------
def _scenario(table: _Table, name: str) -> Scenario:
    if not name.strip():
        raise table.fail("name", "is empty")
    scenario = Scenario(
        name=name,
        note=table.text("note") if "note" in table else "",
        close=table.words("close") if "close" in table else (),
        open=tuple(_unit(each) for each in table.tables("open")),
        move=tuple(_unit(each) for each in table.tables("move")),
        hours=_hours(table.table("hours")) if "hours" in table else {},
        divert_minutes=dict(_divert(each) for each in table.tables("divert")),
        closures=tuple(_closure(each, k) for k, each in enumerate(table.tables("closure"))),
        speed_set=table.text("speed_set") if "speed_set" in table else DEFAULT,
        policies=tuple(_policy(each) for each in table.tables("policy")),
    )
    table.finish()
    return scenario


def _unit(table: _Table) -> Unit:
    code = table.text("ods_code") if "ods_code" in table else ""
    values = {"name": code, **table.values()}
    try:
        return read_unit(values, f"unit {code}")
    except InvalidUnits as error:
        raise table.fail("ods_code", error.detail) from error


def _hours(table: _Table) -> dict[str, Hours]:
    found = {}
    for code in table:
        try:
            found[code] = Hours.read(table.text(code))
        except ValueError as error:
            raise table.fail(code, str(error)) from error
    return found


def _closure(table: _Table, number: int) -> Closure:
    known = {"id": f"closure-{number}", "reason": "scenario", "author": "study", "source": "study"}
    try:
        return Closure.from_json({**known, **table.values()})
    except HasuError as error:
        raise table.fail("closure", error.detail) from error


def _divert(table: _Table) -> tuple[str, float]:
    found = table.text("ods_code"), table.number("max_extra_minutes", 0.0, 1_440.0)
    table.finish()
    return found


def _policy(table: _Table) -> Policy:
    policy = Policy(table.text("grouping"), table.words("groups"), table.words("eligible"))
    if not policy.groups or not policy.eligible:
        raise table.fail("eligible", "name at least one group and one unit")
    table.finish()
    return policy
