"""A table of text, the same on a terminal and on a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first `texts` columns are words, the others numbers."""

    title: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


def share(value: float | None) -> str:
    """A share to a thousandth, as accuracy is told.

    Examples
    --------
    >>> share(0.97149), share(None)
    ('0.971', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def minutes(value: float | None, digits: int = 2, sign: str = "") -> str:
    """Minutes, with ``sign="+"`` also of gains.

    Examples
    --------
    >>> minutes(1.049), minutes(0.123, sign="+"), minutes(-0.001, sign="+"), minutes(None)
    ('1.05', '+0.12', '0.00', '–')
    """
    if value is None:
        return "–"
    rounded = round(value, digits)
    return f"{rounded:{sign}.{digits}f}" if rounded else f"{0.0:.{digits}f}"
