"""One versioned, checksummed file of arrays: written atomically, opened as a memory map.

The byte table is in ``graphs/README.md``. In short: a 64-byte header, a JSON manifest that lists
the sections with their SHA-256, then the sections, each from a multiple of 64 bytes. The header
holds the SHA-256 of the manifest, so that one hash, the `graph_id`, stands for every byte.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from routing_service.errors import (
    GraphFileCorrupt,
    GraphFileMissing,
    GraphFileTruncated,
    GraphFileVersion,
    NotAGraphFile,
)

MAGIC = b"HASUGRPH"
FORMAT_VERSION = 1
ALIGNMENT = 64
"""A cache line: no label of a section shares one with its neighbour."""

# magic, format version, manifest length, file length, SHA-256 of the manifest, reserved.
HEADER = struct.Struct("<8sIIQ32s8s")
DTYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8")
RESERVED_KEYS = ("format_version", "sections")
REBUILD = "build it again with `hasu build`"

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class GraphFile:
    """An open graph file.

    Attributes
    ----------
    manifest
        What the builder recorded, plus ``format_version`` and ``sections``.
    sections
        Read-only views of one memory map, by name. They keep the map alive.
    graph_id
        64 hex digits; equal for two files if and only if their bytes are equal.
    """

    path: Path
    manifest: Mapping[str, Any]
    sections: Mapping[str, AnyArray]
    graph_id: str


@dataclass(frozen=True, slots=True)
class _Section:
    """Where a section lies and what its bytes mean, as the manifest lists it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int
    sha256: str

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            "offset": self.offset,
            "length": self.length,
            "sha256": self.sha256,
        }


# --- writing -------------------------------------------------------------------------------
def write_graph_file(
    path: Path, manifest: Mapping[str, object], sections: Mapping[str, AnyArray]
) -> str:
    """Write a graph file in one step: readers see the old file or the whole new one.

    The same manifest and sections give the same bytes, in whatever order they are passed.

    Parameters
    ----------
    path
        Where to; its folder is made if missing.
    manifest
        JSON values. ``format_version`` and ``sections`` are added here.
    sections
        Arrays of booleans, integers or floats, any shape.

    Returns
    -------
    str
        The `graph_id`.

    Raises
    ------
    ValueError
        A reserved manifest key, a value that is not JSON, or a dtype that is not in `DTYPES`.
    """
    taken = [key for key in RESERVED_KEYS if key in manifest]
    if taken:
        raise ValueError(f"the manifest may not set {', '.join(taken)}")
    arrays = {name: _little_endian(name, sections[name]) for name in sorted(sections)}
    # Offsets are counted from the end of the manifest, whose own length depends on them.
    table = _lay_out(arrays)
    encoded = _encode_manifest(manifest, table)
    start = _aligned(HEADER.size + len(encoded))
    end = start + (_aligned(table[-1].offset + table[-1].length) if table else 0)
    digest = hashlib.sha256(encoded).digest()
    header = HEADER.pack(MAGIC, FORMAT_VERSION, len(encoded), end, digest, bytes(8))

    def chunks() -> Iterator[bytes | memoryview]:
        yield header
        yield encoded
        yield bytes(start - HEADER.size - len(encoded))
        for section in table:
            yield _bytes_of(arrays[section.name])
            yield bytes(_aligned(section.length) - section.length)

    _write_atomically(path, chunks())
    return digest.hex()


def _little_endian(name: str, array: AnyArray) -> AnyArray:
    fixed = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if fixed.dtype.str not in DTYPES:
        raise ValueError(f"section {name}: dtype {array.dtype} is not one of {', '.join(DTYPES)}")
    return fixed.reshape(array.shape)


