"""Profiles as files: what ships, what is refused, and what a way becomes."""

from __future__ import annotations

import hashlib
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from routing_service.errors import InvalidProfile
from routing_service.graph.profile import (
    EXEMPTION_FLAGS,
    EXEMPTION_MASK,
    FLAG_BITS,
    FLAG_NAMES,
    ROAD_CLASSES,
    Profile,
    flag_names,
)
from routing_service.units import NONE

PROFILES = resources.files("routing_service.graph") / "profiles"
CAR_BYTES = (PROFILES / "car.toml").read_bytes()
BLUE_BYTES = (PROFILES / "blue_light.toml").read_bytes()


def profile_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


def test_shipped_profiles_load_and_say_that_they_are_uncalibrated() -> None:
    for name in ("car", "blue_light"):
        profile = Profile.load(name)
        assert (profile.name, profile.calibration) == (name, "uncalibrated")


def test_the_hash_covers_the_file_and_what_it_extends() -> None:
    assert Profile.load("car").sha256 == hashlib.sha256(CAR_BYTES).hexdigest()
    both = hashlib.sha256(CAR_BYTES + BLUE_BYTES).hexdigest()
    assert Profile.load("blue_light").sha256 == both


def test_a_path_is_as_good_as_a_name(tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_bytes(CAR_BYTES)
    assert Profile.load(path) == Profile.load(str(path)) == Profile.load("car")


def test_an_heir_states_only_what_differs(tmp_path: Path) -> None:
    path = profile_file(
        tmp_path,
        'extends = "blue_light"\nname = "van"\n[vehicle]\nheight_m = 2.0\n'
        "[speeds.classes]\n"
        'residential = { urban_kph = 40, rural_kph = 41, free_kph = 50, setting = "urban" }\n',
    )
    van = Profile.load(path)
    assert van.name == "van"
    assert van.way({"highway": "residential"}).forward_kph == 40
    assert van.way({"highway": "tertiary"}).forward_kph == 43
    assert van.way({"highway": "residential", "maxheight": "2.1"}).dropped is None
    assert van.way({"highway": "residential", "maxwidth": "2.1"}).dropped == "too_narrow"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "name: is missing"),
        ("not toml", "not a TOML file"),
        ('extends = "tram"', "tram"),
        ("extends = 3", "extends must name"),
        ('extends = "car"\nnam = "x"', "own.toml.nam: is not a key"),
        ('extends = "car"\nname = "two words"', "plain word"),
        ('extends = "car"\nname = 7', "name: must be a string, not 7"),
        ('extends = "car"\n[vehicle]\nheight_m = "tall"', "height_m: must be a number"),
        ('extends = "car"\n[vehicle]\nheight_m = true', "height_m: must be a number"),
        ('extends = "car"\n[vehicle]\nlength_m = 5', "vehicle.length_m: is not a key"),
        ('extends = "car"\n[speeds.classes]\nresidential = { urban_kph = 40 }', "residential"),
        ('extends = "car"\n[speeds.classes]\nfootway = { urban_kph = 4 }', "footway: is not a key"),
        ('extends = "car"\n[speeds]\nclasses = 3', "classes: must be a table"),
        ('extends = "car"\n[speeds]\nmin_kph = -1', "min_kph: must be from 1"),
        ('extends = "car"\n[access]\nkeys = "access"', "keys: must be a list of strings"),
        ('extends = "car"\n[access.values]\nyes = "opne"', "yes: must be one of open"),
        ('extends = "car"\n[access.grants]\nopen = { flags = ["fast"] }', "has no flag fast"),
        ('extends = "car"\n[access.grants]\nopen = { closed = "x", cap_kph = 3 }', "cap_kph"),
        ('extends = "car"\n[oneway.lifted_by]\n"oneway:hgv" = "lorry"', "must be one of bus_lane"),
        ('extends = "car"\n[barriers]\ngate = { crossing = "often" }', "crossing: must be one of"),
        ('extends = "car"\n[turns]\nangles_deg = [0, 90]', "angles_deg: must rise"),
        ('extends = "car"\n[turns]\nseconds = [1, 2]', "seconds: must hold one number"),
        ('extends = "car"\n[turns]\nu_turns = "never"', "u_turns: must be one of dead_end"),
        (
            'extends = "car"\n[speeds.limit_curve]\nlimit_mph = [30, 20, 40, 50, 60, 70]',
            "rise strictly",
        ),
        ('extends = "car"\n[speeds.limit_curve]\nlimit_mph = [30, 70]', "as long as"),
    ],
)
def test_a_bad_profile_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InvalidProfile) as caught:
        Profile.load(profile_file(tmp_path, text))
    assert complaint in caught.value.detail
    assert caught.value.code == "invalid_profile"


