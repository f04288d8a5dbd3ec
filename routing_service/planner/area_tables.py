"""A user's tables by small area, bridged between the areas of 2011 and those of 2021.

Most areas are the same in both and keep their code, so tables of different vintages join without a
word, and some figures are then silently wrong. Hence a table states its vintage, a table of another
vintage than the population's needs a lookup, and codes that its vintage does not have are refused.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Final

import numpy as np

from routing_service.errors import InvalidPopulation
from routing_service.location.small_areas import VINTAGE
from routing_service.planner.population import Grouping, Source, whole_parts
from routing_service.units import NONE

if TYPE_CHECKING:
    from routing_service.planner.study import AreaTable
    from routing_service.units import IntArray

LOOKUP_COLUMNS: Final = ("LSOA11CD", "LSOA21CD")
MOST_DECILES: Final = 10

Parts = tuple[tuple[tuple[str, ...], float], ...]
"""Rows of a table that an area is made of, and the share of each that is in it."""


@dataclass(frozen=True, slots=True)
class AreaValues:
    """What a table says of the population's areas, and how it was bridged.

    Attributes
    ----------
    values
        For each area of 2011, by code, what it is made of.
    note
        Vintage and bridge, in a sentence.
    sources
        The files.
    """

    values: Mapping[str, Parts]
    note: str
    sources: tuple[Source, ...]


def read_area_values(
    table: AreaTable, codes: Sequence[str], known_codes: Collection[str], what: str
) -> AreaValues:
    """Read a table and bridge it to areas of 2011.

    Parameters
    ----------
    table
        What to read.
    codes
        Of the population's areas.
    known_codes
        Of all areas of 2011.
    what
        For errors and the manifest: ``"deprivation"``.

    Raises
    ------
    InvalidPopulation
        If a file cannot be read, a column is missing, a code occurs twice or is none of the stated
        vintage, or vintages differ and no lookup is named.
    """
    rows, source = _read_rows(table, what)
    name = table.file.name
    if table.vintage == VINTAGE:
        _refuse_unknown(rows, known_codes, name)
        same: dict[str, Parts] = {code: ((rows[code], 1.0),) for code in codes if code in rows}
        return AreaValues(same, f"{name}, areas of {VINTAGE}", (source,))
    if table.lookup is None:
        raise InvalidPopulation(
            f"{name} is on areas of {table.vintage}, the population on those of {VINTAGE}; some"
            " have the same code and are not the same. Name a lookup: a CSV with the columns"
            f" {' and '.join(LOOKUP_COLUMNS)}, as the ONS publishes it"
        )
    made_of, lookup_source = _read_lookup(table.lookup, known_codes)
    _refuse_unknown(rows, {new for news in made_of.values() for new in news}, name)
    shared = Counter(new for news in made_of.values() for new in news)
    values: dict[str, Parts] = {
        code: tuple((rows[new], 1.0 / shared[new]) for new in made_of[code] if new in rows)
        for code in codes
        if any(new in rows for new in made_of.get(code, ()))
    }
    several = sum(len({row for row, _ in parts}) > 1 for parts in values.values())
    note = (
        f"{name}, areas of {table.vintage}, bridged to those of {VINTAGE} by {table.lookup.name};"
        f" {several} areas are made of several with different values"
    )
    return AreaValues(values, note, (source, lookup_source))


# --- groupings ---------------------------------------------------------------------------------
def deprivation(values: AreaValues, area: IntArray, codes: Sequence[str]) -> Grouping:
    """Group places by decile (or fifth) of deprivation, 1 the most deprived.

    An area made of several has the lower of the two middle values.
    """
    tenth = {
        code: median_low(sorted(_decile(row[0]) for row, _ in parts))
        for code, parts in values.values.items()
    }
    most = MOST_DECILES if max(tenth.values(), default=0) > 5 else 5
    labels = [str(k) for k in range(1, most + 1)]
    labels[0], labels[-1] = "1 (most deprived)", f"{most} (least deprived)"
    of_area = np.array([tenth.get(code, 0) - 1 for code in codes] + [NONE], dtype=np.int32)
    return Grouping(
        "deprivation",
        tuple(labels),
        of_area[area],
        extremes=(labels[0], labels[-1]),
        note=values.note,
    )


def words(name: str, values: AreaValues, area: IntArray, codes: Sequence[str]) -> Grouping:
    """Group places by a word; an area made of several has the commonest, first of the alphabet."""
    word = {
        code: min(Counter(row[0] for row, _ in parts).items(), key=lambda item: (-item[1], item[0]))
        for code, parts in values.values.items()
    }
    labels = tuple(sorted({text for text, _ in word.values() if text}))
    number = {label: k for k, label in enumerate(labels)}
    of_area = [number.get(word[code][0], NONE) if code in word else NONE for code in codes]
    return Grouping(
        name, labels, np.array([*of_area, NONE], dtype=np.int32)[area], note=values.note
    )


def people(
    name: str, columns: Sequence[str], values: AreaValues, area: IntArray, codes: Sequence[str]
) -> Grouping:
    """Weigh places by the people of each column, spread evenly over the places of an area."""
    counts = np.zeros((len(columns), len(codes) + 1))
    for a, code in enumerate(codes):
        for row, part in values.values.get(code, ()):
            counts[:, a] += [_count(cell) * part for cell in row]
    places = np.bincount(np.where(area == NONE, len(codes), area), minlength=len(codes) + 1)
    each = counts / np.maximum(places, 1)
    parts = np.stack([whole_parts(row[area]) for row in each])
    note = f"{values.note}; weighed by people, not by admissions"
    return Grouping(name, tuple(columns), None, parts, note=note)


def _decile(cell: str) -> int:
    if not cell.isdecimal() or not 1 <= int(cell) <= MOST_DECILES:
        raise InvalidPopulation(
            f"deprivation {cell!r} is no decile: whole numbers from 1 (the most deprived) to"
            f" {MOST_DECILES} or to 5 are needed"
        )
    return int(cell)


def _count(cell: str) -> float:
    try:
        value = float(cell.replace(",", ""))
    except ValueError:
        value = -1.0
    if not 0.0 <= value < 1e9:
        raise InvalidPopulation(f"{cell!r} is no number of people")
    return value


# --- files -------------------------------------------------------------------------------------
def _read_rows(table: AreaTable, what: str) -> tuple[dict[str, tuple[str, ...]], Source]:
    records, source = read_csv(table.file, (table.code, *table.columns), what)
    rows: dict[str, tuple[str, ...]] = {}
    for code, *cells in records:
        if code in rows:
            raise InvalidPopulation(f"{table.file.name}: {code} occurs twice")
        rows[code] = tuple(cells)
    return rows, source


def _read_lookup(path: Path, known: Collection[str]) -> tuple[dict[str, list[str]], Source]:
    records, source = read_csv(path, LOOKUP_COLUMNS, "lookup of areas")
    made_of: dict[str, list[str]] = {}
    for old, new in records:
        made_of.setdefault(old, []).append(new)
    _refuse_unknown(made_of, known, path.name)
    return made_of, source


def _refuse_unknown(codes: Iterable[str], known: Collection[str], name: str) -> None:
    # Scotland and Northern Ireland have areas of their own kinds.
    strange = sorted(code for code in codes if code[:1] in "EW" and code not in known)
    if strange:
        raise InvalidPopulation(
            f"{name}: {strange[0]} is no area of the vintage that is stated ({len(strange)} such"
            " codes): correct the vintage, or the lookup"
        )


def header_of(path: Path) -> tuple[str, ...]:
    """Names of the columns of a CSV file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(next(csv.reader(file), ()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidPopulation(f"{path.name} cannot be read: {error}") from error


def read_csv(path: Path, columns: Sequence[str], what: str) -> tuple[list[tuple[str, ...]], Source]:
    """Some columns of a CSV file with a heading, as text without blanks around it.

    Raises
    ------
    InvalidPopulation
        If it cannot be read or a column is missing; the message names those there are.
    """
    try:
        content = path.read_bytes()
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig")))
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            there = ", ".join(reader.fieldnames or ()) or "none"
            raise InvalidPopulation(f"{path.name} has no column {missing[0]!r}; it has {there}")
        rows = [tuple((row[name] or "").strip() for name in columns) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidPopulation(f"{path.name} cannot be read: {error}") from error
    return rows, Source(path.name, hashlib.sha256(content).hexdigest(), what)
