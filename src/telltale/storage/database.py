"""A SQLite database that several threads and processes share."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from telltale.contract.errors import TelltaleError, UnavailableError, UsageError
from telltale.storage.migrate import is_behind, upgrade
from telltale.storage.tables import Schema

BUSY_TIMEOUT_S: Final = 5.0
_SQLITE: Final = "sqlite:///"
_open_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()
_held_over_fork: "list[tuple[Database, object]]" = []
_spoiled_by_fork: set[Path] = set()


class _Direct:
    """A driver connection that closes when the thread that used it ends, without waiting for a garbage collection."""

    def __init__(self, path: Path) -> None:
        self.connection = _connect(path, "query_only = ON")

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()


class Database:
    """One database file, migrated and ready; made by `open_database`.

    Any thread may use it, and several processes may open the same file; start them by spawning. A forked child is
    refused while its parent has connections open. Reading never waits for writing. At most one thread of a process
    writes at a time; the others wait for it, and processes wait for each other, up to 5 s.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connect_anew()
        _open_databases.add(self)

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return f"{_SQLITE}{self._path}"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database until the block ends, and refuses to write."""
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in one transaction: committed to disk when the block ends, undone when it raises.

        Keep the block short and never open a second one inside it: everybody else waits.

        Raises:
            UnavailableError: another thread or process kept writing for 5 s.
        """
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise self._busy()
        try:
            with self._writing.connect() as connection:
                try:
                    transaction = connection.begin()
                except OperationalError as error:
                    raise (self._busy() if _is_busy(error) else error) from error
                with transaction:
                    yield connection
        finally:
            self._turn.release()

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one driver query (`?` marks parameters), prepared once per thread: for paths a request waits on.

        It skips SQLAlchemy, which would cost more than the query. It reads only.
        """
        try:
            direct: _Direct = self._local.direct
        except AttributeError:
            direct = self._local.direct = _Direct(self._path)
            with self._direct_guard:
                self._direct.add(direct)
        return direct.connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close every connection that is not in use. The object stays usable and would open new ones."""
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
            where=str(self._path),
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


def open_database(url_or_path: str | Path, *, schema: Schema) -> Database:
    """Open a database, creating and migrating it where needed.

    Args:
        url_or_path: a file, or `sqlite:///FILE`. The folder must exist.
        schema: which tables it holds.

    Raises:
        UsageError: the address is not of SQLite, or the file cannot be opened.
        ConflictError: the file was written by a newer release.
        UnavailableError: another process kept it locked for 5 s.
        TelltaleError: the file is not a database.
    """
    path = _path_of(url_or_path)
    database = Database(path)
    try:
        _use_write_ahead_log(path)
        with database.read() as connection:
            behind = is_behind(connection, schema, where=str(path))
        if behind:
            with database.write() as connection:
                upgrade(connection, schema)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        database.close()
        raise _explained(error, path) from error
    except TelltaleError:
        database.close()
        raise
    return database


def _connect(path: Path, *pragmas: str) -> sqlite3.Connection:
    if path in _spoiled_by_fork:
        raise UnavailableError(
            "this process was forked while its parent had the database open",
            where=str(path),
            mend="Start processes with multiprocessing's 'spawn' method, or close the database before the fork.",
        )
    # No transactions of the driver's own: it opens them late, so that two processes could read and then both write.
    # Threads hand connections on through the pool, so each is still used by one thread at a time.
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _engine(path: Path, *pragmas: str, begin: str) -> Engine:
    engine = create_engine(f"{_SQLITE}{path}", creator=lambda: _connect(path, *pragmas), poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _use_write_ahead_log(path: Path) -> None:
    """Switch the file to write-ahead logging; it remembers. SQLite does not wait for others here, so we do."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    connection = _connect(path)
    try:
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()


def _path_of(url_or_path: str | Path) -> Path:
    text = str(url_or_path)
    if text.startswith(_SQLITE):
        return Path(text.removeprefix(_SQLITE)).resolve()
    if "://" in text:
        raise UsageError(
            f"{text.partition('://')[0]!r} databases are not supported",
            where="database address",
            mend=f"Give a file, or {_SQLITE}FILE.",
        )
    return Path(url_or_path).resolve()


def _is_busy(error: Exception) -> bool:
    return "database is locked" in str(error) or "database table is locked" in str(error)


def _explained(error: Exception, path: Path) -> Exception:
    text = str(error)
    if _is_busy(error):
        return UnavailableError("another process keeps the database locked", where=str(path), mend="Try again.")
    if "unable to open database file" in text or "readonly database" in text:
        return UsageError(
            "the database cannot be opened for writing",
            where=str(path),
            mend="Check that the folder exists and that you may write in it.",
        )
    if "not a database" in text or "malformed" in text:
        return TelltaleError(
            "the file is not a whole SQLite database",
            where=str(path),
            mend="Restore it from a backup, or move it away.",
        )
    return error
