"""What a SQLite file that cannot be used says: driver errors as ours, in one place, without paths of this machine."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError

from telltale.contract.errors import UnavailableError

_RESTORE: Final = "Stop the processes that use it and restore it from a backup."
_FULL: Final = ("the disk is full", "Try again; the operator must make room on the disk that holds the data.")
# By SQLite's primary result code: what is wrong, and the mend. Any other code is a fault of ours and stays as it is.
_FAULTS: Final[Mapping[int, tuple[str, str]]] = {
    sqlite3.SQLITE_BUSY: ("another process keeps the database locked", "Try again."),
    sqlite3.SQLITE_LOCKED: ("another thread keeps the database locked", "Try again."),
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: (
        "the database cannot be written",
        "The operator must give the server the right to write the file and its folder.",
    ),
    sqlite3.SQLITE_IOERR: ("the disk failed to read or write", "Try again; if it lasts, look at the disk."),
    sqlite3.SQLITE_CANTOPEN: (
        "the database cannot be opened",
        "The operator must see that the file is there and that the server may write it and its folder.",
    ),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", _RESTORE),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", _RESTORE),
}
_RETRY_S: Final = 5.0  # somebody must do something first, or a lock was waited for already
# A full disk can also show when a file beside the database is to grow.
_FULL_EXTENDED: Final = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})


def fault_code(error: BaseException) -> int | None:
    """SQLite's extended result code behind an error of the driver or of SQLAlchemy; None where there is none."""
    inner = error.orig if isinstance(error, DBAPIError) else error
    return getattr(inner, "sqlite_errorcode", None)


def is_busy(error: BaseException) -> bool:
    """Whether somebody else holds a lock: waiting helps."""
    code = fault_code(error)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def told_fault(error: BaseException, *, name: str, reading: bool = False) -> UnavailableError | None:
    """The error to raise in place of a driver's; None where that is to be raised itself.

    Args:
        error: the driver's, or SQLAlchemy's around it.
        name: of the database file, without its folder: clients read it.
        reading: it came over a connection that may only read, for which a write is our own mistake.

    >>> told_fault(ValueError("no such thing"), name="events.db") is None
    True
    """
    code = fault_code(error)
    if code is None or (reading and code == sqlite3.SQLITE_READONLY):
        return None
    what, mend = _FULL if code in _FULL_EXTENDED else _FAULTS.get(code & 0xFF, ("", ""))
    return UnavailableError(what, where=name, mend=mend, retry_after_s=_RETRY_S) if what else None


def moved_fault(name: str) -> UnavailableError:
    """The file under the path is not the one that is open: what was written would be in a file that nobody finds."""
    return UnavailableError(
        "the database file was removed or replaced while it was in use",
        where=name,
        mend="The operator must put it back; or stop the server, remove its -wal and -shm, and start again.",
        retry_after_s=_RETRY_S,
    )
