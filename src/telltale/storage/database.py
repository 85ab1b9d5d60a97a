"""A database that several threads and processes share: a SQLite file, or a schema of a PostgreSQL server."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection

from telltale.contract.errors import UsageError
from telltale.storage.tables import Schema

BUSY_TIMEOUT_S: Final = 5.0
SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+psycopg")


class Database(ABC):
    """A database, migrated and ready; made by `open_database`. Any thread may use it, and several processes the same one.

    Reading never waits for writing. At most one transaction writes at a time, whichever thread, process or host it is
    in; the others wait for it, up to 5 s. So what a block reads stays true until it ends, and ids rise in the order in
    which rows come to be seen.

    Args:
        name: for messages that clients read; no path and no address.
        url: SQLAlchemy's, without a password.
        dialect: how SQL is spoken, where a query cannot be written for both.
    """

    name: str
    url: str
    dialect: Literal["sqlite", "postgresql"]

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees one moment of the database until the block ends, and refuses to write.

        Raises:
            UnavailableError: the database is gone, damaged, does not answer, or cannot be read.
        """

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """A connection in one transaction: committed to disk when the block ends, undone when it raises.

        Keep the block short and never open a second one inside it: everybody else waits.

        Raises:
            UnavailableError: somebody else kept writing for 5 s; or the disk is full or fails, or the database is gone,
                damaged, or cannot be written: then nothing of the block is kept, unless it went away at the moment of
                the commit.
        """

    @abstractmethod
    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one driver query (`?` marks parameters), prepared once per connection: for paths a request waits on.

        It skips SQLAlchemy, which would cost more than the query. It reads only.

        Raises:
            UnavailableError: as `read`.
        """

    @abstractmethod
    def fetch_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...] | None]:
        """The first row, or None, of a driver query for each row of parameters, all of one moment.

        Raises:
            UnavailableError: as `read`.
        """

    @abstractmethod
    def run_alone(self, statement: str) -> tuple[Any, ...]:
        """Run a statement that stands outside of transactions, by a connection of its own; its first row, or ().

        Raises:
            UnavailableError: others kept the database busy for 5 s, or it cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Close every connection that is not in use. The object stays usable and would open new ones."""

    @property
    def path(self) -> Path:
        """The file it is kept in.

        Raises:
            UsageError: a server keeps it.
        """
        raise UsageError("it is no file", where=self.name, mend="Ask only where `dialect` is sqlite.")


def open_database(url_or_path: str | Path, *, schema: Schema) -> Database:
    """Open a database, creating and migrating it where needed.

    Args:
        url_or_path: a file, whose folder must exist, `sqlite:///FILE`, or `postgresql://USER@HOST/NAME`.
        schema: which tables it holds; on a PostgreSQL server they stand in the schema `telltale_state` or `telltale_events`.

    Raises:
        UsageError: the address is of another kind, or the database cannot be opened.
        ConflictError: it was written by a newer release.
        UnavailableError: another process kept it locked for 5 s, or the server does not answer.
        TelltaleError: the file is not a database.
    """
    text = str(url_or_path)
    kind, is_address, _ = text.partition("://")
    if is_address and kind in _POSTGRESQL:
        from telltale.storage.postgresql_database import open_postgresql

        return open_postgresql(text, schema=schema)
    if is_address and not text.startswith(SQLITE):
        raise UsageError(
            f"{kind!r} databases are not supported",
            where="DATABASE_URL",
            mend="Give postgresql://USER:PASSWORD@HOST/NAME, or nothing for SQLite files in TELLTALE_HOME.",
        )
    from telltale.storage.sqlite_database import open_sqlite

    return open_sqlite(Path(text.removeprefix(SQLITE)).resolve(), schema=schema)
