"""A database in a schema of a PostgreSQL server, that threads, processes and hosts share."""

import os
import select
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from telltale.contract.errors import TelltaleError, UnavailableError, UsageError
from telltale.storage.database import BUSY_TIMEOUT_S, Database
from telltale.storage.driver_sql import postgresql_sql
from telltale.storage.migrate import is_behind, upgrade
from telltale.storage.postgresql_faults import is_busy, sqlstate, told_fault
from telltale.storage.postgresql_values import read_plainly
from telltale.storage.tables import Schema

# One writer at a time, as SQLite has it: what a transaction has read stays true, and ids come to be seen in their order.
_LOCKS: Final[dict[Schema, tuple[int, int]]] = {"state": (0x7E117A1E, 1), "events": (0x7E117A1E, 2)}
# A writer that stops in the middle (a laptop that sleeps, a host that is cut off) keeps everybody waiting for so long.
_HUNG_S: Final = 30
_MOST_READERS: Final = 8  # connections of `read`, and of `fetch`, of a process; more threads wait for one
_CONNECT_S: Final = 5
_open_databases: "weakref.WeakSet[PostgresqlDatabase]" = weakref.WeakSet()
_held_over_fork: list[object] = []


class PostgresqlDatabase(Database):
    """One schema of a server's database. A child process made by a fork gets connections of its own."""

    dialect = "postgresql"

    def __init__(self, url: URL, schema: Schema) -> None:
        self.name = schema
        self.url = url.render_as_string()
        self._address = url
        self._schema = schema
        self._connect_anew()
        _open_databases.add(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:  # noqa: D102 - as `Database` says, as all of these
        try:
            with self._reading.connect() as connection:
                yield connection
        except (DBAPIError, psycopg.Error) as error:
            raise told_fault(error, name=self.name, reading=True) or error from error

    @contextmanager
    def write(self) -> Iterator[Connection]:  # noqa: D102
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise self._busy()
        try:
            with self._writing.connect() as connection:
                try:
                    transaction = connection.begin()
                except DBAPIError as error:
                    raise (self._busy() if is_busy(error) else error) from error
                with transaction:
                    yield connection
        except (DBAPIError, psycopg.Error) as error:
            raise told_fault(error, name=self.name) or error from error
        finally:
            self._turn.release()

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:  # noqa: D102
        told, values = postgresql_sql(sql, parameters)
        with self._direct() as connection:
            return connection.execute(told, values, prepare=True).fetchall()

    def fetch_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...] | None]:  # noqa: D102
        told = [postgresql_sql(sql, parameters) for parameters in rows]
        with self._direct() as connection:
            if len(told) == 1:
                return [connection.execute(told[0][0], told[0][1], prepare=True).fetchone()]
            # Without a pipeline each would wait for the one before it to travel there and back.
            with connection.transaction(), connection.pipeline():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursors = [connection.execute(query, values, prepare=True) for query, values in told]
                return [cursor.fetchone() for cursor in cursors]

    def run_alone(self, statement: str) -> tuple[Any, ...]:  # noqa: D102
        try:
            with self._writing.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None, "of a connection that is open"
                driver.rollback()
                driver.autocommit = True
                try:
                    found = driver.execute(statement)
                    return tuple(found.fetchone() or ()) if found.description else ()
                finally:
                    driver.autocommit = False
        except (DBAPIError, psycopg.Error) as error:
            raise told_fault(error, name=self.name) or error from error

    def close(self) -> None:  # noqa: D102
        _close(self._reading, self._writing, self._idle)

    @contextmanager
    def _direct(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """A driver connection that reads only, of which few are kept; one that broke while it was idle is replaced."""
        with self._slots:
            try:
                connection = self._taken()
                try:
                    yield connection
                finally:
                    if not connection.closed:
                        self._idle.append(connection)
            except psycopg.Error as error:
                raise told_fault(error, name=self.name, reading=True) or error from error

    def _taken(self) -> "psycopg.Connection[tuple[Any, ...]]":
        while self._idle:
            connection = self._idle.pop()
            if not _is_broken(connection):
                return connection
            connection.close()
        url = self._address
        return psycopg.connect(
            host=url.host,
            port=url.port,
            user=url.username,
            password=None if url.password is None else str(url.password),
            dbname=url.database,
            autocommit=True,
            context=_PLAIN,
            # libpq's options, by their names; ours stand over those that the address gives too.
            **{**url.query, **_options(self._schema, "default_transaction_read_only=on")},
        )

    def _connect_anew(self) -> None:
        self._reading = _engine(self._address, self._schema, "default_transaction_read_only=on")
        self._writing = _engine(
            self._address, self._schema, f"idle_in_transaction_session_timeout={_HUNG_S}s", lock=_LOCKS[self._schema]
        )
        self._turn = threading.Lock()
        self._slots = threading.BoundedSemaphore(_MOST_READERS)
        self._idle: list[psycopg.Connection[tuple[Any, ...]]] = []
        # Whoever forgets to close it leaves no connection open behind it.
        weakref.finalize(self, _close, self._reading, self._writing, self._idle)

    def _connections(self) -> list[object]:
        return [self._reading.pool, self._writing.pool, *self._idle]

    def _busy(self) -> UnavailableError:
        return UnavailableError(
            f"the database stayed locked by another writer for {BUSY_TIMEOUT_S:g} s",
            where=self.name,
            mend="Try again; if it lasts, look for a process that hangs in a transaction (pg_stat_activity).",
        )


_PLAIN: Final = read_plainly()


def _close(reading: Engine, writing: Engine, idle: list[psycopg.Connection[tuple[Any, ...]]]) -> None:
    reading.dispose()
    writing.dispose()
    while idle:
        idle.pop().close()


def _after_fork_in_child() -> None:
    # Closing what was inherited would tell the server to end the parent's connections: it is held for ever.
    for database in list(_open_databases):
        _held_over_fork.extend(database._connections())  # noqa: SLF001
        database._connect_anew()  # noqa: SLF001


os.register_at_fork(after_in_child=_after_fork_in_child)


def open_postgresql(address: str, *, schema: Schema) -> PostgresqlDatabase:
    """Open a schema of a server's database; raises as `open_database`."""
    database = PostgresqlDatabase(_parsed(address), schema)
    try:
        with database.read() as connection:
            behind = is_behind(connection, schema, where=f"the database's schema telltale_{schema}")
        if behind:
            with database.write() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS telltale_{schema}")
                upgrade(connection, schema)
    except (DBAPIError, psycopg.Error, UnavailableError) as error:
        database.close()
        raise _explained(error.__cause__ or error) from error
    except TelltaleError:
        database.close()
        raise
    return database


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise UsageError(
            "it is no address of a database",
            where="DATABASE_URL",
            mend="Give postgresql://USER:PASSWORD@HOST/NAME; write %40 for an @ in a password.",
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _engine(url: URL, schema: Schema, setting: str, *, lock: tuple[int, int] | None = None) -> Engine:
    engine = create_engine(
        url,
        connect_args=_options(schema, setting) | {"context": _PLAIN},
        poolclass=QueuePool,
        pool_size=1 if lock else _MOST_READERS,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,  # a server that was started again has broken all that were idle
        isolation_level="READ COMMITTED" if lock else "REPEATABLE READ",
        execution_options={"preserve_rowcount": True},  # of inserts too, as SQLite's driver has it
    )

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _translate(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> tuple[str, Any]:
        if context is None or context.compiled is not None:
            return statement, parameters
        if executemany:
            return postgresql_sql(statement, ())[0], parameters
        return postgresql_sql(statement, parameters)

    if lock is not None:
        # Only once it is held does a statement begin, so that each sees what the writer before has committed.
        take = f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_S:g}s'; SELECT pg_advisory_xact_lock({lock[0]}, {lock[1]})"

        @event.listens_for(engine, "begin")
        def _wait_for_turn(connection: Connection) -> None:
            connection.exec_driver_sql(take)

    return engine


def _options(schema: Schema, setting: str) -> dict[str, Any]:
    return {
        "options": f"-c search_path=telltale_{schema} -c timezone=UTC -c {setting}",
        "connect_timeout": _CONNECT_S,
        "application_name": "telltale",
        "keepalives_idle": _HUNG_S,
    }


def _is_broken(connection: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    """Whether the server has ended an idle connection: then there is something to read, or it is closed."""
    if connection.closed:
        return True
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)


def _explained(error: BaseException) -> BaseException:
    """What is wrong with a database that cannot be opened, told to whoever starts the process."""
    code = sqlstate(error)
    if code is None:
        return error
    if code.startswith(("28", "3D", "42501")) or code == "08000":
        inner = str(getattr(error, "orig", error)).strip().splitlines()
        return UsageError(
            f"the database cannot be opened ({inner[-1] if inner else code})",
            where="DATABASE_URL",
            mend="See that the server runs, that the database is there, and that its user may make schemas in it "
            "(CREATE DATABASE …; GRANT CREATE ON DATABASE … TO …).",
        )
    return told_fault(error, name="DATABASE_URL") or error
