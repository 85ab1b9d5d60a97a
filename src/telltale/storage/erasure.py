"""Removing rows so that their bytes are gone too: from the database file, from its free pages, and from its log.

Of a PostgreSQL server the tables can be written anew; its log and its backups are its operator's.

SQLite marks a deleted row's space as free and leaves what stood there. With `secure_delete` it writes zeros over it; older
copies may still stand in the write-ahead log until that is emptied, and in space that was freed before, which only a new
writing of the whole file (`VACUUM`) removes.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from telltale.storage.database import Database

# Written anew within a second or two: other writers wait as long.
QUICK_BYTES: Final = 100_000_000


@contextmanager
def erasing(database: Database) -> Iterator[Connection]:
    """One transaction, as `Database.write`, in which zeros are written over whatever is deleted (SQLite)."""
    with database.write() as connection:
        if database.dialect == "postgresql":
            yield connection
            return
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
    if database.dialect == "postgresql":
        return True
    busy, _, _ = database.run_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    return not busy


def write_anew(database: Database) -> None:
    """Write the whole file anew, without what stood in its free space. Nobody else can write meanwhile.

    Raises:
        UnavailableError: others wrote for 5 s, or there is no room for a second copy.
    """
    database.run_alone("VACUUM" if database.dialect == "sqlite" else "VACUUM FULL")


def is_quick_to_write(database: Database) -> bool:
    """Whether the database is small enough to be written anew beside a server at work."""
    if database.dialect == "sqlite":
        return database.path.stat().st_size <= QUICK_BYTES
    ((size,),) = database.fetch(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )
    return bool(size <= QUICK_BYTES)


def n_bytes_found(database: Database, text: str) -> int | None:
    """How often a text stands in the bytes of the file and of its log, in rows or in free space; None of a server's."""
    if database.dialect == "postgresql":
        return None
    log = database.path.with_name(f"{database.path.name}-wal")
    return sum(n_found(path, text.encode()) for path in (database.path, log))


def n_found(path: Path, needle: bytes) -> int:
    """How often some bytes stand in a file; 0 where there is none."""
    if not path.is_file() or not path.stat().st_size:
        return 0
    n, at = 0, -1
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (at := content.find(needle, at + 1)) >= 0:
            n += 1
    return n
