"""Messages of other systems become closures: once each, superseded, revoked, or set aside.

The messages in ``tests/messages`` are made up and have the published shapes: Street Manager's open
data in and out of their envelope, DATEX II in XML of versions 2 and 3, and National Highways' JSON.
All lie on the A61 of `tests.api_scene`, one in London.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routing_service.errors import InvalidSource
from routing_service.live.closure import Closure, Disc, Line, Polygon
from routing_service.live.events import ClosureRevoked
from routing_service.live.feeds.intake import Intake, Report, find_messages, read_message
from routing_service.live.feeds.notice import Broken, Notice
from routing_service.live.hit import describe, find_edges
from routing_service.live.state import LiveState
from routing_service.live.store import LiveStore, open_store
from tests import api_scene

MESSAGES = Path(__file__).parents[1] / "messages"
PERMIT = "street_manager:GYCFS81640257-01"
NOW = datetime(2026, 7, 7, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> LiveStore:
    return open_store(f"sqlite:///{tmp_path / 'state.db'}")


def take(store: LiveStore, tmp_path: Path, *names: str | Path) -> Report:
    intake = Intake(store, api_scene.graph(), lambda: NOW)
    for name in names:
        intake.take(MESSAGES / name, tmp_path / "set_aside")
    return intake.report


def state(store: LiveStore) -> LiveState:
    return LiveState.empty().after(*store.read(0))


def only(name: str) -> Notice:
    (notice,) = read_message(MESSAGES / name)
    assert isinstance(notice, Notice)
    return notice


def when(closure: Closure) -> tuple[str, str]:
    assert closure.starts_at is not None
    assert closure.expires_at is not None
    return f"{closure.starts_at:%d %H:%M}", f"{closure.expires_at:%d %H:%M}"


# --- Street Manager --------------------------------------------------------------------------
def test_a_granted_permit_to_close_a_road_is_a_closure_from_its_first_day_to_its_last() -> None:
    notice = only("permit_1_granted.json")
    (closure,) = notice.closures
    assert (notice.reference, closure.id) == (PERMIT, PERMIT)
    assert closure.shuts
    # Midnight in July is 23:00 UTC of the day before; the 9th is the last day.
    assert when(closure) == ("06 23:00", "09 23:00")
    assert closure.author == "YORKSHIRE WATER SERVICES"
    assert closure.reason == "Road closure, WAKEFIELD ROAD: Utility repair and maintenance works"
    # From the National Grid to within a metre: 53.50 to 53.52 north, 1.5 west.
    assert isinstance(closure.where, Line)
    for (lon, lat), expected in zip(closure.where.points, (53.50, 53.52), strict=True):
        assert (lon, lat) == pytest.approx((-1.5, expected), abs=1e-5)
    hit = describe(api_scene.graph(), find_edges(api_scene.graph(), closure))
    assert hit.roads == ("A61",)


def test_the_real_start_and_a_time_of_day_count_before_the_plan() -> None:
    (closure,) = only("permit_3_extended.json").closures
    assert when(closure) == ("07 06:30", "10 17:00")  # 18:00 in Britain


def test_works_that_let_traffic_through_close_nothing() -> None:
    assert only("permit_signals.json").closures == ()


@pytest.mark.parametrize("name", ["permit_4_work_stop.json", "activity_cancelled.json"])
def test_works_that_are_over_or_cancelled_close_nothing(name: str) -> None:
    assert only(name).closures == ()


def test_what_the_service_says_of_itself_is_no_notice() -> None:
    assert read_message(MESSAGES / "subscription.json") == []


def test_a_point_and_an_area_are_places_too() -> None:
    (closure,) = only("permit_point.json").closures
    assert isinstance(closure.where, Disc)
    assert (closure.where.lat, closure.where.lon) == pytest.approx((53.5, -1.5), abs=1e-5)
    (closure,) = only("activity.json").closures
    assert isinstance(closure.where, Polygon)
    assert len(closure.where.rings[0]) == 5
    assert when(closure) == ("13 07:00", "13 13:00")
    assert closure.author == "BARNSLEY METROPOLITAN BOROUGH COUNCIL"


# --- DATEX II --------------------------------------------------------------------------------
def test_a_publication_is_read_record_by_record() -> None:
    notices = {
        n.reference: n for n in read_message(MESSAGES / "datex_v3.xml") if isinstance(n, Notice)
    }
    flood, nights, lane, delay, blocked = (notices[f"datex2:GBTO-61-1-{c}"] for c in "abcde")
    (closure,) = flood.closures
    assert closure.shuts
    assert isinstance(closure.where, Line)
    assert closure.where.points == ((-1.5, 53.5), (-1.5, 53.51), (-1.5, 53.52))
    assert (closure.expires_at, closure.author) == (None, "Yorkshire traffic control")
    assert "Dearne in flood" in closure.reason
    assert [(c.id, *when(c)) for c in nights.closures] == [
        ("datex2:GBTO-61-1-b#1", "13 20:00", "14 05:00"),
        ("datex2:GBTO-61-1-b#2", "14 20:00", "15 05:00"),
    ]
    assert lane.closures == ()
    assert [(c.shuts, c.delay_minutes) for c in delay.closures] == [(False, 7.0)]  # 420 s
    assert [(c.shuts, c.where) for c in blocked.closures] == [(True, Disc(53.47, -1.5, 10.0))]


def test_version_2_and_the_json_of_national_highways_are_read_too() -> None:
    (closure,) = only("datex_v2.xml").closures
    assert isinstance(closure.where, Line)
    assert closure.where.points == ((-1.5, 53.505), (-1.5, 53.52))
    assert when(closure) == ("06 18:00", "07 18:00")
    highways = only("national_highways.json").closures
    assert [when(c) for c in highways] == [("13 20:00", "14 05:00"), ("14 20:00", "15 05:00")]
    assert highways[0].reason.startswith("A61 closed: roadMaintenance: A61 both directions")


# --- into the store --------------------------------------------------------------------------
def test_the_life_of_a_permit(store: LiveStore, tmp_path: Path) -> None:
    take(store, tmp_path, "permit_1_granted.json")
    assert list(state(store).closures) == [PERMIT]
    report = take(store, tmp_path, "permit_2_work_start.json", "permit_3_extended.json")
    assert report.changed == [PERMIT, PERMIT]
    assert when(state(store).closures[PERMIT]) == ("07 06:30", "10 17:00")
    report = take(store, tmp_path, "permit_4_work_stop.json")
    assert report.revoked == [PERMIT]
    assert state(store).closures == {}
    assert state(store).version == 4


def test_the_same_messages_again_are_no_second_event(store: LiveStore, tmp_path: Path) -> None:
    names = [*sorted(p.name for p in MESSAGES.glob("permit_*.json")), "datex_v3.xml"]
    take(store, tmp_path, *names)
    before = state(store)
    report = take(store, tmp_path, *names, *names)
    assert state(store) == before
    assert (report.opened, report.changed, report.revoked) == ([], [], [])


def test_an_older_message_that_comes_late_changes_nothing(store: LiveStore, tmp_path: Path) -> None:
    take(store, tmp_path, "permit_2_work_start.json", "permit_4_work_stop.json")
    report = take(store, tmp_path, "permit_1_granted.json", "permit_3_extended.json")
    assert report.outdated == [PERMIT, PERMIT]
    assert state(store).closures == {}


def test_an_update_of_a_publication_supersedes_and_a_cancellation_revokes(
    store: LiveStore, tmp_path: Path
) -> None:
    take(store, tmp_path, "datex_v3.xml")
    report = take(store, tmp_path, "datex_v3_update.xml")
    assert report.revoked == ["datex2:GBTO-61-1-a"]
    assert report.changed == ["datex2:GBTO-61-1-d"]
    assert state(store).closures["datex2:GBTO-61-1-d"].delay_minutes == 4.0
    assert len(state(store).closures) == 4  # two nights, the delay, the blocked road


def test_a_period_that_an_update_drops_is_revoked(store: LiveStore, tmp_path: Path) -> None:
    document = json.loads((MESSAGES / "national_highways.json").read_text())
    record = document["D2Payload"]["situation"][0]["situationRecord"][0]
    management = record["sitRoadOrCarriagewayOrLaneManagement"]
    take(store, tmp_path, "national_highways.json")
    management["situationRecordVersionTime"] = "2026-07-06T21:00:00Z"
    del management["validity"]["validityTimeSpecification"]["validPeriod"][1]
    (tmp_path / "update.json").write_text(json.dumps(document))
    report = take(store, tmp_path, tmp_path / "update.json")
    assert report.revoked == ["datex2:NH_1189-1#1", "datex2:NH_1189-1#2"]
    assert [when(c) for c in state(store).closures.values()] == [("13 20:00", "14 05:00")]


def test_what_a_controller_revoked_stays_revoked_until_the_feed_says_something_new(
    store: LiveStore, tmp_path: Path
) -> None:
    take(store, tmp_path, "permit_1_granted.json")
    store.append(ClosureRevoked(PERMIT), "A. Controller", NOW)
    take(store, tmp_path, "permit_1_granted.json")
    assert state(store).closures == {}
    take(store, tmp_path, "permit_2_work_start.json")
    assert list(state(store).closures) == [PERMIT]


def test_works_elsewhere_are_left_out(store: LiveStore, tmp_path: Path) -> None:
    report = take(store, tmp_path, "permit_london.json")
    assert report.elsewhere == ["street_manager:TSR1591199404915-01"]
    assert state(store).version == 0


def test_works_drawn_across_a_road_are_on_it(store: LiveStore, tmp_path: Path) -> None:
    # Eight metres across the A61 at 53.50 north: along no road, but at a point of one.
    take(
        store,
        tmp_path,
        edited(tmp_path, "LINESTRING(433260.5 400483.2,433264.5 400483.2,433268.5 400483.2)"),
    )
    (closure,) = state(store).closures.values()
    assert isinstance(closure.where, Disc)


def edited(tmp_path: Path, geometry: object, **changes: object) -> Path:
    message = json.loads((MESSAGES / "permit_point.json").read_text())
    message["object_data"]["works_location_coordinates"] = geometry
    message |= changes
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(message))
    return path


# --- what cannot be used ---------------------------------------------------------------------
def test_a_broken_message_is_set_aside_with_its_reason_and_the_rest_goes_on(
    store: LiveStore, tmp_path: Path
) -> None:
    bad = tmp_path / "truncated.json"
    bad.write_bytes((MESSAGES / "permit_1_granted.json").read_bytes()[:700])
    report = take(store, tmp_path, bad, "datex_v3_partly_broken.xml", "permit_1_granted.json")
    assert report.opened == ["datex2:GBTO-61-2-b", PERMIT]
    aside = tmp_path / "set_aside"
    assert (aside / "truncated.json").read_bytes() == bad.read_bytes()
    assert "not a message of Street Manager" in (aside / "truncated.json.reason.txt").read_text()
    reason = (aside / "datex_v3_partly_broken.xml.reason.txt").read_text()
    assert reason == "datex2:GBTO-61-2-a: it says nowhere where it is\n"


@pytest.mark.parametrize(
    ("geometry", "changes", "reason"),
    [
        ("MULTIPOINT((1 2))", {}, "no POINT, LINESTRING or POLYGON"),
        (None, {}, "no POINT, LINESTRING or POLYGON"),
        ("POINT(433264.56)", {}, ""),
        ("POINT(433264.56 400483.16)", {"event_time": "yesterday"}, "yesterday"),
        ("POINT(433264.56 400483.16)", {"event_time": "2026-07-02T10:00:00"}, "no time zone"),
        ("POINT(433264.56 400483.16)", {"object_reference": ""}, "no object_reference"),
        ("POINT(433264.56 400483.16)", {"object_data": {}}, ""),
    ],
)
def test_the_reason_says_what_is_wrong(
    tmp_path: Path, geometry: object, changes: dict[str, object], reason: str
) -> None:
    if changes == {"object_data": {}}:
        changes = {"object_data": {"traffic_management_type_ref": "road_closure"}}
    (broken,) = read_message(edited(tmp_path, geometry, **changes))
    assert isinstance(broken, Broken)
    assert reason in broken.reason
    assert broken.reason


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"{}", b"<situation", b"[1]", b'{"situation": 3}', b'{"object_reference"'],
)
def test_what_is_no_message_is_broken_whatever_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "message"
    path.write_bytes(content)
    (broken,) = read_message(path)
    assert isinstance(broken, Broken)


def test_patient_data_in_a_message_is_set_aside(store: LiveStore, tmp_path: Path) -> None:
    message = json.loads((MESSAGES / "permit_point.json").read_text())
    message["object_data"]["street_name"] = "for 943 476 5919"
    path = tmp_path / "patient.json"
    path.write_text(json.dumps(message))
    report = take(store, tmp_path, path)
    assert "943" not in report.broken[0][1].reason
    assert state(store).version == 0


def test_folders_are_taken_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder").mkdir()
    assert [p.name for p in find_messages([tmp_path])] == ["a", "b"]
    with pytest.raises(InvalidSource, match="no message"):
        find_messages([tmp_path / "none"])
