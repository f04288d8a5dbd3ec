"""Recognising an NHS number, so that nothing about a patient is taken in.

Ten digits, alone or in groups of three, three and four, of which the last checks the others. In
free text one ten-digit number in eleven passes the check by chance, which is why a number that is
part of something longer (a coordinate, a grid reference, a way's or a permit's number) is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from routing_service.errors import LooksLikePatientData

EXEMPT: Final = {
    "way": re.compile(r"[0-9]+"),  # an id of OpenStreetMap
    "grid_ref": re.compile(r"[A-Za-z]{2}\s*[0-9]{10}"),  # to a metre
}
"""Fields whose values have ten digits by nature, and how they are written."""

_CANDIDATE: Final = re.compile(
    # Not behind a letter, a digit or a decimal point, unless those letters are NHS.
    r"(?:(?<![\w.])(?<!\d-)|(?<=nhs))"
    r"[0-9]{3}[\s-]*[0-9]{3}[\s-]*[0-9]{4}"
    r"(?!\w|[.-]\d)",
    re.IGNORECASE,
)


def looks_like_nhs_number(value: object) -> bool:
    """Whether a value is or holds ten digits whose check digit fits.

    The first nine digits are weighted 10 down to 2; the tenth makes the sum divisible by 11.

    Examples
    --------
    >>> looks_like_nhs_number("patient 943 476 5919"), looks_like_nhs_number("9434765918")
    (True, False)
    >>> looks_like_nhs_number("SE 34400 06100"), looks_like_nhs_number(53.5526)
    (False, False)
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    if isinstance(value, int) and not 0 <= value < 10**10:
        return False
    text = value if isinstance(value, str) else str(value)
    return any(
        _check_digit_fits(re.sub(r"\D", "", found[0])) for found in _CANDIDATE.finditer(text)
    )


def refuse_nhs_numbers(value: object, name: str = "") -> None:
    """Raise if a value, or a name or a value anywhere inside it, looks like an NHS number.

    Parameters
    ----------
    value
        As JSON gives it: mappings, lists, texts and numbers.
    name
        The field that it stands in.

    Raises
    ------
    LooksLikePatientData
        Without the name or the value, either of which may identify a patient.
    """
    # A list of what is still to be looked at, not recursion: the request chooses the depth.
    todo: list[tuple[str, object]] = [(name, value)]
    while todo:
        field, item = todo.pop()
        match item:
            case Mapping():
                todo += [("", key) for key in item]
                todo += [(str(key), inner) for key, inner in item.items()]
            case list() | tuple():
                todo += [(field, inner) for inner in item]
            case _ if looks_like_nhs_number(item) and not _is_exempt(field, item):
                raise LooksLikePatientData(
                    "A field looks like an NHS number. This service takes nothing about a "
                    "patient; leave it out."
                )


def _check_digit_fits(digits: str) -> bool:
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9]))
    return total % 11 == -int(digits[9]) % 11


def _is_exempt(field: str, value: object) -> bool:
    form = EXEMPT.get(field)
    return form is not None and form.fullmatch(str(value)) is not None
