"""NHS numbers are recognised, and the numbers that this service lives on never are.

943 476 5919: 9*10 + 4*9 + 3*8 + 4*7 + 7*6 + 6*5 + 5*4 + 9*3 + 1*2 = 299 = 27*11 + 2; 11 - 2 = 9.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.errors import LooksLikePatientData
from routing_service.location.nhs_number import looks_like_nhs_number, refuse_nhs_numbers


@pytest.mark.parametrize(
    "value",
    [
        "9434765919",
        "943 476 5919",
        "943-476-5919",
        "943 - 476 - 5919",
        9434765919,
        9434765919.0,
        "patient 9434765919, Barnsley",
        "NHS9434765919",
        "nhs no:943 476 5919.",
        "bed 12 943 476 5919",
        "a\n943\t476\t5919",
    ],
)
def test_an_nhs_number_is_recognised(value: object) -> None:
    assert looks_like_nhs_number(value)


@pytest.mark.parametrize(
    "value",
    [
        "9434765918",  # the check digit does not fit
        "943476591",
        "94347659190",
        "9434765919.5",
        "0.9434765919",
        "TSR9434765919-01",  # part of a permit's number
        "NZ9434765919",
        "94347 65919",  # easting and northing
        "943476,5919",
        -9434765919,
        True,
        None,
        53.5,
    ],
)
def test_other_values_are_no_nhs_numbers(value: object) -> None:
    assert not looks_like_nhs_number(value)


def test_one_tenth_digit_fits_any_nine_or_none() -> None:
    # None when the tenth digit would have to be 10.
    for nine in (943476591, 123456788, 400000000, 100000001):
        assert sum(looks_like_nhs_number(f"{nine}{tenth}") for tenth in range(10)) <= 1


@given(st.integers(0, 10**9 - 1))
def test_the_number_with_its_check_digit_is_recognised_in_all_its_spellings(nine: int) -> None:
    digits = f"{nine:09d}"
    check = -sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
    number = f"{digits}{check}"
    if check < 10:
        for written in (number, f"{number[:3]} {number[3:6]} {number[6:]}"):
            assert looks_like_nhs_number(written)
            assert looks_like_nhs_number(f"for {written}")
    else:  # the tenth digit would have to be 10: no such NHS number exists
        assert not any(looks_like_nhs_number(f"{digits}{tenth}") for tenth in range(10))


@given(
    st.floats(-180, 180),
    st.floats(0, 1_300_000),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
)
def test_what_requests_are_made_of_never_is(
    degrees: float, metres: float, uuid: UUID, moment: datetime
) -> None:
    for value in (degrees, metres, str(uuid), moment.isoformat()):
        assert not looks_like_nhs_number(value)
        assert not looks_like_nhs_number(str(value))
        assert not looks_like_nhs_number(f"{value},{value}")
    assert not looks_like_nhs_number(f"SE {int(metres) % 100_000:05d} {int(metres) % 99_991:05d}")


def test_every_name_and_value_at_any_depth_is_looked_at() -> None:
    for bad in (
        {"a": [{"b": ("943 476 5919",)}]},
        {"9434765919": 1},
        {"a": {"943 476 5919": None}},
        {"way": "pat. 9434765919"},
        [[[[9434765919]]]],
    ):
        with pytest.raises(LooksLikePatientData) as caught:
            refuse_nhs_numbers(bad)
        assert "943" not in str(caught.value) + str(caught.value.facts)


def test_the_id_of_a_way_and_a_grid_reference_are_no_patients() -> None:
    refuse_nhs_numbers({"way": 9434765919, "reason": "flood"})
    refuse_nhs_numbers({"way": "9434765919"})
    refuse_nhs_numbers({"grid_ref": "SE 9434765919"})
    with pytest.raises(LooksLikePatientData):
        refuse_nhs_numbers({"reason": "no 9434765919"})


def test_depth_is_no_burden() -> None:
    deep: object = "943 476 5919"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(LooksLikePatientData):
        refuse_nhs_numbers(deep)
