"""The graph file: what is written is what is read, and no damage passes unnoticed."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_service.errors import (
    GraphFileCorrupt,
    GraphFileMissing,
    GraphFileTruncated,
    GraphFileVersion,
    HasuError,
    NotAGraphFile,
)
from routing_service.graph.graph_file import (
    ALIGNMENT,
    DTYPES,
    HEADER,
    open_graph_file,
    write_graph_file,
)

MANIFEST: dict[str, object] = {"network": "surrogate", "counts": {"edges": 3, "nodes": 2}}


def some_sections() -> dict[str, npt.NDArray[np.generic]]:
    return {
        "turn_ms": np.array([5, 0, 7], dtype=np.int32),
        "edge_flags": np.array([1, 2, 3], dtype=np.uint16),
        "labels": np.frombuffer(b"A61\nM1", dtype=np.uint8),
        "trees": np.arange(6, dtype=np.int32).reshape(2, 3),
        "nothing": np.empty(0, dtype=np.int32),
        "core": np.array([True, False, True]),
    }


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "some.graph"
    write_graph_file(path, MANIFEST, some_sections())
    return path


# --- round trip ----------------------------------------------------------------------------
def test_what_was_written_is_read(graph: Path) -> None:
    opened = open_graph_file(graph, verify=True)

    assert opened.manifest["network"] == "surrogate"
    assert opened.manifest["counts"] == {"edges": 3, "nodes": 2}
    assert set(opened.sections) == set(some_sections())
    for name, array in some_sections().items():
        np.testing.assert_array_equal(opened.sections[name], array)
        assert opened.sections[name].dtype == array.dtype
        assert opened.sections[name].shape == array.shape


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=12),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3)),
        max_size=5,
    )
)
@settings(deadline=None, max_examples=60)
def test_any_shape_and_dtype_survives(
    tmp_path_factory: pytest.TempPathFactory, spec: dict[str, tuple[str, list[int]]]
) -> None:
    arrays = {
        name: np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
        for name, (dtype, shape) in spec.items()
    }
    path = tmp_path_factory.mktemp("any") / "any.graph"
    write_graph_file(path, {}, arrays)
    opened = open_graph_file(path, verify=True)
    for name, array in arrays.items():
        np.testing.assert_array_equal(opened.sections[name], array)


def test_big_endian_and_strided_arrays_are_stored_as_plain_little_endian(tmp_path: Path) -> None:
    path = tmp_path / "endian.graph"
    strided = np.arange(10, dtype=np.int32)[::3]  # 0 3 6 9
    write_graph_file(path, {}, {"big": np.array([1, 258], dtype=">i4"), "strided": strided})
    opened = open_graph_file(path, verify=True)
    assert opened.sections["big"].dtype.str == "<i4"
    assert opened.sections["big"].tolist() == [1, 258]
    assert opened.sections["strided"].tolist() == [0, 3, 6, 9]


def test_sections_are_read_only_and_outlive_the_opened_file(graph: Path) -> None:
    trees = open_graph_file(graph).sections["trees"]
    assert trees.sum() == 15  # 0 + 1 + ... + 5
    with pytest.raises(ValueError, match="read-only"):
        trees[0, 0] = 1


def test_sections_start_on_cache_lines(graph: Path) -> None:
    for array in open_graph_file(graph).sections.values():
        if array.size:
            assert array.__array_interface__["data"][0] % ALIGNMENT == 0


# --- the same input, the same bytes --------------------------------------------------------
def test_the_order_of_the_input_does_not_matter(tmp_path: Path) -> None:
    backwards = dict(reversed(some_sections().items()))
    first = write_graph_file(tmp_path / "a", MANIFEST, some_sections())
    second = write_graph_file(tmp_path / "b", dict(reversed(MANIFEST.items())), backwards)
    assert first == second
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_another_process_writes_the_same_bytes(graph: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.graph"
    program = (
        "import sys, pathlib; from tests.unit.test_graph_file import *;"
        "write_graph_file(pathlib.Path(sys.argv[1]), MANIFEST, some_sections())"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(other)],
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert other.read_bytes() == graph.read_bytes()


def test_the_graph_id_follows_the_content(tmp_path: Path) -> None:
    changed = some_sections()
    changed["turn_ms"] = np.array([5, 0, 8], dtype=np.int32)
    ids = {
        write_graph_file(tmp_path / "a", MANIFEST, some_sections()),
        write_graph_file(tmp_path / "b", MANIFEST, changed),
        write_graph_file(tmp_path / "c", {**MANIFEST, "network": "osm"}, some_sections()),
    }
    assert len(ids) == 3
    assert open_graph_file(tmp_path / "a").graph_id in ids


# --- writing is one step -------------------------------------------------------------------
def test_a_failed_write_leaves_the_old_file_alone(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = graph.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_graph_file(graph, {"network": "osm"}, some_sections())
    assert graph.read_bytes() == before
    assert list(graph.parent.iterdir()) == [graph]


def test_a_reader_keeps_the_old_file_while_a_new_one_takes_its_place(graph: Path) -> None:
    old = open_graph_file(graph)
    write_graph_file(graph, MANIFEST, {"turn_ms": np.zeros(1, dtype=np.int32)})
    assert old.sections["turn_ms"].tolist() == [5, 0, 7]
    assert open_graph_file(graph).sections["turn_ms"].tolist() == [0]


@pytest.mark.parametrize(
    ("manifest", "section", "what"),
    [
        ({"sections": []}, np.zeros(1, dtype=np.int32), "may not set sections"),
        ({"age": float("nan")}, np.zeros(1, dtype=np.int32), "JSON"),
        ({"path": Path("x")}, np.zeros(1, dtype=np.int32), "JSON"),
        ({}, np.array(["A61"]), "dtype"),
        ({}, np.zeros(1, dtype=np.complex128), "dtype"),
    ],
)
def test_what_cannot_be_stored_is_refused(
    tmp_path: Path, manifest: dict[str, object], section: npt.NDArray[np.generic], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        write_graph_file(tmp_path / "x.graph", manifest, {"section": section})
    assert list(tmp_path.iterdir()) == []


# --- damage --------------------------------------------------------------------------------
def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_a_flip_in_any_byte_is_found(graph: Path) -> None:
    whole = graph.read_bytes()
    missed = []
    for byte in range(len(whole)):
        # Bit 0 for the first byte, bit 1 for the second...: each bit position has its turn.
        flip(graph, byte * 8 + byte % 8)
        try:
            open_graph_file(graph, verify=True)
            missed.append(byte)
        except HasuError:
            pass
        graph.write_bytes(whole)
    assert missed == []


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_flipped_bits_are_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flip") / "some.graph"
    write_graph_file(path, MANIFEST, some_sections())
    bits = st.integers(0, path.stat().st_size * 8 - 1)
    for bit in data.draw(st.sets(bits, min_size=1, max_size=4)):
        flip(path, bit)
    with pytest.raises(HasuError):
        open_graph_file(path, verify=True)


def test_a_flip_in_a_section_needs_the_full_check_and_names_the_section(graph: Path) -> None:
    last = graph.read_bytes().rindex(struct.pack("<3i", 5, 0, 7))  # turn_ms
    flip(graph, last * 8)
    open_graph_file(graph)
    with pytest.raises(GraphFileCorrupt, match=r"section turn_ms .*hasu build"):
        open_graph_file(graph, verify=True)


@given(st.integers(0, 4000))
@settings(deadline=None, max_examples=100)
def test_a_short_file_is_always_found(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "some.graph"
    write_graph_file(path, MANIFEST, some_sections())
    data = path.read_bytes()
    path.write_bytes(data[: cut % len(data)])
    with pytest.raises(GraphFileTruncated, match="cut short"):
        open_graph_file(path)


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def scramble_manifest(path: Path) -> None:
    flip(path, HEADER.size * 8)


def other_version(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", 7)
    path.write_bytes(data)


def other_content(path: Path) -> None:
    path.write_text('{"type": "FeatureCollection"}')


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        (Path.unlink, GraphFileMissing, r"no graph file at .*some\.graph; build one with `hasu"),
        (other_content, NotAGraphFile, "does not start with HASUGRPH"),
        (become_folder, NotAGraphFile, "is a folder"),
        (other_version, GraphFileVersion, r"in format 7 and .* reads format 1; build it again"),
        (grow, GraphFileCorrupt, "its header"),
        (scramble_manifest, GraphFileCorrupt, "its manifest"),
    ],
)
def test_each_kind_of_damage_has_its_own_error(
    graph: Path, damage: Callable[[Path], object], error: type[HasuError], says: str
) -> None:
    damage(graph)
    with pytest.raises(error, match=says) as caught:
        open_graph_file(graph)
    assert caught.value.facts["path"] == str(graph)
