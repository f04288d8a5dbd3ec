"""The parts of a job that are done, kept beside its result until the result is whole.

A part is a file of Arrow batches. It appears under its name all at once, so whatever the moment at
which a job is killed, each part is either there in full or not there; one that cannot be read is
done again. What the job was begun with stands in a journal: parts of another job are never mixed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from routing_service.errors import JobChanged
from routing_service.planner.points import Rejected

JOURNAL: Final = "journal.json"
BATCH_ROWS: Final = 4_096
"""Rows of a batch: all parts of a large job are open at once while they are merged."""


def encode_part(rows: pa.RecordBatch, rejected: tuple[Rejected, ...], left_out: int) -> bytes:
    """One part: its rows, the rows that were no points, and how many were left out silently."""
    told = [[row.line, row.id, row.code, row.detail] for row in rejected]
    known = {"rows": str(rows.num_rows), "left_out": str(left_out), "rejected": json.dumps(told)}
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, rows.schema.with_metadata(known), options=options) as writer:
        writer.write_table(pa.Table.from_batches([rows]), max_chunksize=BATCH_ROWS)
    return bytes(sink.getvalue())


class Part:
    """A finished part of a job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            metadata = file.schema.metadata or {}
            self.schema: pa.Schema = file.schema.remove_metadata()
            self.rows = int(metadata[b"rows"])
            self.left_out = int(metadata[b"left_out"])
            self._rejected: bytes = metadata[b"rejected"]

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Rows that were no points."""
        return tuple(Rejected(*row) for row in json.loads(self._rejected))

    def ids(self) -> pa.ChunkedArray:
        """The first column alone."""
        with self._open(pa.ipc.IpcReadOptions(included_fields=[0])) as file:
            return file.read_all().column(0)

    def read(self) -> Iterator[pa.RecordBatch]:
        """The rows, a batch at a time, in their order."""
        with self._open() as file:
            for k in range(file.num_record_batches):
                batch = file.get_batch(k)
                yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)

    def _open(self, options: pa.ipc.IpcReadOptions | None = None) -> pa.ipc.RecordBatchFileReader:
        # Not mapped: mapped pages would count as memory of this process.
        return pa.ipc.open_file(pa.OSFile(str(self.path)), options=options)


class Parts:
    """The folder of a job's parts, new or left behind by a run that was broken off.

    Parameters
    ----------
    folder
        Where they are; made if missing.
    job
        All that the result depends on, as JSON knows it.

    Raises
    ------
    JobChanged
        If the folder belongs to another job; says in what they differ.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder = folder
        journal = folder / JOURNAL
        if journal.exists():
            _compare(folder, json.loads(journal.read_text(encoding="utf-8")), job)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _write(journal, json.dumps(job, indent=1, sort_keys=True).encode())
        self._done = {k for k in map(_number, folder.glob("*.arrow")) if self._readable(k)}

    def __contains__(self, index: int) -> bool:
        return index in self._done

    def __len__(self) -> int:
        return len(self._done)

    def add(self, index: int, content: bytes) -> None:
        """Keep a part that is finished."""
        _write(self._path(index), content)
        self._done.add(index)

    def __iter__(self) -> Iterator[Part]:
        """All parts by number."""
        return (Part(self._path(index)) for index in sorted(self._done))

    def remove(self) -> None:
        """Forget the job: its result is whole."""
        discard(self.folder)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.arrow"

    def _readable(self, index: int) -> bool:
        try:
            Part(self._path(index))
        except (pa.ArrowException, OSError, KeyError):
            return False
        return True


def discard(folder: Path) -> None:
    """Throw away the parts of a job, if there are any."""
    if folder.exists():
        shutil.rmtree(folder)


def _number(path: Path) -> int:
    return int(path.stem)


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + ".tmp")
    fresh.write_bytes(content)
    fresh.replace(path)


def _compare(folder: Path, begun: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    keys = sorted({*begun, *job})
    if others := [key for key in keys if begun.get(key) != job.get(key)]:
        was = ", ".join(f"{key} {begun.get(key)}" for key in others)
        now = ", ".join(f"{key} {job.get(key)}" for key in others)
        raise JobChanged(
            f"{folder.name} holds the parts of another job: it was begun with {was}; this one has"
            f" {now}. Give what it was begun with, or begin anew with --restart",
            differs=others,
        )
