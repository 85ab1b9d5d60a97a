"""What a PostgreSQL server that cannot be used says: driver errors as ours, without its address."""

from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError

from telltale.contract.errors import UnavailableError

_RETRY_S: Final = 5.0
_AWAY: Final = (
    "the database server does not answer",
    "Try again; the operator must see that it runs and can be reached from here.",
)
# By SQLSTATE, or its first two characters; any other is a fault of ours, or of what was asked, and stays as it is.
_FAULTS: Final = {
    "55P03": ("another writer keeps the database locked", "Try again."),
    "40001": ("another writer was quicker", "Try again."),
    "40P01": ("another writer was quicker", "Try again."),
    "53100": ("the disk of the database server is full", "Try again; the operator must make room there."),
    "53200": ("the database server is short of memory", "Try again."),
    "53300": (
        "the database server takes no more connections",
        "Try again; the operator may raise its max_connections.",
    ),
    "42501": ("the database's user may not do this", "The operator must give it the right to read and write."),
    "25006": ("the database server takes no writes", "The operator must see that it is no standby and not recovering."),
    "3D": ("the database is not there", "The operator must make it, or mend DATABASE_URL."),
    "28": ("the database server refuses user or password", "The operator must mend DATABASE_URL."),
    "57P": _AWAY,
    "25P03": _AWAY,  # ended by the server, as its client had stopped in the middle
    "08": _AWAY,
    "58": ("the disk of the database server failed", "Try again; if it lasts, look at that disk."),
    "XX": ("the database is damaged", "Look at the server's log, and restore the database from a backup."),
}


def sqlstate(error: BaseException) -> str | None:
    """The server's code of an error of the driver or of SQLAlchemy; "08000" where the connection broke; None of others."""
    inner = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(inner, psycopg.Error):
        return None
    if inner.sqlstate is None and isinstance(inner, psycopg.OperationalError | psycopg.InterfaceError):
        return "08000"
    return inner.sqlstate


def is_busy(error: BaseException) -> bool:
    """Whether somebody else holds a lock: waiting helps."""
    return sqlstate(error) in {"55P03", "40001", "40P01"}


def told_fault(error: BaseException, *, name: str, reading: bool = False) -> UnavailableError | None:
    """The error to raise in place of a driver's; None where that is to be raised itself.

    Args:
        error: the driver's, or SQLAlchemy's around it.
        name: of the database, without its address: clients read it.
        reading: it came over a connection that may only read, for which a write is our own mistake.
    """
    code = sqlstate(error)
    if code is None or (reading and code == "25006"):
        return None
    for length in (5, 3, 2):
        if code[:length] in _FAULTS:
            what, mend = _FAULTS[code[:length]]
            return UnavailableError(what, where=name, mend=mend, retry_after_s=_RETRY_S)
    return None
