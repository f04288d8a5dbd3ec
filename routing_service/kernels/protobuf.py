"""Fields of protocol buffers: found, and unpacked, in one pass over their bytes.

Only what OpenStreetMap's files are made of: numbers (wire type 0) and stretches of bytes (wire
type 2), among them rows of numbers, plain or as differences. Every read is held to the end of the
message that it is in, so that no bytes, however damaged, lead outside the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from routing_service.kernels.jit import kernel
from routing_service.units import BoolArray, ByteArray, IntArray, LongArray

NUMBER, STRETCH = 0, 2
"""Wire types."""

BROKEN = -1
"""What a kernel returns for bytes that are not what they should be."""

ROW, ID, VERSION, FIRST, LAST, ELEMENT = range(6)
"""Columns of what `read_elements` writes, and their number."""


@kernel
def _number(data: ByteArray, at: int, end: int) -> tuple[int, int]:
    """The number at `at` and where it ends; beyond `end` if it does not end before."""
    value: Any = np.int64(0)
    shift: Any = np.int64(0)
    while at < end and shift < 64:
        byte = np.int64(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, end + 1


@kernel
def _field(data: ByteArray, at: int, end: int) -> tuple[int, int, int, int]:
    """Number and wire type of the field at `at`; its number or where its stretch begins; its end.

    The end is beyond `end` if the field is broken.
    """
    tag, at = _number(data, at, end)
    wire = tag & 7
    if wire == NUMBER:
        value, at = _number(data, at, end)
        return tag >> 3, wire, value, at
    if wire == STRETCH:
        length, at = _number(data, at, end)
        if 0 <= length <= end - at:
            return tag >> 3, wire, at, at + length
    return tag >> 3, wire, 0, end + 1


@kernel
def _signed(value: int) -> int:
    """A number that was written with its sign in the lowest bit."""
    return ((value >> 1) & 0x7FFF_FFFF_FFFF_FFFF) ^ -(value & 1)


@kernel
def spans_of(data: ByteArray, start: int, end: int, number: int, spans: IntArray) -> int:
    """Where the stretches of one field of a message lie; called twice, to count and to fill.

    Parameters
    ----------
    data
        ``uint8[n]``.
    start, end
        Of the message.
    number
        Of the field.
    spans
        ``int32[k, 2]``, written as far as it goes: start and end of each.

    Returns
    -------
    int
        How many there are, or `BROKEN`.
    """
    found = 0
    at = start
    while at < end:
        field, wire, value, at = _field(data, at, end)
        if field == number and wire == STRETCH and at <= end:
            if found < spans.shape[0]:
                spans[found, 0] = value
                spans[found, 1] = at
            found += 1
    return found if at == end else BROKEN


@kernel
def unpack(
    data: ByteArray, spans: IntArray, differences: bool, first: LongArray, out: LongArray
) -> int:
    """Unpack rows of numbers.

    Parameters
    ----------
    data
        ``uint8[n]``.
    spans
        ``int32[k, 2]``: start and end of each row.
    differences
        Whether a number is the signed difference from the one before in its row.
    first, out
        ``int64[k + 1]`` and ``int64[m]``, written: the rows as CSR; m at least the bytes of all.

    Returns
    -------
    int
        How many numbers there are, or `BROKEN`.
    """
    n = 0
    first[0] = 0
    for row in range(spans.shape[0]):
        at: Any = np.int64(spans[row, 0])
        end: Any = np.int64(spans[row, 1])
        running = 0
        while at < end:
            value, at = _number(data, at, end)
            if differences:
                running += _signed(value)
                value = running
            out[n] = value
            n += 1
        if at != end:
            return BROKEN
        first[row + 1] = n
    return n


@kernel
def read_elements(
    data: ByteArray,
    spans: IntArray,
    wanted_key: BoolArray,
    wanted_value: BoolArray,
    elements: LongArray,
    tag_first: LongArray,
    tags: IntArray,
) -> int:
    """Read the ways or relations of a block that carry a tag that is wanted.

    Parameters
    ----------
    data
        ``uint8[n]``, the block.
    spans
        ``int32[k, 2]``: start and end of each way or relation.
    wanted_key, wanted_value
        ``bool[strings]``: an element is kept if both hold for one of its tags.
    elements
        ``int64[k, ELEMENT]``, written for each that is kept: its row in `spans`, id, version (0
        if there is none), and the stretch of its field 8, a way's nodes.
    tag_first, tags
        ``int64[k + 1]`` and ``int32[m, 2]``, written: keys and values as numbers of strings, CSR;
        m at least half the bytes of all.

    Returns
    -------
    int
        How many are kept, or `BROKEN`.
    """
    kept = 0
    tag_first[0] = 0
    for row in range(spans.shape[0]):
        at: Any = np.int64(spans[row, 0])
        end: Any = np.int64(spans[row, 1])
        elements[kept, ROW] = row
        elements[kept, ID : LAST + 1] = 0
        key_at = key_end = value_at = value_end = info_at = info_end = 0
        while at < end:
            field, wire, value, at = _field(data, at, end)
            if wire != (NUMBER if field == 1 else STRETCH):
                return BROKEN
            if field == 1:
                elements[kept, ID] = value
            elif field == 2:
                key_at, key_end = value, at
            elif field == 3:
                value_at, value_end = value, at
            elif field == 4:
                info_at, info_end = value, at
            elif field == 8:
                elements[kept, FIRST] = value
                elements[kept, LAST] = at
        if at != end:
            return BROKEN
        n = tag_first[kept]
        wanted = False
        while key_at < key_end and value_at < value_end:
            key, key_at = _number(data, key_at, key_end)
            value, value_at = _number(data, value_at, value_end)
            if not (0 <= key < wanted_key.shape[0] and 0 <= value < wanted_key.shape[0]):
                return BROKEN
            wanted = wanted or (wanted_key[key] and wanted_value[value])
            tags[n, 0] = key
            tags[n, 1] = value
            n += 1
        if key_at != key_end or value_at != value_end:
            return BROKEN
        if wanted:
            while info_at < info_end:
                field, wire, value, info_at = _field(data, info_at, info_end)
                if field == 1 and wire == NUMBER:
                    elements[kept, VERSION] = value
            kept += 1
            tag_first[kept] = n
    return kept
