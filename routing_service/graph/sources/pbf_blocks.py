"""OSM PBF files block by block: what roads need of each, as arrays.

The common form of such files only, which is what all extracts of today are: blocks packed with
zlib, nodes in dense rows. Of Newport pyosmium hands over 11,000 objects with 50,000 references to
nodes, one Python call each; here a block of 8,000 objects costs a few calls. `UnusualPbf` says
that a file is better left to pyosmium, which reads all forms and knows what is wrong with a
damaged one.

https://wiki.openstreetmap.org/wiki/PBF_Format
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from routing_service.graph.sources.merge import distinct, gathered
from routing_service.graph.sources.osm_tags import NODE_KEYS, WAY_KEYS, is_label_key, is_routing_key
from routing_service.graph.sources.restrictions import Member
from routing_service.graph.sources.tag_rows import TagRows
from routing_service.kernels.protobuf import (
    BROKEN,
    ELEMENT,
    FIRST,
    ID,
    LAST,
    ROW,
    VERSION,
    read_elements,
    spans_of,
    unpack,
)
from routing_service.units import BoolArray, ByteArray, IntArray, LongArray

KNOWN_FEATURES = {b"OsmSchema-V0.6", b"DenseNodes"}
MAX_HEADER, MAX_BLOB = 64 * 1024, 32 * 1024 * 1024
RESTRICTION = b"restriction"
INT32_MAX = 2**31 - 1

# Three strings, and way 1 from node 1 to node 2 with the third as the value of the second.
SMALLEST_BLOCK = (
    b"\x0a\x14\x0a\x00\x0a\x07highway\x0a\x07primary"
    b"\x12\x0e\x1a\x0c\x08\x01\x12\x01\x01\x1a\x01\x02\x42\x02\x02\x02"
)

Span = tuple[int, int]


class UnusualPbf(Exception):
    """The file is damaged, or in one of the rarer forms of OSM PBF."""


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """Nodes of one block; `tagged` are positions of those that have a tag of `NODE_KEYS`."""

    ids: LongArray
    lon_e7: IntArray
    lat_e7: IntArray
    tagged: LongArray
    tags: TagRows


@dataclass(frozen=True, slots=True)
class WayBlock:
    """Ways of one block that have a tag of `WAY_KEYS`; their nodes are CSR."""

    ids: LongArray
    versions: LongArray
    first: LongArray
    refs: LongArray
    tags: TagRows


@dataclass(frozen=True, slots=True)
class RelationRecord:
    """One relation whose type begins with ``restriction``."""

    id: int
    version: int
    tags: dict[str, str]
    members: list[Member]


Found = NodeBlock | WayBlock | RelationRecord


def read_blocks(path: Path) -> list[Found]:
    """Read a file: nodes, and the ways and relations that may be roads or restrictions.

    One block after another: threads take turns for the GIL so often that two of them are no
    quicker than one (97 against 100 ms for Newport).

    Raises
    ------
    UnusualPbf
        The file is better left to pyosmium.
    """
    if not path.stat().st_size:  # cannot be mapped
        raise UnusualPbf
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        blobs = list(_blobs(data))
        if not blobs or blobs[0][0] != b"OSMHeader":
            raise UnusualPbf
        _check_features(_unpacked(data, blobs[0][1]))
        blocks = (_unpacked(data, span) for kind, span in blobs[1:] if kind == b"OSMData")
        return [one for block in blocks for one in read_block(block)]


def read_block(block: bytes) -> list[Found]:
    """Read one unpacked block; raises `UnusualPbf` like `read_blocks`.

    Examples
    --------
    >>> (ways,) = read_block(SMALLEST_BLOCK)
    >>> ways.ids.tolist(), ways.refs.tolist(), ways.tags.pairs
    ([1], [1, 2], [('highway', 'primary')])
    """
    try:
        return _Block(block).read()
    except (IndexError, ValueError) as error:  # numbers of strings that are not there…
        raise UnusualPbf from error


# --- the frame -----------------------------------------------------------------------------
def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int | Span]]:
    """Fields of a small message: number, and its value or where its stretch lies."""
    while start < end:
        tag, start = _varint(data, start)
        value, start = _varint(data, start)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and start + value <= end:
            yield tag >> 3, (start, start + value)
            start += value
        else:
            raise UnusualPbf
    if start != end:
        raise UnusualPbf


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + shift // 7
    raise UnusualPbf


def _blobs(data: mmap.mmap) -> Iterator[tuple[bytes, Span]]:
    """Type and place of each blob."""
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise UnusualPbf
        (length,) = struct.unpack_from(">I", data, at)
        header = data[at + 4 : at + 4 + length]
        if length > MAX_HEADER or len(header) < length:
            raise UnusualPbf
        fields = dict(_fields(header, 0, length))
        kind, size = fields.get(1), fields.get(3)
        if not isinstance(kind, tuple) or not isinstance(size, int) or size > MAX_BLOB:
            raise UnusualPbf
        at += 4 + length
        if at + size > len(data):
            raise UnusualPbf
        yield header[slice(*kind)], (at, at + size)
        at += size


def _unpacked(data: mmap.mmap, span: Span) -> bytes:
    blob = data[slice(*span)]
    fields = dict(_fields(blob, 0, len(blob)))
    packed, size = fields.get(3), fields.get(2)
    if not isinstance(packed, tuple) or not isinstance(size, int) or size > MAX_BLOB:
        raise UnusualPbf
    try:
        # No larger than it says: a few kilobytes can unpack to gigabytes.
        block = zlib.decompressobj().decompress(blob[slice(*packed)], MAX_BLOB)
    except zlib.error as error:
        raise UnusualPbf from error
    if len(block) != size:
        raise UnusualPbf
    return block


def _check_features(header: bytes) -> None:
    """Features of the header block that a reader must know."""
    spans = [span for number, span in _fields(header, 0, len(header)) if number == 4]
    if not {header[slice(*span)] for span in spans if isinstance(span, tuple)} <= KNOWN_FEATURES:
        raise UnusualPbf


# --- one block -----------------------------------------------------------------------------
class _Block:
    """A block of objects and its table of strings."""

    def __init__(self, block: bytes) -> None:
        self._bytes = block
        self._data: ByteArray = np.frombuffer(block, np.uint8)
        self._groups: list[Span] = []
        scale = {17: 100, 19: 0, 20: 0}  # granularity, and where latitude and longitude begin
        table: Span = (0, 0)
        for number, value in _fields(block, 0, len(block)):
            if isinstance(value, int):
                scale[number] = value
            elif number == 1:
                table = value
            elif number == 2:
                self._groups.append(value)
        if (scale[17], scale[19], scale[20]) != (100, 0, 0):
            raise UnusualPbf
        self._strings = self._spans(table, 1)

    def read(self) -> list[Found]:
        """What the block holds."""
        found: list[Found] = []
        for group in self._groups:
            # The first field says what it is a group of.
            kind, span = next(_fields(self._bytes, *group), (0, 0))
            if kind == 2 and not isinstance(span, int):
                found.append(self._nodes(span))
            elif kind == 3:
                found.append(self._ways(group))
            elif kind == 4:
                found += self._relations(group)
            elif kind:
                raise UnusualPbf
        return found

    def _nodes(self, dense: Span) -> NodeBlock:
        fields = dict(_fields(self._bytes, *dense))
        ids, lat_e7, lon_e7 = (self._numbers(fields.get(n), True) for n in (1, 8, 9))
        if not len(ids) == len(lat_e7) == len(lon_e7):
            raise UnusualPbf
        words = self._numbers(fields.get(10), False)
        ends = np.flatnonzero(words == 0)
        if len(words) and len(ends) != len(ids):
            raise UnusualPbf
        first = np.append(0, ends + 1)[: len(ends) + 1]
        lengths = np.diff(first) - 1
        if (lengths % 2).any():
            raise UnusualPbf
        tags = words[words != 0].astype(np.int32).reshape(-1, 2)
        tag_first = np.append(0, np.cumsum(lengths // 2))
        wanted = self._marked(NODE_KEYS)[tags[:, 0]]
        owner = np.repeat(np.arange(len(lengths)), lengths // 2)
        tagged = distinct(owner[wanted])
        rows = gathered(tag_first, tags, tagged)
        kept = self._tag_rows(*rows, is_routing_key)
        return NodeBlock(ids, _narrowed(lon_e7), _narrowed(lat_e7), tagged, kept)

    def _ways(self, group: Span) -> WayBlock:
        elements, first, tags, _ = self._elements(group, 3, self._marked(WAY_KEYS), None)
        places = np.ascontiguousarray(elements[:, FIRST : LAST + 1], np.int32)
        ref_first, refs = self._unpacked(places, True)
        kept = self._tag_rows(first, tags, lambda key: is_routing_key(key) or is_label_key(key))
        return WayBlock(elements[:, ID], elements[:, VERSION], ref_first, refs, kept)

    def _relations(self, group: Span) -> Iterator[RelationRecord]:
        starts = [
            self._bytes.startswith(RESTRICTION, at, end) for at, end in self._strings.tolist()
        ]
        wanted = self._marked(("type",)), np.array(starts, np.bool_)
        elements, first, tags, spans = self._elements(group, 4, *wanted)
        for i, row in enumerate(elements.tolist()):
            fields = dict(_fields(self._bytes, *spans[row[ROW]].tolist()))
            roles, ids, kinds = (self._numbers(fields.get(n), n == 9) for n in (8, 9, 10))
            members = zip(
                kinds.tolist(), ids.tolist(), map(self._text, roles.tolist()), strict=True
            )
            own = tags[first[i] : first[i + 1]].tolist()
            yield RelationRecord(
                row[ID],
                row[VERSION],
                {self._text(key): self._text(value) for key, value in own},
                [("nwr"[kind], ref, role) for kind, ref, role in members],
            )

    def _elements(
        self, group: Span, number: int, wanted_key: BoolArray, wanted_value: BoolArray | None
    ) -> tuple[LongArray, LongArray, IntArray, IntArray]:
        """What `read_elements` writes, and the spans that its rows speak of."""
        spans = self._spans(group, number)
        if wanted_value is None:
            wanted_value = np.ones(len(wanted_key), np.bool_)
        elements = np.empty((len(spans) + 1, ELEMENT), np.int64)
        first = np.empty(len(spans) + 1, np.int64)
        tags = np.empty(((group[1] - group[0]) // 2 + 1, 2), np.int32)
        n = _whole(
            read_elements(self._data, spans, wanted_key, wanted_value, elements, first, tags)
        )
        return elements[:n], first[: n + 1], tags[: first[n]], spans

    def _spans(self, message: Span, number: int) -> IntArray:
        nothing = np.empty((0, 2), np.int32)
        spans = np.empty((_whole(spans_of(self._data, *message, number, nothing)), 2), np.int32)
        spans_of(self._data, *message, number, spans)
        return spans

    def _unpacked(self, spans: IntArray, differences: bool) -> tuple[LongArray, LongArray]:
        first = np.empty(len(spans) + 1, np.int64)
        out = np.empty(int((spans[:, 1] - spans[:, 0]).sum()), np.int64)
        n = _whole(unpack(self._data, spans, differences, first, out))
        return first, out[:n].copy()

    def _numbers(self, span: int | Span | None, differences: bool) -> LongArray:
        """The numbers of one packed field."""
        if isinstance(span, int):
            raise UnusualPbf
        return self._unpacked(np.array([span or (0, 0)], np.int32), differences)[1]

    # --- strings ---
    def _text(self, string: int) -> str:
        start, end = self._strings[string].tolist()
        return self._bytes[start:end].decode()

    def _marked(self, words: tuple[str, ...]) -> BoolArray:
        """Which strings are one of the words."""
        marked = np.zeros(len(self._strings), np.bool_)
        starts, lengths = self._strings[:, 0], self._strings[:, 1] - self._strings[:, 0]
        for word in words:
            letters = np.frombuffer(word.encode(), np.uint8)
            alike = np.flatnonzero(lengths == len(letters))
            same = self._data[starts[alike, None] + np.arange(len(letters))] == letters
            marked[alike] |= same.all(axis=1)
        return marked

    def _tag_rows(self, first: LongArray, tags: IntArray, kept: Callable[[str], bool]) -> TagRows:
        """Rows of tags with the keys that are kept."""
        n = len(self._strings)
        if tags.size and not (tags.min() >= 0 and tags.max() < n):
            raise UnusualPbf
        keys = {key: self._text(key) for key in distinct(tags[:, 0]).tolist()}
        keep = np.zeros(n, np.bool_)
        keep[list(keys)] = [kept(key) for key in keys.values()]
        stays = keep[tags[:, 0]]
        first = np.append(0, np.cumsum(stays))[first]
        whole = tags[stays, 0].astype(np.int64) * n + tags[stays, 1]
        pairs, codes = np.unique(whole, return_inverse=True)
        texts = [(keys[pair // n], self._text(pair % n)) for pair in pairs.tolist()]
        return TagRows(first, codes.astype(np.int32), texts)


def _narrowed(e7: LongArray) -> IntArray:
    """Half as wide: there may be 100 million nodes. What does not fit stays far off the globe."""
    return np.clip(e7, -INT32_MAX, INT32_MAX).astype(np.int32)


def _whole(n: int) -> int:
    if n == BROKEN:
        raise UnusualPbf
    return n