def _bytes_of(array: AnyArray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _lay_out(arrays: Mapping[str, AnyArray]) -> list[_Section]:
    table, offset = [], 0
    digests = _digests([_bytes_of(array) for array in arrays.values()])
    for (name, array), digest in zip(arrays.items(), digests, strict=True):
        dtype = array.dtype.str
        table.append(_Section(name, dtype, array.shape, offset, array.nbytes, digest))
        offset = _aligned(offset + array.nbytes)
    return table


def _encode_manifest(manifest: Mapping[str, object], table: list[_Section]) -> bytes:
    whole = {
        **manifest,
        "format_version": FORMAT_VERSION,
        "sections": [section.as_json() for section in table],
    }
    try:
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(f"the manifest holds what JSON cannot: {error}") from None
    return text.encode("ascii")


def _write_atomically(path: Path, chunks: Iterator[bytes | memoryview]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # Without this a power cut may undo the rename.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- reading -------------------------------------------------------------------------------
def open_graph_file(path: Path, *, verify: bool = False) -> GraphFile:
    """Map a graph file into memory.

    Header, manifest and layout are always checked; that reads a few kilobytes.

    Parameters
    ----------
    verify
        Check every byte against its checksum as well: any flipped bit is found.

    Raises
    ------
    GraphFileMissing, NotAGraphFile, GraphFileVersion, GraphFileTruncated, GraphFileCorrupt
        Each says which file, what is wrong with it and what to do.
    """
    data = _map(path)
    manifest_length, digest = _check_header(path, data)
    manifest = _decode_manifest(path, bytes(data[HEADER.size : HEADER.size + manifest_length]))
    start = _aligned(HEADER.size + manifest_length)
    table = _check_layout(path, manifest, len(data) - start)
    if verify:
        _check_bytes(path, data, HEADER.size + manifest_length, table)
    sections = {
        s.name: np.ndarray(s.shape, np.dtype(s.dtype), data, start + s.offset) for s in table
    }
    return GraphFile(path, manifest, sections, digest.hex())


def _map(path: Path) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:  # an empty file cannot be mapped
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise GraphFileMissing(
            f"there is no graph file at {path}; build one with `hasu build --out {path}` or name "
            "another with HASU_GRAPH or --graph",
            path=str(path),
        ) from None
    except IsADirectoryError:
        raise NotAGraphFile(f"{path} is a folder, not a graph file", path=str(path)) from None


def _check_header(path: Path, data: mmap.mmap | bytes) -> tuple[int, bytes]:
    """Return the manifest's length and SHA-256."""
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotAGraphFile(
            f"{path} is not a graph file (it does not start with {MAGIC.decode()}); make one from "
            "map data with `hasu build`",
            path=str(path),
        )
    if len(data) < HEADER.size:
        raise _truncated(path, len(data), f"at least {HEADER.size}")
    _, version, manifest_length, length, digest, reserved = HEADER.unpack(data[: HEADER.size])
    if version != FORMAT_VERSION:
        raise GraphFileVersion(
            f"{path} is in format {version} and this release reads format {FORMAT_VERSION}; "
            f"{REBUILD}",
            path=str(path),
            found=version,
            expected=FORMAT_VERSION,
        )
    if len(data) < length:
        raise _truncated(path, len(data), str(length))
    if len(data) > length or reserved != bytes(8) or HEADER.size + manifest_length > length:
        raise _corrupt(path, "its header")
    if hashlib.sha256(data[HEADER.size : HEADER.size + manifest_length]).digest() != digest:
        raise _corrupt(path, "its manifest")
    return manifest_length, digest


def _decode_manifest(path: Path, encoded: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(encoded)
    except ValueError:
        raise _corrupt(path, "its manifest") from None
    if not isinstance(manifest, dict) or manifest.get("format_version") != FORMAT_VERSION:
        raise _corrupt(path, "its manifest")
    return manifest


def _check_layout(path: Path, manifest: Mapping[str, Any], room: int) -> list[_Section]:
    """Hold the section table to what the writer would have written, byte for byte."""
    table, offset = [], 0
    try:
        for entry in manifest["sections"]:
            section = _Section(**{**entry, "shape": tuple(entry["shape"])})
            size = int(np.prod(section.shape, dtype=np.int64)) * np.dtype(section.dtype).itemsize
            known = section.dtype in DTYPES and min(section.shape, default=0) >= 0
            if not known or (section.offset, section.length) != (offset, size):
                raise _corrupt(path, f"section {section.name}")
            offset += _aligned(size)
            table.append(section)
    except (KeyError, TypeError, ValueError):
        raise _corrupt(path, "its section table") from None
    if offset != room:
        raise _corrupt(path, "its section table")
    return table


def _check_bytes(
    path: Path, data: mmap.mmap | bytes, manifest_end: int, table: list[_Section]
) -> None:
    start = _aligned(manifest_end)
    with memoryview(data) as view:
        if any(view[manifest_end:start]):
            raise _corrupt(path, "the padding after its manifest")
        starts = [start + section.offset for section in table]
        parts = [view[first : first + s.length] for first, s in zip(starts, table, strict=True)]
        for section, first, digest in zip(table, starts, _digests(parts), strict=True):
            last = first + section.length
            if digest != section.sha256:
                raise _corrupt(path, f"section {section.name}")
            if any(view[last : start + _aligned(section.offset + section.length)]):
                raise _corrupt(path, f"the padding after section {section.name}")


def _digests(parts: Sequence[memoryview]) -> list[str]:
    """SHA-256 of each, side by side: hashing does not hold the interpreter."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda part: hashlib.sha256(part).hexdigest(), parts))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _truncated(path: Path, found: int, expected: str) -> GraphFileTruncated:
    return GraphFileTruncated(
        f"{path} is cut short: {found} bytes where {expected} are expected; copy it again or "
        f"{REBUILD}",
        path=str(path),
    )


def _corrupt(path: Path, where: str) -> GraphFileCorrupt:
    return GraphFileCorrupt(
        f"{path} is damaged: {where} does not hold; copy it again or {REBUILD}",
        path=str(path),
        where=where,
    )
