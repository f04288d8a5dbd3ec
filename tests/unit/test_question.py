"""The kernel reads a position as Python does, to the last bit, or says it is not plainly one."""

from __future__ import annotations

import re
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_service.kernels.question import Reader

START = b"/v1/conveyance?lat="
NUMBER = rb"(-?[0-9]{1,3}\.[0-9]{1,13})"
PLAIN = re.compile(NUMBER + rb"&lon=" + NUMBER)
READER = Reader()

digits = st.text("0123456789", min_size=0, max_size=15)
numbers = st.builds(
    lambda sign, whole, point, rest: sign + whole + point + rest,
    st.sampled_from(["", "", "-", "+", "--"]),
    st.text("0123456789", min_size=0, max_size=4),
    st.sampled_from([".", ".", ".", "", ".."]),
    digits,
)
texts = st.builds(
    lambda lat, mark, lon, end: f"{lat}{mark}{lon}{end}".encode(),
    numbers,
    st.sampled_from(["&lon=", "&lon=", "&lon=", "&lo", "&lon", "&LON=", "", "&lon=="]),
    numbers,
    st.sampled_from(["", "", "", " ", "e5", "&", ".", "\x00"]),
)


def bits(*values: float) -> bytes:
    return pack("2d", *values)


@given(texts)
@example(b"53.5526&lon=-1.4797")
@example(b"-0.0&lon=0.0")
@example(b"90.07199254740992&lon=900.7199254740993")  # either side of two to the 53rd
@example(b"999.9999999999999&lon=1.0")
@example(b"")
def test_it_reads_what_python_reads(text: bytes) -> None:
    known = PLAIN.fullmatch(text)
    read = READER.read(START + text, len(START))
    if known is None:
        assert not read
    elif max(int(part.replace(b".", b"").lstrip(b"-")) for part in known.groups()) <= 2**53:
        assert read
        assert bits(*READER.place) == bits(float(known[1]), float(known[2]))
    else:
        assert not read  # for the application: a float does not hold so many digits


@given(st.integers(490_000_000, 610_000_000), st.integers(-90_000_000, 30_000_000))
def test_every_position_of_the_country_is_read(lat_e7: int, lon_e7: int) -> None:
    for decimals in (5, 7, 13):
        lat, lon = f"{lat_e7 / 1e7:.{decimals}f}", f"{lon_e7 / 1e7:.{decimals}f}"
        assert READER.read(f"{lat}&lon={lon}".encode(), 0)
        assert bits(*READER.place) == bits(float(lat), float(lon))


@pytest.mark.parametrize("start", [len(START) + 1, len(START) + 100])
def test_it_begins_where_it_is_told(start: int) -> None:
    assert READER.read(START + b"53.5&lon=-1.5", start) is (start == len(START) + 1)
