"""The kernel's base64 is the standard library's, byte for byte."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing_service.kernels.base64 import base64


@given(st.binary(max_size=200))
def test_it_is_that_of_the_standard_library(data: bytes) -> None:
    assert base64(np.frombuffer(data, dtype=np.uint8)) == b64encode(data)


def test_every_byte_in_every_place_and_several_rows() -> None:
    rows = np.array([np.roll(np.arange(256), k) for k in range(3)], dtype=np.uint8)
    assert base64(rows) == b64encode(rows.tobytes())
