"""The databases of a home as SQLite files, and back: what a backup holds is the same whatever the home's database is."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from telltale.contract.errors import ConflictError
from telltale.home.backup_file import Progress
from telltale.storage.database import open_database
from telltale.storage.migrate import LATEST
from telltale.storage.snapshot import snapshot
from telltale.storage.table_copy import check_empty, copy_tables
from telltale.storage.tables import METADATA, Schema


def copy_out(home: Path, url: str, schema: Schema, to: Path, *, progress: Progress) -> str:
    """Write a database into a SQLite file as it is at one moment, in place of an earlier copy; the revision of its tables.

    Args:
        home: has the database where `url` is "".
        url: DATABASE_URL, of a database that is at this release's revision, or is brought to it.
        schema: which tables.
        to: the file.
        progress: told pages or rows done, and of how many.

    Raises:
        ConflictError: a newer release wrote it.
        UnavailableError, TelltaleError: it cannot be read, or is damaged.
        OSError: the disk is full.
    """
    to.unlink(missing_ok=True)
    if url:
        with ExitStack() as stack:
            source = stack.enter_context(closing(open_database(url, schema=schema)))
            target = stack.enter_context(closing(open_database(to, schema=schema)))
            with source.read() as reading, target.write() as writing:
                copy_tables(reading, writing, METADATA[schema], progress=partial(progress, to.name))
        return LATEST[schema]
    snapshot(home / f"{schema}.db", to, progress=partial(progress, to.name))
    with closing(sqlite3.connect(to)) as connection:
        revision = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    if revision > LATEST[schema]:
        raise ConflictError(
            f"{to.name} is at revision {revision}, and this release knows revisions up to {LATEST[schema]}",
            where=str(home),
            mend="Make the backup with the release of telltale-loop that wrote it.",
        )
    return revision


@contextmanager
def moved_in(folder: Path, url: str, *, progress: Progress) -> Iterator[None]:
    """Move `state.db` and `events.db` of a folder, migrated, into an empty database; committed when the block ends well.

    Raises:
        ConflictError: it has rows.
    """
    with ExitStack() as stack:
        target = stack.enter_context(closing(open_database(url, schema="state")))
        open_database(url, schema="events").close()  # makes its tables
        writing = stack.enter_context(target.write())
        writing.exec_driver_sql("SET LOCAL search_path = telltale_state, telltale_events")  # all in one transaction
        for schema, metadata in METADATA.items():
            path = folder / f"{schema}.db"
            with closing(open_database(path, schema=schema)) as source, source.read() as reading:
                copy_tables(reading, writing, metadata, progress=partial(progress, path.name))
            path.unlink()
        yield


def check_nothing_in(url: str) -> None:
    """Raises ConflictError where the database has rows."""
    for schema, metadata in METADATA.items():
        with closing(open_database(url, schema=schema)) as target, target.read() as reading:
            check_empty(reading, metadata.sorted_tables)
