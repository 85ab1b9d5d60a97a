"""Removing rows so that their bytes are gone too: from the database file, from its free pages, and from its log.

SQLite marks a deleted row's space as free and leaves what stood there. With `secure_delete` it writes zeros over it; older
copies may still stand in the write-ahead log until that is emptied, and in space that was freed before, which only a new
writing of the whole file (`VACUUM`) removes.
"""

import mmap
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from telltale.contract.errors import UnavailableError
from telltale.storage.database import BUSY_TIMEOUT_S, Database
from telltale.storage.database_faults import is_busy, told_fault

# Written anew within a second or two: other writers wait as long.
QUICK_BYTES: Final = 100_000_000


@contextmanager
def erasing(database: Database) -> Iterator[Connection]:
    """One transaction, as `Database.write`, in which zeros are written over whatever is deleted."""
    with database.write() as connection:
        before = connection.exec_driver_sql("PRAGMA secure_delete").scalar_one()
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        try:
            yield connection
        finally:
            connection.exec_driver_sql(f"PRAGMA secure_delete = {int(before)}")


def empty_log(database: Database) -> bool:
    """Move everything from the write-ahead log into the file and cut the log to nothing; False while others read.

    Raises:
        UnavailableError: the file cannot be written.
    """
    busy, _, _ = _run(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    return not busy


def write_anew(database: Database) -> None:
    """Write the whole file anew, without what stood in its free space. Nobody else can write meanwhile.

    Raises:
        UnavailableError: others wrote for 5 s, or there is no room for a second copy.
    """
    _run(database, "VACUUM")


def is_quick_to_write(database: Database) -> bool:
    """Whether the file is small enough to be written anew beside a server at work."""
    return database.path.stat().st_size <= QUICK_BYTES


def n_bytes_found(database: Database, text: str) -> int:
    """How often a text stands in the bytes of the file and of its log, in rows or in free space."""
    needle = text.encode()
    return sum(n_found(path, needle) for path in _files(database))


def n_found(path: Path, needle: bytes) -> int:
    """How often some bytes stand in a file; 0 where there is none."""
    if not path.is_file() or not path.stat().st_size:
        return 0
    n, at = 0, -1
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (at := content.find(needle, at + 1)) >= 0:
            n += 1
    return n


def _files(database: Database) -> tuple[Path, Path]:
    return database.path, database.path.with_name(f"{database.path.name}-wal")


def _run(database: Database, statement: str) -> tuple[int, ...]:
    """A statement that stands outside of transactions, by a connection of its own."""
    try:
        uri = f"{database.path.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            row: tuple[int, ...] | None = connection.execute(statement).fetchone()
            return row or ()
    except sqlite3.Error as error:
        if is_busy(error):
            raise UnavailableError(
                "others kept the database busy",
                where=database.path.name,
                mend="Run this again, best while no server runs.",
            ) from error
        raise told_fault(error, name=database.path.name) or error from error
