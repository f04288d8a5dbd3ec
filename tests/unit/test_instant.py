"""A form filled in by the kernel is the encoder's reply, whatever the figures."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_service.answer import AT_LAT, AT_LON, AT_NS, HEAD, TOOK_NS, columns, pack
from routing_service.api import encode, ids
from routing_service.api import instant as instant_module
from routing_service.api.instant import Desks, Instant, make_form
from routing_service.decision.decision import Decision, Roster
from routing_service.decision.model import Location, Unit
from routing_service.decision.standing import Standing
from routing_service.kernels.bound import Desk
from routing_service.kernels.reply import About, write_reply
from routing_service.kernels.respond import Sheet
from routing_service.live.snapshot import Snapshot
from routing_service.units import E7, INF_MS
from tests import api_scene

UNITS = (
    Unit('N"1\\', "Königin – „Royal“ \u2028 </script>", 53.60, -1.5),
    Unit("S", "South\tRoyal 100 %s", 53.40, -1.5, door="surveyed"),
    Unit("T", "", 53.40, -1.5),
)
ROADS = ["local road", 'A61 “Straße” \\ "quoted"', ""]
NOON_NS = 1_783_425_600_123_456_789


def snapshot() -> Snapshot:
    tables = [{**asdict(unit), "capabilities": []} for unit in UNITS]
    manifest = {**api_scene.graph().manifest, "units": tables}
    return Snapshot(replace(api_scene.graph(), manifest=manifest), "an-id", 3)


SNAPSHOT = snapshot()


def names(roads: list[str]) -> Any:
    texts = [encode.dump({"": name})[4:-1] for name in roads]
    first = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return first, np.frombuffer(b"".join(texts), dtype=np.uint8)


class Written:
    """The kernel's reply and record for given numbers, and the encoder's reply."""

    def __init__(
        self,
        numbers: tuple[int, ...],
        lat: float,
        lon: float,
        at_ns: int = NOON_NS,
        words: tuple[int, int] = (1, 2),
        error_known: bool = True,
    ) -> None:
        roster = Roster(Standing(UNITS, ("divert", "open", "closed")), ROADS, (), error_known)
        found = Decision(pack(numbers), roster, numbers[7])
        location = Location(lat, lon)
        sheet, self.desk = Sheet(), Desk(len(UNITS))
        form = make_form(found, location, SNAPSHOT, names(ROADS))
        about = About(lat, lon, at_ns, *words, SNAPSHOT.state_version)
        answer = np.array(numbers, dtype=np.int32)
        length = write_reply(form, answer, about, self.desk.head, sheet.out)
        self.reply = sheet.text[:length].tobytes()
        self.id = ids.compose_id(at_ns, *words)
        moment = ids.utc_text(datetime.fromtimestamp(at_ns // 10**9, UTC))
        body = encode.decision(found, location, SNAPSHOT, self.id, moment)
        self.wanted = encode.dump(body)


def numbers_of(
    rows: list[tuple[int, int, int, int, int]],
    order: list[int],
    *,
    about: tuple[int, int, int, int] = (1_234_567, -14_999_999, 534_700_001, 1),
    bits: tuple[int, int] = (0, 0),
    choice: tuple[int, int] = (INF_MS, -1),
) -> tuple[int, ...]:
    margin_ms, destination = choice
    if destination >= 0 and rows[destination][0] == INF_MS:
        destination = -1  # nobody is sent where no road leads
    distance_cm, lon_e7, lat_e7, label = about
    first = [0, 0, 3, distance_cm, lon_e7, lat_e7, label, bits[1], destination, margin_ms]
    ms, cm, p10, p90, share = zip(*rows, strict=True)
    numbers = (*first, *ms, *cm, *order, *[bits[0]] * 3, *p10, *p90, *share)
    assert len(numbers) == columns(3)
    return numbers


rows = st.tuples(
    st.one_of(st.just(INF_MS), st.integers(0, 70_000_000)),  # ms
    st.integers(0, 70_000_000),  # cm
    st.integers(0, 700),  # p10, tenths of a minute
    st.integers(0, 20_000),  # p90
    st.integers(0, 1_000),  # share, thousandths
)
ORDINARY = [(1_098_000, 1_720_000, 159, 216, 710), (1_170_000, 2, 0, 9, 290), (INF_MS, 0, 0, 0, 0)]


@given(
    st.lists(rows, min_size=3, max_size=3),
    st.permutations(range(3)),
    st.tuples(st.sampled_from([INF_MS, 5_999, 6_000, 71_000_000]), st.integers(-1, 2)),
    st.tuples(st.integers(0, 63), st.integers(0, 2_047)),
    st.tuples(st.integers(0, INF_MS), st.integers(0, 2)),
    st.booleans(),
)
def test_the_reply_is_the_encoders_whatever_the_numbers(
    rows: list[tuple[int, int, int, int, int]],
    order: list[int],
    choice: tuple[int, int],
    bits: tuple[int, int],
    snap: tuple[int, int],
    error_known: bool,
) -> None:
    about = (snap[0], -14_999_999, 534_700_001, snap[1])
    numbers = numbers_of(rows, order, about=about, bits=bits, choice=choice)
    written = Written(numbers, 53.4700000001, -1.5, error_known=error_known)
    assert written.reply == written.wanted


positions = st.one_of(
    st.floats(-179, 179, allow_nan=False).filter(lambda x: abs(x) > 1e-3),
    st.integers(-1_790_000_000, 1_790_000_000)
    .filter(lambda n: abs(n) > 1_000)
    .map(lambda n: n / E7),
)


@given(positions, positions, st.integers(1_001, 2**31 - 1), st.booleans())
@example(53.0, -1.0, 530_000_000, True)
@example(53.12345675, -1.00000015, 530_000_001, False)  # nearly halfway between two units
def test_positions_are_rounded_and_written_as_the_encoder_does(
    lat: float, lon: float, e7: int, west: bool
) -> None:
    about = (40, -e7 if west else e7, e7, 0)
    written = Written(numbers_of(ORDINARY, [0, 1, 2], about=about), lat, lon)
    # What a float cannot tell for sure is left to the encoder, and is rare.
    unsure = any(abs(abs(x * E7) % 1 - 0.5) < 2e-4 for x in (lat, lon))
    assert written.reply == written.wanted or (unsure and written.reply == b"")


@pytest.mark.parametrize("lon", [0.0, -0.0, 0.00005, -1e-7])
def test_where_python_writes_an_exponent_nothing_is_written(lon: float) -> None:
    assert Written(numbers_of(ORDINARY, [0, 1, 2]), 51.5, lon).reply == b""


@given(st.integers(946_684_800, 4_102_444_799))
@example(946_684_800)  # 2000-01-01
@example(951_782_400)  # 29 February
@example(4_102_444_799)  # the last second of 2099
def test_every_second_of_the_century_is_told_as_the_encoder_does(second: int) -> None:
    written = Written(numbers_of(ORDINARY, [0, 1, 2]), 53.47, -1.5, second * 10**9 + 999_999_999)
    assert written.reply == written.wanted


@pytest.mark.parametrize("second", [946_684_799, 4_102_444_800])
def test_another_century_is_left_to_the_encoder(second: int) -> None:
    written = Written(numbers_of(ORDINARY, [0, 1, 2]), 53.47, -1.5, second * 10**9)
    assert written.reply == b""


words = st.integers(-(2**63), 2**63 - 1)


@given(words, words, st.integers(946_684_800, 4_102_444_799))
def test_the_head_of_the_record_has_the_id_and_the_request(a: int, b: int, second: int) -> None:
    at_ns = second * 10**9
    written = Written(numbers_of(ORDINARY, [0, 1, 2]), 53.47, -1.5, at_ns, (a, b))
    assert written.reply == written.wanted
    head = written.desk.head
    assert head.id.tobytes().hex() == written.id.replace("-", "")
    assert head.words[AT_NS] == at_ns
    assert (head.degrees[AT_LAT], head.degrees[AT_LON]) == (53.47, -1.5)
    assert written.desk.record.tobytes()[:16] == head.id.tobytes()


def ask(shown: Snapshot, lat: float, desks: Desks) -> tuple[bytes | None, bytes]:
    """The instant reply of a state, and the encoder's."""
    location = Location(lat, -1.5)
    instant = Instant(shown, shown.rosters.at(location), desks)
    made = (ids.compose_id(NOON_NS, 1, 2), "2026-07-07T12:00:00Z")
    wanted = encode.dump(encode.decision(shown.decide(location), location, shown, *made))
    return instant.reply(lat, -1.5, NOON_NS, (1, 2), 0), wanted


