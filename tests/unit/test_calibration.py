"""A calibration: what it says of each road, how it is kept, what a network built with it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

import numpy as np
import pytest

from routing_service.decision.model import Location, Step, Unit
from routing_service.errors import InvalidCalibration
from routing_service.graph.build import build_graph
from routing_service.graph.calibration import FIELDS, KINDS, Calibration, Lattice, kinds_of
from routing_service.graph.calibration_text import toml_text
from routing_service.graph.profile import Profile
from routing_service.graph.rules.flags import ROAD_CLASSES
from routing_service.graph.speed_sets import SpeedSet, SpeedSets
from routing_service.graph.trees import check_trees
from routing_service.graph.weekly import Period
from routing_service.live.snapshot import Snapshot
from tests.toymap import read_map

CAR = Profile.load("car")
# Two cells side by side; the border is the meridian through B of `TOWN`.
LATTICE = Lattice(-1.5, 53.54, 0.029, 0.02, 2, 1)


def calibration(
    kinds: dict[str, int] | None = None, fields: dict[str, list[int]] | None = None
) -> Calibration:
    """Logarithms in thousandths for some kinds and fields, 0 for the others."""
    return Calibration(
        network="surrogate",
        profile="car",
        profile_sha256=CAR.sha256,
        lattice=LATTICE,
        kinds=np.array([(kinds or {}).get(name, 0) for name in KINDS], np.int32),
        fields=np.array([(fields or {}).get(name, [0, 0]) for name in FIELDS], np.int32),
        data={"sha256": "abc", "observations": 3},
        summary={"after": {"n": 3, "by_district": {"St. Helen's": {"bias_minutes": -0.5}}}},
    )


# --- factors -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("road", "urban", "lon", "log"),
    [
        ("residential", True, -1.49, 300 + 10 + 1),
        ("residential", False, -1.49, 10 + 1),
        ("primary", True, -1.49, -200 + 10 + 4),
        ("primary_link", True, -1.47, -200 + 20 + 5),
        ("motorway", False, -1.47, 20),
        ("tertiary", True, -1.47, 20 + 2),
        ("living_street", True, -1.60, 300 + 10 + 1),  # west of all cells: the nearest
        ("living_street", True, 1.0, 300 + 20 + 2),
    ],
)
def test_a_factor_is_of_kind_place_and_group(road: str, urban: bool, lon: float, log: int) -> None:
    fitted = calibration(
        {"local urban": 300, "primary urban": -200},
        {"all": [10, 20], "local": [1, 2], "main": [4, 5]},
    )
    factor = fitted.factors(
        np.array([ROAD_CLASSES.index(road)], np.uint8),
        np.array([urban]),
        np.array([lon]),
        np.array([53.55]),
    )
    assert factor[0] == pytest.approx(np.exp(log / 1000))


def test_a_factor_has_limits() -> None:
    kind = kinds_of(np.array([ROAD_CLASSES.index("service")], np.uint8), np.array([False]))
    wild = calibration({"local rural": 9000})
    assert wild.factors_of(kind, np.zeros(1, np.int32))[0] == pytest.approx(np.exp(1.6))


def test_every_class_has_a_kind() -> None:
    codes = np.arange(len(ROAD_CLASSES), dtype=np.uint8)
    named = [KINDS[k] for k in kinds_of(codes, codes % 2 == 1)]
    for name, kind in zip(ROAD_CLASSES, named, strict=True):
        tier = name.removesuffix("_link")
        assert kind.split()[0] in (tier, "local")


# --- the file ----------------------------------------------------------------------------------
def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = calibration({"trunk rural": -77}, {"main": [5, -6]})
    saved.save(tmp_path / "a.toml")
    loaded = Calibration.load(tmp_path / "a.toml")
    loaded.save(tmp_path / "b.toml")
    assert loaded.id == saved.id
    assert loaded.summary == saved.summary
    assert (tmp_path / "a.toml").read_bytes() == (tmp_path / "b.toml").read_bytes()
    assert loaded.fields.tolist() == saved.fields.tolist()


def test_the_id_follows_the_content() -> None:
    plain = calibration()
    assert plain.id == calibration().id
    assert len({plain.id, replace(plain, start_ms=1).id, calibration({"local urban": 1}).id}) == 3


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"local urban" = 300', '"local urban" = 301', "changed after it was made"),
        ("format = 1", "format = 2", "format 1"),
        ("start_ms", "stop_ms", "start_ms"),
        ("columns = 2", "columns = 3", "lattice"),
        ("[lattice]", "[lattice", "TOML"),
    ],
)
def test_a_spoilt_file_is_refused(tmp_path: Path, old: str, new: str, word: str) -> None:
    path = tmp_path / "c.toml"
    calibration({"local urban": 300}).save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidCalibration, match=word):
        Calibration.load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidCalibration, match=r"none\.toml cannot be read"):
        Calibration.load(tmp_path / "none.toml")


def test_text_that_toml_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        toml_text({"id": None})


# --- a network built with one ------------------------------------------------------------------
TOWN = """
A-----B-----C
"""
# 600 m to a side, 60 s at the 36 km/h of a rural residential street.
WAYS = {
    "AB": {"highway": "residential", "hasu:setting": "rural"},
    "BC": {"highway": "residential", "hasu:setting": "rural"},
}


def town(fitted: Calibration | None, sets: SpeedSets | None = None) -> Snapshot:
    raw = read_map(TOWN, WAYS)
    lon, lat = raw.node_lon_e7 / 1e7, raw.node_lat_e7 / 1e7
    units = [
        Unit(code, code, float(lat[node]), float(lon[node])) for code, node in (("A", 0), ("C", 2))
    ]
    graph = build_graph(raw, CAR, units, speed_sets=sets, calibration=fitted)
    check_trees(graph)
    return Snapshot(graph, "x")


def ms(snapshot: Snapshot, node: int) -> list[int]:
    graph = snapshot.graph
    lon, lat = graph.node_lon_e7[[node]] / 1e7, graph.node_lat_e7[[node]] / 1e7
    return [int(value) for value in snapshot.times(lon, lat)[0][0]]


def test_the_streets_of_a_cell_take_their_factor() -> None:
    # exp(0.693) = 1.99971 in the west: 119,982 ms for AB; nothing changes in the east.
    slow_west = town(calibration(fields={"all": [693, 0]}))
    assert ms(town(None), 0) == [0, 120_000]
    assert ms(slow_west, 0) == [0, 119_982 + 60_000]
    assert ms(slow_west, 1) == [119_982, 60_000]
    assert ms(slow_west, 2) == [60_000 + 119_982, 0]


def test_the_start_is_added_once_to_every_time() -> None:
    plain, later = town(None), town(replace(calibration(), start_ms=377_000))
    for node in range(3):
        assert ms(later, node) == [before + 377_000 for before in ms(plain, node)]


def test_a_further_speed_set_takes_factor_and_start_too() -> None:
    nights = Period((0,), time(22), time(6))
    half = SpeedSet("slow", "made up for this test", 0.5, {}, (nights,))
    fitted = replace(calibration(fields={"all": [693, 0]}), start_ms=10_000)
    snapshot = town(fitted, SpeedSets(sets=(half,)))
    # At half the speed the streets take 239,964 and 120,000 ms, the start what it took.
    assert ms(snapshot, 0) == [10_000, 10_000 + 119_982 + 60_000]
    assert ms(replace(snapshot, speed_set=1), 0) == [10_000, 10_000 + 239_964 + 120_000]


def test_a_route_takes_what_the_decision_says() -> None:
    snapshot = town(replace(calibration({"local rural": 100}), start_ms=300_000))
    place = Location(53.55, -1.4775)
    decision = snapshot.decide(place)
    for row in decision.ranking:
        route = snapshot.route(place, row.ods_code)
        assert route.minutes == row.minutes
        # What every call takes whatever the way is a step of its own: 5 of the minutes.
        assert route.steps[-1] == Step("start and stop", 5.0, 0.0)
        assert sum(step.minutes for step in route.steps) == pytest.approx(route.minutes, abs=0.1)


def test_a_network_says_which_calibration_it_has() -> None:
    fitted = replace(calibration(), error_model={"sigma_scene": 0.1, "sigma_unit": 0.1})
    with_one, without = town(fitted), town(None)
    assert with_one.calibration == fitted.id
    assert with_one.manifest["calibration_data"]["sha256"] == "abc"
    assert with_one.manifest["error_model"] == dict(fitted.error_model)
    assert "uncalibrated" not in with_one.decide(Location(53.55, -1.4775)).flags
    assert "modelled_reference" not in with_one.decide(Location(53.55, -1.4775)).flags
    modelled = town(replace(fitted, data={**fitted.data, "modelled": True}))
    assert "modelled_reference" in modelled.decide(Location(53.55, -1.4775)).flags
    assert without.calibration == "uncalibrated"
    assert "uncalibrated" in without.decide(Location(53.55, -1.4775)).flags


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"network": "osm"}, "network 'osm', this one is 'surrogate'"),
        ({"profile": "blue_light"}, "profile 'blue_light', this one is 'car'"),
        ({"profile_sha256": "0"}, "before the profile 'car' changed"),
    ],
)
def test_a_calibration_of_something_else_is_refused(changed: dict[str, str], word: str) -> None:
    with pytest.raises(InvalidCalibration, match=word):
        town(replace(calibration(), **changed))  # type: ignore[arg-type]
