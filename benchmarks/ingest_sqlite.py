"""Bare sqlite3 in a process of its own: the same rows into the same tables, made tuples beforehand, `executemany`."""

import argparse
import sqlite3
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.ingest_rows import stored_row

_INSERT = """
INSERT INTO event (app, event, entity, at_us, "key", "values", label, received_us, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Took(msgspec.Struct):
    """Seconds on the clock, and of the processor."""

    seconds: float
    cpu_s: float


def store(path: Path, rows: list[tuple[object, ...]], *, rows_a_group: int) -> Took:
    """Put all of them on disk, a transaction for each so many."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    began, cpu_began = time.perf_counter(), time.process_time()
    for start in range(0, len(rows), rows_a_group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows[start : start + rows_a_group])
        connection.execute("COMMIT")
    took = Took(time.perf_counter() - began, time.process_time() - cpu_began)
    connection.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    for name in ("first", "n_rows", "rows_a_group"):
        parser.add_argument(name, type=int)
    asked = parser.parse_args()
    rows: list[tuple[object, ...]] = [
        ("helios", "metrics", *stored_row(number), 1_700_000_000_000_000, "http")
        for number in range(asked.first, asked.first + asked.n_rows)
    ]
    sys.stdout.buffer.write(msgspec.json.encode(store(asked.path, rows, rows_a_group=asked.rows_a_group)))


if __name__ == "__main__":
    main()
