"""From the domain's values to the bytes of the contract."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.api import encode, ids
from routing_service.decision.model import Location, Snap
from tests.api_scene import snapshot

# 0.07 degrees of latitude, 7.8 km, from SOUTH and 14.5 km from NORTH.
INCIDENT = Location(53.47, -1.5)

# The contract's keys in the contract's order; `source` and `door` are ours, at the end.
KEYS = [
    *("decision_id", "graph_id", "network", "state_version", "profile", "calibration"),
    "policy",
    *("computed_at", "speed_set", "incident", "destination", "nearest_ods_code"),
    *("margin_minutes", "near_tie", "ranking", "flags", "explanation"),
    "decision_support",
]
RANKED_KEYS = [
    *("rank", "ods_code", "name", "minutes", "p10_minutes", "p90_minutes", "km", "p_nearest"),
    *("status", "eligible", "reasons", "door"),
]


def encoded(location: Location = INCIDENT) -> encode.Json:
    shown = snapshot()
    found = shown.decide(location)
    return encode.decision(found, location, shown, "an-id", "2026-11-22T10:15:00Z")


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    body = encoded()
    assert list(body) == KEYS
    assert list(body["incident"]) == ["lat", "lon", "snap", "source"]
    assert list(body["incident"]["snap"]) == ["lat", "lon", "distance_m", "road", "quality"]
    assert list(body["destination"]) == ["ods_code", "name", "minutes"]
    assert [list(row) for row in body["ranking"]] == [RANKED_KEYS, RANKED_KEYS]


def test_equal_arguments_give_equal_bytes() -> None:
    assert encode.dump(encoded()) == encode.dump(encoded())


def test_an_uncalibrated_network_promises_no_spread() -> None:
    for row in encoded()["ranking"]:
        assert (row["p10_minutes"], row["p90_minutes"], row["p_nearest"]) == (None, None, None)


def test_each_row_says_whether_its_door_was_surveyed() -> None:
    doors = {row["ods_code"]: row["door"] for row in encoded()["ranking"]}
    assert doors == {"SOUTH": "surveyed", "NORTH": "site_point"}


def test_the_disc_is_there_only_when_an_accuracy_was_given() -> None:
    assert "disc" not in encoded()
    disc = encoded(replace(INCIDENT, accuracy_m=50.0))["disc"]
    # 3 km nearer to SOUTH than the middle of the road: no point within 50 m is NORTH's.
    assert disc == {
        "accuracy_m": 50.0,
        "other_nearest": False,
        "shares": {"SOUTH": 1.0},
        "unroutable": 0.0,
    }


def test_no_destination_is_null() -> None:
    shown = snapshot(north="closed", south="divert")
    found = shown.decide(INCIDENT)
    body = encode.findings(found, INCIDENT, shown)
    assert body["destination"] is None
    assert body["nearest_ods_code"] == "SOUTH"
    assert "no_eligible_unit" in body["flags"]


def test_positions_have_seven_decimals_and_distances_one() -> None:
    snap = Snap(53.123456789, -1.987654321, 12.3456, "A61", "good")
    body = encode.incident(Location(53.1111111111, -1.2222222222, source="postcode"), snap)
    assert body == {
        "lat": 53.1111111,
        "lon": -1.2222222,
        "snap": {
            "lat": 53.1234568,
            "lon": -1.9876543,
            "distance_m": 12.3,
            "road": "A61",
            "quality": "good",
        },
        "source": "postcode",
    }


def test_a_route_is_a_line_from_the_road_to_the_door() -> None:
    shown = snapshot()
    body = encode.route(shown.route(INCIDENT, "SOUTH"), INCIDENT, shown, "2026-11-22T10:15:00Z")
    # Seven nodes on from 53.47, one each hundredth of a degree.
    assert body["line"]["coordinates"] == [(-1.5, lat / 100) for lat in range(5347, 5339, -1)]
    assert body["unit"] == {"ods_code": "SOUTH", "name": "South Royal", "door": "surveyed"}
    assert [step["road"] for step in body["steps"]] == ["A61"]


def test_main_roads_are_geojson() -> None:
    body = encode.main_roads(snapshot())
    assert [feature["properties"] for feature in body["features"]] == [
        {"ref": "A61", "class": "primary"}
    ]
    assert len(body["features"][0]["geometry"]["coordinates"]) == 21


def test_json_is_compact_and_keeps_names_readable() -> None:
    assert encode.dump({"road": "Pen-y-Bont Rôd"}) == '{"road":"Pen-y-Bont Rôd"}'.encode()


def test_what_is_not_json_is_refused_rather_than_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode.dump({"minutes": float("nan")})


def test_half_a_character_from_a_request_cannot_break_a_reply() -> None:
    assert encode.dump({"field": json.loads(r'"\ud800"')}) == b'{"field":"?"}'


def test_ids_are_uuids_of_version_7_in_the_order_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_000_000)
    early = UUID(ids.time_ordered_id())
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_124_000_000)
    late = UUID(ids.time_ordered_id())
    assert (early.version, early.variant) == (7, "specified in RFC 4122")
    assert early.int >> 80 == 1_700_000_000_123
    assert str(early) < str(late)


@given(st.integers(0, 2**62), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_an_id_is_made_of_its_moment_and_its_random_bits(at_ns: int, word: int, other: int) -> None:
    made = UUID(ids.compose_id(at_ns, word, other))
    assert str(made) == ids.compose_id(at_ns, word, other)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == at_ns // 1_000_000
    assert made.int >> 64 & 0xFFF == word & 0xFFF
    assert made.int & (1 << 62) - 1 == other & (1 << 62) - 1


def test_forked_processes_do_not_share_their_chance() -> None:
    ids.chance()  # some are left over, which a child must not use too
    reading, writing = os.pipe()
    if not os.fork():
        os.write(writing, repr([ids.chance() for _ in range(3)]).encode())
        os._exit(0)
    os.wait()
    assert os.read(reading, 4096) != repr([ids.chance() for _ in range(3)]).encode()


def test_ids_of_one_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_000_000)
    assert len({ids.time_ordered_id() for _ in range(1_000)}) == 1_000
