"""Rows of a database of somebody else's: a table or a query, read in parts, and never written to."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    NoSuchModuleError,
    NoSuchTableError,
    OperationalError,
    SQLAlchemyError,
)

from telltale.contract.errors import NotFoundError, SchemaError, UnavailableError, UsageError
from telltale.telemetry.frames import LINE
from telltale.telemetry.raw_rows import RawRows, keep_named, narrow_series, refuse_reserved

CHUNK_ROWS: Final = 50_000
_SQLITE: Final = "sqlite"
_POSTGRESQL: Final = "postgresql"
_EXAMPLES: Final = "sqlite:///shop.db, postgresql://user@host/shop"
_SCHEMES: Final = (_SQLITE, _POSTGRESQL, "postgres")


def is_database(source: str) -> bool:
    """Whether it is the address of a database, and no file.

    >>> is_database("sqlite:///shop.db"), is_database("postgresql+psycopg://shop"), is_database("shop.csv")
    (True, True, False)
    """
    scheme, colon, _ = source.partition("://")
    return bool(colon) and scheme.partition("+")[0] in _SCHEMES


def told_database(url: str, *, table: str = "") -> str:
    """The address as it is told and stored: without user, password and options.

    >>> told_database("postgresql://anna:secret@db:5432/shop?sslmode=require", table="orders")
    'postgresql://db:5432/shop table orders'
    """
    parts = _parsed(url)
    port = f":{parts.port}" if parts.port else ""
    what = f" table {table}" if table else " query"
    return f"{parts.get_backend_name()}://{parts.host or ''}{port}/{parts.database or ''}{what}"


def read_sql(url: str, *, table: str = "", query: str = "", chunk_rows: int = CHUNK_ROWS) -> Iterator[RawRows]:
    """The rows of a table or a query, some thousands at a time; numbered from 1 across all parts.

    The connection may only read: SQLite opens the file so, and PostgreSQL the transaction. Times without a zone are taken as
    UTC, decimal numbers as floats, identifiers (UUID) as text.

    Args:
        url: of SQLite, or of PostgreSQL where `psycopg` is installed. A password is better left to PGPASSWORD or ~/.pgpass,
            where nobody sees it.
        table: its name, with a schema before a dot where it is in another.
        query: a SELECT, in place of a table.
        chunk_rows: of one part.

    Raises:
        UsageError: neither table nor query is given, or both; the address is of another database; the query is wrong.
        NotFoundError: there is no such file or table.
        UnavailableError: the database cannot be reached.
        SchemaError: two columns have the same name.
    """
    if bool(table) == bool(query):
        raise UsageError(
            "it takes a table or a query", where="database", mend="Add --table NAME or --query 'SELECT …'."
        )
    where = told_database(url, table=table)
    engine = _engine(url, where)
    try:
        with engine.connect() as connection:
            yield from _parts(connection, where, table=table, query=query, chunk_rows=chunk_rows)
    except NoSuchTableError as error:
        raise NotFoundError(
            f"there is no table {table!r}", where=where, mend="Check the name, and its schema."
        ) from error
    except SQLAlchemyError as error:
        raise _told(error, where, secret=engine.url.password) from None  # the cause may hold the password
    finally:
        engine.dispose()


def _parts(connection: Connection, where: str, *, table: str, query: str, chunk_rows: int) -> Iterator[RawRows]:
    streamed = connection.execution_options(stream_results=True, max_row_buffer=min(chunk_rows, 10_000))
    if table:
        schema, _, name = table.rpartition(".")
        found = streamed.execute(select(Table(name, MetaData(), schema=schema or None, autoload_with=connection)))
    else:
        # As it is written: a colon in it is no parameter.
        found = streamed.execute(text(query.rstrip().rstrip(";").replace(":", r"\:")))
    if not found.returns_rows:
        raise UsageError("the query gives no rows", where=where, mend="Give a SELECT.")
    names = list(found.keys())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaError(f"columns {twice} appear twice", where=where, mend="Name them apart with AS.")
    refuse_reserved(names, where)
    n_before, is_any = 0, False
    for rows in found.partitions(chunk_rows):
        yield _raw(names, rows, where, n_before)
        n_before, is_any = n_before + len(rows), True
    if not is_any:
        yield _raw(names, [], where, 0)


def _raw(names: list[str], rows: Sequence[Any], where: str, n_before: int) -> RawRows:
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    series = [
        narrow_series(name, [_plain(value) for value in values]) for name, values in zip(names, columns, strict=True)
    ]
    lines = pl.int_range(n_before + 1, n_before + 1 + len(rows), dtype=pl.Int64, eager=True).alias(LINE)
    frame, dropped = keep_named(pl.DataFrame([*series, lines]))
    return RawRows(frame=frame, source=where, dropped=dropped)


def _plain(value: object) -> object:
    """A value as JSON would have it: times in ISO 8601 with their zone, decimals as numbers."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def _parsed(url: str) -> URL:
    try:
        return make_url(url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url)
    except ArgumentError:
        raise UsageError("that is no address of a database", where="database", mend=f"As in {_EXAMPLES}.") from None


def _engine(url: str, where: str) -> Engine:
    parts = _parsed(url)
    if parts.get_backend_name() == _SQLITE:
        return _sqlite(parts, where)
    if parts.get_backend_name() != _POSTGRESQL:
        raise UsageError.not_one_of(parts.get_backend_name(), (_SQLITE, _POSTGRESQL), where="database")
    if "+" not in parts.drivername:
        parts = parts.set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            parts, execution_options={"postgresql_readonly": True}, connect_args={"connect_timeout": 10}
        )
    except (ModuleNotFoundError, NoSuchModuleError):
        mend = 'pip install "telltale-loop[postgres]" brings it.'
        raise UsageError("the driver of PostgreSQL is not installed", where=where, mend=mend) from None


def _sqlite(parts: URL, where: str) -> Engine:
    path = Path(parts.database or "")
    if not path.is_file():
        raise NotFoundError(
            "there is no such file", where=where, mend="sqlite:///FILE, or sqlite:////FILE from the root."
        )
    address = f"{path.resolve().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True, check_same_thread=False))

    @event.listens_for(engine, "connect")
    def _only_read(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    return engine


def _told(error: SQLAlchemyError, where: str, *, secret: object) -> UsageError | UnavailableError:
    """What the driver says, in one line, without the query, its values or a password."""
    cause = getattr(error, "orig", None) or error
    what = " ".join(str(cause).split())
    if secret:
        what = what.replace(str(secret), "…")
    what = what if len(what) <= 300 else f"{what[:300]}…"
    is_syntax = isinstance(cause, Exception) and ("syntax" in what or "no such" in what or "does not exist" in what)
    if isinstance(error, OperationalError | InterfaceError) and not is_syntax and "readonly" not in what:
        return UnavailableError(
            f"it cannot be read ({what})", where=where, mend="See that it is up and lets you in; try again."
        )
    mend = (
        "Mend the query; it may only read." if isinstance(error, DatabaseError) else "Check the address and the query."
    )
    return UsageError(f"it cannot be read ({what})", where=where, mend=mend)
