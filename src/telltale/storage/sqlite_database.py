"""A SQLite database that several threads and processes share."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from telltale.contract.errors import TelltaleError, UnavailableError, UsageError
from telltale.storage.database import BUSY_TIMEOUT_S, SQLITE, Database
from telltale.storage.migrate import is_behind, upgrade
from telltale.storage.sqlite_faults import fault_code, is_busy, moved_fault, told_fault
from telltale.storage.tables import Schema

_LOOK_S: Final = 0.005
_open_databases: "weakref.WeakSet[SqliteDatabase]" = weakref.WeakSet()
_held_over_fork: "list[tuple[SqliteDatabase, object]]" = []
_spoiled_by_fork: set[Path] = set()


class _Direct:
    """A driver connection that closes when the thread that used it ends, without waiting for a garbage collection."""

    def __init__(self, path: Path) -> None:
        self.connection = _connect(path, "query_only = ON")

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()


class SqliteDatabase(Database):
    """One database file.

    Start processes that share it by spawning: a forked child is refused while its parent has connections open.

    A file that was removed or replaced while it is open is neither read nor written any more: SQLite would go on with
    the file that nobody finds again. Put back, it is used again.
    """

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.url = f"{SQLITE}{path}"
        self._path = path
        self._address = os.fspath(path)
        self._identity: tuple[int, int] | None = None  # of the file that is open, once it is
        self._seen_s = -1.0  # when it was last looked at for `fetch_each`
        self._connect_anew()
        _open_databases.add(self)

    @property
    def path(self) -> Path:
        """The file it is kept in."""
        return self._path

    @contextmanager
    def read(self) -> Iterator[Connection]:  # noqa: D102 - as `Database` says, as all of these
        self._check_unmoved()
        try:
            with self._reading.connect() as connection:
                yield connection
        except (DBAPIError, sqlite3.Error) as error:  # the driver's own where a block uses its cursor
            raise told_fault(error, name=self.name, reading=True) or error from error

    @contextmanager
    def write(self) -> Iterator[Connection]:  # noqa: D102
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise self._busy()
        try:
            self._check_unmoved()
            with self._writing.connect() as connection:
                try:
                    transaction = connection.begin()
                except OperationalError as error:
                    raise (self._busy() if is_busy(error) else error) from error
                with transaction:
                    yield connection
            # Before anybody is told that it is on disk.
            self._check_unmoved()
        except (DBAPIError, sqlite3.Error) as error:  # the driver's own where a block uses its cursor
            raise told_fault(error, name=self.name) or error from error
        finally:
            self._turn.release()

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:  # noqa: D102
        self._check_unmoved()
        try:
            return self._direct_connection().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise told_fault(error, name=self.name, reading=True) or error from error

    def fetch_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...] | None]:  # noqa: D102
        # Whether the file was moved away is looked at every few milliseconds: this costs a quarter of `fetch`.
        now_s = time.monotonic()
        if now_s - self._seen_s > _LOOK_S:
            self._check_unmoved()
            self._seen_s = now_s
        try:
            connection = self._direct_connection()
            execute = connection.execute
            if len(rows) == 1:
                return [execute(sql, rows[0]).fetchone()]
            # Taking and leaving the lock for each query would cost three times the query.
            execute("BEGIN")
            try:
                return [execute(sql, parameters).fetchone() for parameters in rows]
            finally:
                connection.rollback()
        except sqlite3.Error as error:
            raise told_fault(error, name=self.name, reading=True) or error from error

    def run_alone(self, statement: str) -> tuple[Any, ...]:  # noqa: D102
        try:
            with closing(_connect(self._path)) as connection:
                row: tuple[Any, ...] | None = connection.execute(statement).fetchone()
                return row or ()
        except sqlite3.Error as error:
            raise (_kept_busy(self.name) if is_busy(error) else told_fault(error, name=self.name) or error) from error

    def _direct_connection(self) -> sqlite3.Connection:
        try:
            direct: _Direct = self._local.direct
        except AttributeError:
            direct = self._local.direct = _Direct(self._path)
            with self._direct_guard:
                self._direct.add(direct)
        return direct.connection

    def _check_unmoved(self) -> None:
        if self._identity is not None and self._identity != _identity(self._address):
            raise moved_fault(self.name)

    def close(self) -> None:  # noqa: D102
        self._reading.dispose()
        self._writing.dispose()
        with self._direct_guard:
            for direct in list(self._direct):
                direct.connection.close()
            self._direct.clear()
            self._local = threading.local()

    def _connect_anew(self) -> None:
        self._reading = _engine(self._path, "query_only = ON", begin="BEGIN")
        self._writing = _engine(self._path, "synchronous = FULL", "foreign_keys = ON", begin="BEGIN IMMEDIATE")
        self._turn = threading.Lock()
        self._direct: weakref.WeakSet[_Direct] = weakref.WeakSet()
        self._direct_guard = threading.Lock()
        self._local = threading.local()

    def _connections(self) -> list[object]:
        pools = [engine.pool for engine in (self._reading, self._writing)]
        return [
            *self._direct,
            *(pool for pool in pools if isinstance(pool, QueuePool) and pool.checkedin() + pool.checkedout()),
        ]

    def _busy(self) -> UnavailableError:
        return UnavailableError(
            f"the database stayed locked by another writer for {BUSY_TIMEOUT_S:g} s",
            where=self.name,
            mend="Try again; if it lasts, look for a process that hangs while it holds the file.",
        )


def _before_fork() -> None:
    for database in list(_open_databases):
        _held_over_fork.extend((database, connection) for connection in database._connections())  # noqa: SLF001


def _after_fork_in_child() -> None:
    # SQLite counts locks per file and process. A child inherits the counts without the locks, so that even a new
    # connection of its own would believe itself protected when it is not, and closing an inherited one is forbidden:
    # refuse the file, and hold what is held for ever.
    _spoiled_by_fork.update(database.path for database, _ in _held_over_fork)
    for database in list(_open_databases):
        database._connect_anew()  # noqa: SLF001


os.register_at_fork(before=_before_fork, after_in_parent=_held_over_fork.clear, after_in_child=_after_fork_in_child)


def open_sqlite(path: Path, *, schema: Schema) -> SqliteDatabase:
    """Open a file; raises as `open_database`."""
    database = SqliteDatabase(path)
    try:
        _use_write_ahead_log(path)
        database._identity = _identity(os.fspath(path))  # noqa: SLF001 - from here on it must stay this file
        with database.read() as connection:
            behind = is_behind(connection, schema, where=str(path))
        if behind:
            with database.write() as connection:
                upgrade(connection, schema)
    except (DatabaseError, sqlite3.DatabaseError, UnavailableError) as error:
        database.close()
        raise _explained(error.__cause__ or error, path) from error
    except TelltaleError:
        database.close()
        raise
    return database


def _connect(path: Path, *pragmas: str, mode: Literal["rw", "rwc"] = "rw") -> sqlite3.Connection:
    if path in _spoiled_by_fork:
        raise UnavailableError(
            "this process was forked while its parent had the database open",
            where=str(path),
            mend="Start processes with multiprocessing's 'spawn' method, or close the database before the fork.",
        )
    # No transactions of the driver's own: it opens them late, so that two processes could read and then both write.
    # Threads hand connections on through the pool, so each is still used by one thread at a time.
    connection = sqlite3.connect(
        # A file that was removed must not come back empty because a thread asked for a connection.
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _engine(path: Path, *pragmas: str, begin: str) -> Engine:
    engine = create_engine(f"{SQLITE}{path}", creator=lambda: _connect(path, *pragmas), poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _use_write_ahead_log(path: Path) -> None:
    """Switch the file to write-ahead logging; it remembers. SQLite does not wait for others here, so we do."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    connection = _connect(path, mode="rwc")
    try:
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()


def _kept_busy(name: str) -> UnavailableError:
    return UnavailableError(
        "others kept the database busy", where=name, mend="Run this again, best while no server runs."
    )


def _identity(address: str) -> tuple[int, int] | None:
    """Which file it is; None where there is none."""
    try:
        found = os.stat(address)  # noqa: PTH116 - once per query, where a Path costs twice as much
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _explained(error: BaseException, path: Path) -> BaseException:
    """What is wrong with a database that cannot be opened, told to whoever starts the process."""
    code = fault_code(error)
    if code is None:
        return error
    if code & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
        return UsageError(
            "the database cannot be opened for writing",
            where=str(path),
            mend="Check that the folder exists and that you may write in it.",
        )
    if code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return TelltaleError(
            "the file is not a whole SQLite database",
            where=str(path),
            mend="Restore it from a backup, or move it away.",
        )
    return told_fault(error, name=str(path)) or error