def test_one_form_serves_all_answers_of_an_order_in_all_states_of_one_wording() -> None:
    desks, shown = Desks(), api_scene.snapshot()
    for version, lat in enumerate(np.linspace(53.41, 53.45, 50).tolist()):
        body, wanted = ask(replace(shown, state_version=10**version // 7 % 10**15), lat, desks)
        assert body == wanted
    assert [len(forms) for forms in desks._forms.values()] == [1]


def test_the_record_has_the_numbers_and_how_long_it_took() -> None:
    desks, shown = Desks(), api_scene.snapshot()
    location = Location(53.47, -1.5)
    instant = Instant(shown, shown.rosters.at(location), desks)
    since_ns = time.perf_counter_ns()
    assert instant.reply(53.47, -1.5, NOON_NS, (1, 2), since_ns) is not None
    record = instant.record
    took_ns = int.from_bytes(record[8 * TOOK_NS : 8 * TOOK_NS + 8], "little")
    assert 0 < took_ns <= time.perf_counter_ns() - since_ns
    assert record[8 * HEAD :] == shown.decide(location).packed


def test_states_that_say_something_else_have_forms_of_their_own() -> None:
    desks, shown = Desks(), api_scene.snapshot()
    for state in (
        shown,
        api_scene.snapshot(north="closed"),
        api_scene.snapshot(north="divert"),
        replace(shown, stale_s=3.21),
        replace(shown, doubts=("closure_not_placed",)),
        replace(shown, graph_id="another"),
        Snapshot(api_scene.calibrated_graph(), api_scene.GRAPH_ID, 3),
    ):
        for lat in (53.41, 53.5, 53.59):
            body, wanted = ask(state, lat, desks)
            assert body == wanted
    assert len(desks._forms) == 7


def test_no_more_wordings_are_remembered_than_fit() -> None:
    desks, shown = Desks(), api_scene.snapshot()
    for n in range(2 * instant_module.MOST_WORDINGS):
        body, wanted = ask(replace(shown, stale_s=float(n)), 53.47, desks)
        assert body == wanted
    assert len(desks._forms) == instant_module.MOST_WORDINGS
