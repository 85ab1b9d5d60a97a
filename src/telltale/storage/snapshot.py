"""A SQLite file copied as it is at one moment, while others write it; and a file that nobody else has open."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from telltale.contract.errors import ConflictError, TelltaleError
from telltale.storage.database import BUSY_TIMEOUT_S
from telltale.storage.sqlite_faults import fault_code, told_fault

_HEAD: Final = b"SQLite format 3\0"
_PAGES: Final = 4_096  # copied between two signs of progress: 16 MB
# Where SQLite locks a file, whatever is in it ("pending byte" and "shared range" of its file format). Every connection in
# WAL mode keeps a byte of the shared range locked for as long as it is open.
_SHARED_FIRST: Final = 0x40000002
_SHARED_SIZE: Final = 510


def is_sqlite(path: Path) -> bool:
    """Whether the file begins as a SQLite database does."""
    with path.open("rb") as file:
        return file.read(len(_HEAD)) == _HEAD


def snapshot(source: Path, to: Path, *, progress: Callable[[int, int], None]) -> None:
    """Copy a database to a new file as it is now, with SQLite's online backup; writers go on meanwhile.

    The file's write-ahead log grows by what is written while it lasts. The copy is not synced.

    Args:
        source: the database.
        to: must not exist.
        progress: told pages done, and of how many.

    Raises:
        TelltaleError: the database is damaged.
        UnavailableError: it cannot be read.
        OSError: the disk that `to` is on is full.
    """
    uri = f"{source.as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as original,
            closing(sqlite3.connect(to, isolation_level=None)) as copy,
        ):
            original.execute("PRAGMA query_only = ON")
            # Nobody reads a copy that was cut off, so it needs neither a journal nor syncs on the way.
            copy.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
            # With a transaction open the backup reads that one moment. Without, it begins anew whenever somebody writes,
            # and would never end beside a busy server.
            original.execute("BEGIN")
            original.execute("SELECT count(*) FROM sqlite_master").fetchone()
            original.backup(copy, pages=_PAGES, progress=lambda _, left, n: progress(n - left, n))
            fault = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if (fault_code(error) or 0) & 0xFF == sqlite3.SQLITE_FULL:  # the original is only read
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(to)) from error
        raise told_fault(error, name=source.name) or error from error
    if fault != "ok":
        raise TelltaleError(
            f"the database is damaged: {' '.join(fault.split())}",
            where=source.name,
            mend="Keep the backups that you have, and restore the newest one that is whole.",
        )


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """No other process has the database open until the block ends, nor can open it; damaged or not.

    Never for a file that this process has open itself: its own locks would be lost.

    Raises:
        ConflictError: a process has it open.
    """
    with path.open("rb+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError:
            raise ConflictError(
                f"a process has {path.name} open",
                where=str(path.parent),
                mend="Stop `telltale serve`, `work`, `up` and whatever else uses this home, then try again.",
            ) from None
        yield
