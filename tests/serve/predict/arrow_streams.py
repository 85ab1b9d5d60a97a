"""Arrow streams as clients write and read them: by pyarrow, which the product itself does without."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

KIND = {"content-type": "application/vnd.apache.arrow.stream"}


def stream(table: pa.Table, *, rows: int | None = None, compression: str | None = None) -> bytes:
    written = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(written, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return written.getvalue()


def answers(content: bytes) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = pa.ipc.open_stream(content).read_all().to_pylist()
    return read


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows))
