"""Fields of protocol buffers, held against a plain reading of the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.kernels.protobuf import (
    BROKEN,
    ELEMENT,
    FIRST,
    ID,
    LAST,
    ROW,
    VERSION,
    read_elements,
    spans_of,
    unpack,
)

pytestmark = pytest.mark.unit

ids = st.integers(-(2**62), 2**62)


def number(value: int) -> bytes:
    """As the format writes it: seven bits at a time, the lowest first."""
    value &= 2**64 - 1
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def signed(value: int) -> bytes:
    return number(2 * value if value >= 0 else -2 * value - 1)


def stretch(field: int, content: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(content)) + content


def plain(field: int, value: int) -> bytes:
    return number(field << 3) + number(value)


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def numbers_in(data: bytes, *, differences: bool) -> list[int] | int:
    """What `unpack` finds in one row."""
    first, out = np.zeros(2, np.int64), np.zeros(len(data), np.int64)
    n = unpack(array(data), np.array([[0, len(data)]], np.int32), differences, first, out)
    return n if n == BROKEN else out[: first[1]].tolist()


def spans_in(data: bytes, field: int) -> list[tuple[int, int]] | int:
    spans = np.zeros((len(data), 2), np.int32)
    n = spans_of(array(data), 0, len(data), field, spans)
    assert spans_of(array(data), 0, len(data), field, spans[:0]) == n
    return n if n == BROKEN else [tuple(span) for span in spans[:n].tolist()]


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_numbers_come_out_as_they_went_in(values: list[int]) -> None:
    assert numbers_in(b"".join(map(number, values)), differences=False) == values


@given(st.lists(ids, max_size=20))
def test_differences_are_summed(values: list[int]) -> None:
    steps = [b - a for a, b in zip([0, *values], values, strict=False)]
    assert numbers_in(b"".join(map(signed, steps)), differences=True) == values


@given(st.lists(st.tuples(st.integers(1, 20), st.binary(max_size=200) | st.integers(0, 2**40))))
def test_stretches_of_a_field_are_found(fields: list[tuple[int, bytes | int]]) -> None:
    def written() -> Iterator[bytes]:
        for field, value in fields:
            yield plain(field, value) if isinstance(value, int) else stretch(field, value)

    data = b"".join(written())
    found = spans_in(data, 7)
    assert isinstance(found, list)
    expected = [v for field, v in fields if field == 7 and isinstance(v, bytes)]
    assert [data[a:b] for a, b in found] == expected


@given(st.binary(max_size=60))
def test_no_bytes_lead_outside(data: bytes) -> None:
    found = spans_in(data, 1)
    assert found == BROKEN or all(0 <= a <= b <= len(data) for a, b in found)  # type: ignore[union-attr]
    for differences in (False, True):
        assert (numbers_in(data, differences=differences) == BROKEN) == (
            len(data) > 0 and (data[-1] >= 0x80 or longest_run(data) >= 10)
        )


def longest_run(data: bytes) -> int:
    """Most bytes in a row that say that the number goes on."""
    runs = "".join("x" if byte >= 0x80 else " " for byte in data).split()
    return max(map(len, runs), default=0)


# --- ways and relations ------------------------------------------------------------------------
STRINGS = 8
tags = st.lists(st.tuples(st.integers(1, STRINGS - 1), st.integers(1, STRINGS - 1)), max_size=4)
elements = st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 99), tags, st.binary(max_size=9))


def written_element(element: tuple[int, int, list[tuple[int, int]], bytes]) -> bytes:
    element_id, version, pairs, nodes = element
    keys, values = (b"".join(number(pair[k]) for pair in pairs) for k in (0, 1))
    info = stretch(4, plain(1, version) + plain(2, 12_345))
    return plain(1, element_id) + stretch(2, keys) + stretch(3, values) + info + stretch(8, nodes)


def read(data: bytes, spans: list[tuple[int, int]], wanted: list[bool]) -> list[object] | int:
    found = np.zeros((len(spans) + 1, ELEMENT), np.int64)
    first, pairs = np.zeros(len(spans) + 1, np.int64), np.zeros((len(data), 2), np.int32)
    table = np.array(spans, np.int32).reshape(-1, 2)
    marks = np.array(wanted, np.bool_), np.ones(len(wanted), np.bool_)
    n = read_elements(array(data), table, *marks, found, first, pairs)
    if n == BROKEN:
        return n
    rows = found[:n].tolist()
    return [
        (
            *(row[ROW], row[ID], row[VERSION]),
            [tuple(pair) for pair in pairs[first[i] : first[i + 1]].tolist()],
            data[row[FIRST] : row[LAST]],
        )
        for i, row in enumerate(rows)
    ]


@given(st.lists(elements, max_size=6), st.lists(st.booleans(), min_size=STRINGS, max_size=STRINGS))
def test_elements_with_a_wanted_key_are_read(
    given_elements: list[tuple[int, int, list[tuple[int, int]], bytes]], wanted: list[bool]
) -> None:
    data = b"".join(stretch(3, written_element(each)) for each in given_elements)
    spans = spans_in(data, 3)
    assert isinstance(spans, list)
    assert read(data, spans, wanted) == [
        (row, *each)
        for row, each in enumerate(given_elements)
        if any(wanted[k] for k, _ in each[2])
    ]


@given(elements, st.integers(0, 60), st.integers(0, 255))
def test_a_damaged_element_is_broken_or_another(
    element: tuple[int, int, list[tuple[int, int]], bytes], at: int, byte: int
) -> None:
    data = bytearray(written_element(element))
    data[at % len(data)] = byte
    found = read(bytes(data), [(0, len(data))], [True] * STRINGS)
    assert found == BROKEN or len(found) <= 1  # type: ignore[arg-type]
