"""TOML out of plain values: the same values are the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def toml_text(document: Mapping[str, Any]) -> str:
    """Write a document of text, numbers, lists and tables; plain values stand before tables.

    A list of lists is written one inner list to a line, as a map's rows are read.

    Examples
    --------
    >>> print(toml_text({"id": "a1", "data": {"n": 3, "by district": {"Barnsley": 0.5}}}))
    id = "a1"
    <BLANKLINE>
    [data]
    n = 3
    <BLANKLINE>
    [data."by district"]
    Barnsley = 0.5
    <BLANKLINE>
    """
    return "\n".join(_lines(document, ())) + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    if path and (lines or len(table) == 0):
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _lines(value, (*path, key))
    return lines


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON escapes all that TOML's basic strings need, except DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case Sequence():
            if value and isinstance(value[0], list | tuple):
                return "[\n" + "".join(f"  {_value(row)},\n" for row in value) + "]"
            return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"a {type(value).__name__}, which TOML cannot hold")
