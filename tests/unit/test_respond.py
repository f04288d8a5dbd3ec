"""A reply in one call of compiled code: each answer finds its own form, or tells it has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.answer import BITS, DESTINATION, ORDER, REASONS, TIMES, columns
from routing_service.api.instant import Desks, Instant
from routing_service.decision.model import Location
from routing_service.kernels import respond
from routing_service.kernels.bound import Desk
from routing_service.kernels.reply import Form
from routing_service.kernels.respond import NO_FORM, NO_ROAD, NOT_WRITTEN, Forms, Sheet, find_slot
from routing_service.units import IntArray
from tests import api_scene

UNITS = 3
NOTHING = np.zeros(0, dtype=np.uint8)


def answer_of(bits: int, destination: int, order: list[int], reasons: list[int]) -> IntArray:
    answer = np.full(columns(UNITS), 7, dtype=np.int32)
    answer[BITS], answer[DESTINATION] = bits, destination
    answer[TIMES + ORDER * UNITS : TIMES + (ORDER + 1) * UNITS] = order
    answer[TIMES + REASONS * UNITS : TIMES + (REASONS + 1) * UNITS] = reasons
    return answer


def form_of(text: bytes) -> Form:
    gaps, first = np.zeros((0, 4), dtype=np.int32), np.zeros(1, dtype=np.int32)
    return Form(np.frombuffer(text, dtype=np.uint8), gaps, first, NOTHING)


def found(forms: Forms, answer: IntArray) -> bytes | None:
    known = forms.known.get(find_slot(forms.keys, forms.tables, answer, UNITS))
    return None if known is None else known[0].text.tobytes()


answers = st.builds(
    answer_of,
    st.integers(0, 2_047),
    st.integers(-1, 2),
    st.permutations(range(UNITS)).map(list),
    st.lists(st.integers(0, 63), min_size=UNITS, max_size=UNITS),
)


@given(st.lists(answers, min_size=1, max_size=60, unique_by=lambda a: a.tobytes()), answers)
def test_each_answer_finds_its_form_and_no_other(put: list[IntArray], other: IntArray) -> None:
    forms = Forms(UNITS)
    for k, answer in enumerate(put):
        forms.put(answer, form_of(b"%d" % k))
    assert [found(forms, answer) for answer in put] == [b"%d" % k for k in range(len(put))]
    if other.tobytes() not in {answer.tobytes() for answer in put}:
        assert found(forms, other) is None


def test_figures_have_no_say_in_which_form_it_is() -> None:
    forms, answer = Forms(UNITS), answer_of(3, 1, [2, 1, 0], [1, 2, 4])
    forms.put(answer, form_of(b"this"))
    figures = [
        k
        for k in range(columns(UNITS))
        if k not in (BITS, DESTINATION)
        and not TIMES + ORDER * UNITS <= k < TIMES + (REASONS + 1) * UNITS
    ]
    for k in figures:
        answer[k] += 1
        assert found(forms, answer) == b"this"
    for k in sorted(set(range(columns(UNITS))) - set(figures)):
        other = answer.copy()
        other[k] += 1
        assert found(forms, other) is None


def test_when_there_are_too_many_it_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respond, "MOST_FORMS", 4)
    forms = Forms(UNITS)
    many = [answer_of(bits, 0, [0, 1, 2], [0, 0, 0]) for bits in range(10)]
    for k, answer in enumerate(many):
        forms.put(answer, form_of(b"%d" % k))
        assert found(forms, answer) == b"%d" % k
        assert len(forms) <= 4
    assert found(forms, many[0]) is None


def test_what_cannot_be_written_is_told_instead_of_a_length() -> None:
    shown = api_scene.snapshot()
    n, roster = len(shown.units), shown.rosters.at(Location(53.47, -1.5))
    desk, sheet, forms = Desk(n), Sheet(), Forms(n)
    write = shown.responder(roster, desk, sheet, forms).write
    assert write(53.47, -1.5, 1_783_425_600 * 10**9, 1, 2, 0) == NO_FORM
    assert write(53.47, -2.5, 1_783_425_600 * 10**9, 1, 2, 0) == NO_ROAD
    # In another century the moment is the encoder's to write.
    instant = Instant(shown, roster, Desks())
    assert instant.reply(53.47, -1.5, 4_102_444_800 * 10**9, (1, 2), 0) is None
    assert instant.reply(53.47, -2.5, 1_783_425_600 * 10**9, (1, 2), 0) is None
    assert NOT_WRITTEN == 0


def test_a_reply_that_does_not_fit_the_sheet_is_left_to_the_encoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = api_scene.snapshot()
    instant = Instant(shown, shown.rosters.at(Location(53.47, -1.5)), Desks())
    monkeypatch.setattr("routing_service.api.instant.SHEET_BYTES", 1_000)
    assert instant.reply(53.47, -1.5, 1_783_425_600 * 10**9, (1, 2), 0) is None
