"""A trail says what was written, in order, and shows where somebody had a hand in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_service.errors import AuditUnavailable, InvalidAudit
from routing_service.observe import chain
from routing_service.observe.check import Trail, find_chains, read_trail
from routing_service.observe.segment_writer import Page, SegmentWriter
from routing_service.observe.segments import find_line, list_segments

MIDDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = MIDDAY

    def __call__(self) -> datetime:
        return self.now


def record(text: str, page: Page) -> str:
    return chain.canonical({"kind": "decision", "seq": page.seq, "text": text})


def write(folder: Path, *texts: str, close: bool = True) -> SegmentWriter:
    writer = SegmentWriter(folder, Clock())
    writer.append([partial(record, text) for text in texts], durable=False)
    if close:
        writer.close()
    return writer


def read(*paths: Path) -> tuple[Trail, list[str]]:
    trail = Trail()
    entries = list(read_trail(find_chains(paths), trail))
    return trail, [e.record["text"] for e in entries if e.record["kind"] == "decision"]


def only_file(folder: Path) -> Path:
    (segment,) = list_segments(folder)
    return segment.path


# --- what a record is ------------------------------------------------------------------------
def test_a_hash_is_what_the_text_says_it_is() -> None:
    line, own = chain.seal(chain.FIRST, '{"kind":"end","seq":0}')
    assert own == sha256(b"0" * 64 + b'{"kind":"end","seq":0}').hexdigest()
    assert line == b'{"kind":"end","seq":0,"hash":"' + own.encode() + b'"}\n'


@given(
    st.dictionaries(
        st.text(),
        st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        min_size=1,
    )
)
def test_any_record_comes_back_as_it_was(content: dict[str, object]) -> None:
    line, own = chain.seal(chain.FIRST, chain.canonical(content))
    assert line.count(b"\n") == 1
    parts = chain.split(line[:-1])
    assert parts is not None
    assert parts[1] == own
    assert chain.holds(chain.FIRST, *parts)
    assert json.loads(line)["hash"] == own


# --- a whole trail ---------------------------------------------------------------------------
def test_a_trail_reads_back_in_order_and_ends_with_its_closing_record(tmp_path: Path) -> None:
    writer = write(tmp_path, "a", "b", "c")
    trail, texts = read(tmp_path)
    assert texts == ["a", "b", "c"]
    assert (trail.breaks, trail.open, trail.torn, trail.records) == ([], [], {}, 5)
    assert list(trail.heads.values()) == [writer.head]


def test_a_chain_goes_on_where_it_ended(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    trail, texts = read(tmp_path)
    assert [s.first for s in list_segments(tmp_path)] == [0, 3]  # segment, a, end
    assert (texts, trail.breaks) == (["a", "b"], [])


def test_two_writers_have_two_chains(tmp_path: Path) -> None:
    # The lock is a process's own, so the second writer must be another process.
    first = write(tmp_path, "a", close=False)
    script = (
        "import sys; from pathlib import Path; from tests.unit.test_audit_chain import write;"
        "print(write(Path(sys.argv[1]), 'b').chain)"
    )
    assert (first.chain, run_python(script, str(tmp_path))) == ("w0", "w1")
    first.close()
    trail, texts = read(tmp_path)
    assert (sorted(texts), trail.breaks, len(trail.heads)) == (["a", "b"], [], 2)


def run_python(script: str, *arguments: str) -> str:
    import subprocess
    import sys

    return subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_segment_ends_when_it_is_full_and_at_midnight(tmp_path: Path) -> None:
    clock = Clock()
    writer = SegmentWriter(tmp_path, clock, segment_bytes=1500)
    for number in range(20):
        writer.append([partial(record, f"{number:0100d}")], durable=False)
    full = len(list_segments(tmp_path))
    assert full >= 3
    clock.now += timedelta(days=1)
    writer.append([partial(record, "tomorrow")], durable=False)
    assert len(list_segments(tmp_path)) == full + 1
    writer.close()
    trail, texts = read(tmp_path)
    assert (len(texts), trail.breaks) == (21, [])


def test_half_a_line_is_reported_and_no_fault(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", close=False)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])  # what kill -9 leaves: b is half there
    trail, texts = read(tmp_path)
    assert (texts, trail.breaks) == (["a"], [])
    assert list(trail.torn) == [path]
    assert len(trail.open) == 1
    write(tmp_path, "c")
    trail, texts = read(tmp_path)
    assert (texts, trail.breaks, trail.open) == (["a", "c"], [], [])
    assert list(trail.torn) == [path]


@given(data=st.data())
def test_a_trail_cut_anywhere_goes_on(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    write(folder, "a", "b", close=False)
    path = only_file(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    write(folder, "c")
    trail, texts = read(folder)
    assert trail.breaks == []
    assert texts in (["c"], ["a", "c"], ["a", "b", "c"])


# --- a hand in it ----------------------------------------------------------------------------
def change(find: bytes, put: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line.replace(find, put) for line in lines]


@pytest.mark.parametrize(
    ("kind", "line", "meddle"),
    [
        ("altered", 3, change(b'"text":"b"', b'"text":"B"')),
        ("missing", 3, lambda lines: lines[:2] + lines[3:]),
        ("missing", 2, lambda lines: lines[:1] + lines[3:]),
        ("moved", 4, lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]]),
        ("moved", 4, lambda lines: [*lines[:3], lines[2], *lines[3:]]),
        ("unreadable", 3, lambda lines: [*lines[:2], b"not a record\n", *lines[3:]]),
        (
            "unreadable",
            3,
            lambda lines: [*lines[:2], lines[2][:20] + lines[2][21:-3] + b"\n", *lines[3:]],
        ),
    ],
)
def test_a_record_that_was_meddled_with_is_named_with_file_and_line(
    tmp_path: Path, kind: str, line: int, meddle: Callable[[list[bytes]], list[bytes]]
) -> None:
    write(tmp_path, "a", "b", "c", "d")
    path = only_file(tmp_path)
    path.write_bytes(b"".join(meddle(path.read_bytes().splitlines(keepends=True))))
    trail, _ = read(tmp_path)
    assert [(b.kind, b.path, b.line) for b in trail.breaks] == [(kind, path, line)]


def test_a_record_that_was_forged_with_its_hash_breaks_the_next(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", "c")
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    before = chain.split(lines[1][:-1])
    assert before is not None
    lines[2], _ = chain.seal(before[1], record("forged", Page(2, "", {})))
    path.write_bytes(b"".join(lines))
    trail, texts = read(tmp_path)
    assert texts == ["a", "forged", "c"]
    assert [(b.kind, b.line) for b in trail.breaks] == [("altered", 4)]


@given(data=st.data())
def test_no_flipped_bit_goes_unseen(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    write(folder, "a", "b", "c")
    path = only_file(folder)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 2))  # all but the last line's end
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    trail, _ = read(folder)
    assert trail.breaks


def test_a_whole_segment_that_is_gone_is_missed(tmp_path: Path) -> None:
    for text in "abc":
        write(tmp_path, text)
    segments = list_segments(tmp_path)
    segments[1].path.unlink()
    trail, texts = read(tmp_path)
    assert texts == ["a", "c"]
    assert [(b.kind, b.path, b.line) for b in trail.breaks] == [("missing", segments[2].path, 1)]
    segments[0].path.unlink()
    trail, _ = read(tmp_path)
    assert [(b.kind, b.detail) for b in trail.breaks] == [
        ("missing", "records 0 to 5, and no retention removed them")
    ]


# --- retention -------------------------------------------------------------------------------
def test_what_retention_leaves_still_verifies(tmp_path: Path) -> None:
    clock = Clock()
    writer = SegmentWriter(tmp_path, clock, days=3)
    for day in range(10):
        writer.append([partial(record, f"day {day}")], durable=False)
        clock.now += timedelta(days=1)
    writer.append([partial(record, "last")], durable=False)
    writer.close()
    trail, texts = read(tmp_path)
    assert trail.breaks == []
    # On day 10 what ended before day 7 is gone. The segment of day 6 ended when day 7 came.
    assert texts == ["day 6", "day 7", "day 8", "day 9", "last"]

    first = list_segments(tmp_path)[0].path
    first.unlink()
    trail, _ = read(tmp_path)
    assert [(b.kind, b.line) for b in trail.breaks] == [("missing", 1)]


def test_a_quiet_service_opens_a_segment_a_day_and_forgets_too(tmp_path: Path) -> None:
    clock = Clock()
    writer = SegmentWriter(tmp_path, clock, days=2)
    for _ in range(5):
        clock.now += timedelta(days=1)
        writer.turn()
    writer.close()
    assert [s.opened[:8] for s in list_segments(tmp_path)] == [
        "20261124",
        "20261125",
        "20261126",
        "20261127",
    ]
    assert read(tmp_path)[0].breaks == []


# --- a folder that cannot be written ---------------------------------------------------------
def test_a_path_that_is_no_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AuditUnavailable, match="HASU_AUDIT_DIR"):
        SegmentWriter(tmp_path / "file", Clock())


def test_what_is_no_trail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidAudit, match="no audit trail"):
        find_chains([tmp_path])
    with pytest.raises(InvalidAudit, match="no audit trail at"):
        find_chains([tmp_path / "none"])


def test_a_line_is_found_wherever_it_stands(tmp_path: Path) -> None:
    texts = [f"{number:05d}" * 400 for number in range(500)]  # a megabyte, in four pieces
    write(tmp_path, *texts)
    for number in (0, 131, 250, 499):
        found = find_line(only_file(tmp_path), f'"text":"{number:05d}'.encode())
        assert found is not None
        assert json.loads(found)["text"] == texts[number]
    assert find_line(only_file(tmp_path), b'"text":"x') is None