@pytest.mark.parametrize("road_class", ROAD_CLASSES)
def test_a_profile_that_forgets_a_class_is_refused(tmp_path: Path, road_class: str) -> None:
    lines = CAR_BYTES.decode().splitlines()
    kept = [line for line in lines if not line.startswith(f"{road_class} = {{ urban_kph")]
    assert len(kept) == len(lines) - 1
    with pytest.raises(InvalidProfile, match=f"classes.{road_class}: is missing"):
        Profile.load(profile_file(tmp_path, "\n".join(kept)))


def test_a_profile_that_extends_itself_in_a_ring_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ring.toml").write_text('extends = "ring.toml"')
    with pytest.raises(InvalidProfile, match="extends itself"):
        Profile.load("ring.toml")


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InvalidProfile, match="neither the name of a shipped profile"):
        Profile.load("tram")


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"route": "ferry"}, "ferry"),
        ({"route": "ferry", "highway": "primary"}, "ferry"),
        ({"highway": "construction"}, "construction"),
        ({"highway": "proposed"}, "proposed"),
        ({"highway": "abandoned"}, "abandoned"),
        ({"highway": "razed"}, "abandoned"),
        ({"highway": "raceway"}, "raceway"),
        ({"highway": "escape"}, "escape_lane"),
        ({"highway": "bus_guideway"}, "bus_guideway"),
        ({"highway": "pedestrian", "area": "yes"}, "area"),
        ({"highway": "footway"}, "not_a_road"),
        ({"highway": "steps", "motor_vehicle": "yes"}, "not_a_road"),
        ({"waterway": "river"}, "not_a_road"),
        ({}, "not_a_road"),
    ],
    ids=str,
)
def test_what_is_no_road_is_dropped_with_a_reason(tags: dict[str, str], reason: str) -> None:
    for name in ("car", "blue_light"):
        use = Profile.load(name).way(tags)
        assert use.dropped == reason
        assert (use.forward_kph, use.backward_kph) == (0, 0)
        assert use.forward_flags == use.backward_flags == 0


def test_road_classes_are_numbered() -> None:
    car = Profile.load("car")
    for number, highway in enumerate(ROAD_CLASSES):
        assert car.way({"highway": highway}).road_class == number
    assert car.way({"highway": "footway"}).road_class == NONE


@pytest.mark.parametrize(
    ("tags", "flags"),
    [
        ({"junction": "roundabout"}, ("oneway", "roundabout")),
        ({"highway": "motorway"}, ("oneway", "motorway")),
        ({"highway": "motorway_link"}, ("oneway", "motorway")),
        ({"bridge": "yes"}, ("bridge",)),
        ({"bridge": "viaduct"}, ("bridge",)),
        ({"bridge": "no"}, ()),
        ({"tunnel": "building_passage"}, ("tunnel",)),
        ({"ford": "yes"}, ("ford",)),
        ({"flood_prone": "yes"}, ("flood_prone",)),
    ],
    ids=str,
)
def test_attributes_are_marked(tags: dict[str, str], flags: tuple[str, ...]) -> None:
    use = Profile.load("blue_light").way({"highway": "primary", **tags})
    assert flag_names(use.forward_flags) == flags


def test_flags_fit_the_graph_file() -> None:
    assert [FLAG_BITS[name] for name in FLAG_NAMES] == [1 << bit for bit in range(len(FLAG_NAMES))]
    assert max(FLAG_BITS.values()) < 2**16
    assert flag_names(EXEMPTION_MASK) == EXEMPTION_FLAGS


def test_an_ordinary_road_uses_no_privilege() -> None:
    for highway in ROAD_CLASSES[:16]:
        use = Profile.load("blue_light").way({"highway": highway, "maxspeed": "30 mph"})
        assert use.forward_flags & EXEMPTION_MASK == 0


def test_every_rule_of_the_shipped_files_is_spelt_as_key_and_value() -> None:
    car, blue = tomllib.loads(CAR_BYTES.decode()), tomllib.loads(BLUE_BYTES.decode())
    for tags in (car["excluded"], car["marked"], car["nodes"]["penalties_s"],
                 blue["nodes"]["penalties_s"], car["access"]["defaults"]):  # fmt: skip
        assert all(tag.count("=") == 1 for tag in tags)
