"""Results of finished statements on disk, in chunks that are read one at a time."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from databricks.sdk.service.sql import BaseChunkInfo, Format

from databricks_monitoring.local_workspace.sql import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from databricks_monitoring.local_workspace.sql.types import DeltaType

INLINE_CHUNK_ROWS, INLINE_CHUNK_BYTES = 5_000, 4 * 2**20
LINKED_CHUNK_ROWS, LINKED_CHUNK_BYTES = 100_000, 20 * 2**20


@dataclass
class StoredResult:
    """The rows of one result.

    Attributes
    ----------
    folder : Path
        Holds one Arrow file a chunk; exists only if there are rows.
    chunks : list of BaseChunkInfo
        Rows and bytes of every chunk.
    truncated : bool
        Whether a row or byte limit left rows out.
    """

    folder: Path
    schema: pa.Schema
    kinds: list[DeltaType]
    names: list[str]
    chunks: list[BaseChunkInfo] = field(default_factory=list)
    truncated: bool = False

    @property
    def rows(self) -> int:
        """The number of rows in all chunks."""
        return sum(chunk.row_count or 0 for chunk in self.chunks)

    @property
    def size(self) -> int:
        """The size of all chunks in Arrow's own form."""
        return sum(chunk.byte_count or 0 for chunk in self.chunks)

    def table(self, chunk: int) -> pa.Table:
        """Return the rows of a chunk."""
        with pa.memory_map(str(self._path(chunk)), "r") as source, pa.ipc.open_file(source) as reader:
            return reader.read_all()

    def encoded(self, chunk: int, wanted: Format) -> bytes:
        """Return a chunk in the form a link serves it."""
        table = self.table(chunk)
        if wanted is Format.ARROW_STREAM:
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            return sink.getvalue()
        rows = render.rows(table, self.kinds)
        if wanted is Format.CSV:
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            if chunk == 0:
                writer.writerow(self.names)
            writer.writerows([["null" if value is None else value for value in row] for row in rows])
            return text.getvalue().encode()
        return json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()

    def write(self, batches: Iterable[pa.RecordBatch], *, rows: int, size: int) -> None:
        """Write batches as chunks of about so many rows and bytes; memory holds one chunk."""
        for number, table in enumerate(_chunks(batches, self.schema, rows=rows, size=size)):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (
                pa.OSFile(str(self._path(number)), "wb") as sink,
                pa.ipc.new_file(sink, self.schema) as writer,
            ):
                writer.write_table(table)
            self.chunks.append(
                BaseChunkInfo(
                    chunk_index=number,
                    row_offset=self.rows,
                    row_count=table.num_rows,
                    byte_count=table.nbytes,
                )
            )

    def delete(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06d}.arrow"


def _chunks(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, rows: int, size: int
) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        for piece in _pieces(batch, rows=rows, size=size):
            held = sum(each.num_rows for each in waiting)
            if waiting and (
                held + piece.num_rows > rows or sum(each.nbytes for each in waiting) + piece.nbytes > size
            ):
                yield pa.Table.from_batches(waiting, schema=schema)
                waiting = []
            waiting.append(piece)
    if waiting:
        yield pa.Table.from_batches(waiting, schema=schema)


def _pieces(batch: pa.RecordBatch, *, rows: int, size: int) -> Iterator[pa.RecordBatch]:
    if not batch.num_rows:
        return
    fitting = max(1, min(rows, int(size / max(batch.nbytes / batch.num_rows, 1))))
    for start in range(0, batch.num_rows, fitting):
        yield batch.slice(start, fitting)
