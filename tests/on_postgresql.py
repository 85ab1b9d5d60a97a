"""Homes on a PostgreSQL server: `pytest -p tests.on_postgresql -m "not slow and not server and not sqlite" tests/registry …`.

Every home that such a test opens stands in a database of its own there, which is emptied for the next. What a test
does with files of SQLite is marked `sqlite`, and like what starts other processes is to be left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest
from tests.telemetry.postgresql import postgresql_server

from telltale.storage import folder as folder_module
from telltale.storage.database import Database, open_database
from telltale.storage.tables import METADATA, Schema

SCHEMAS: tuple[Schema, ...] = get_args(Schema)
_TABLES = [f"telltale_{schema}.{name}" for schema in SCHEMAS for name in METADATA[schema].tables]
# Not truncated, which makes new files for each; without triggers, since the ledger refuses.
_STATEMENTS = (
    "SET session_replication_role = replica",
    *(f"DELETE FROM {table}" for table in _TABLES),  # noqa: S608 - names are ours
    "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
)
_EMPTY = "; ".join(_STATEMENTS).encode()
_END_OTHERS = b"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'
"""


class Homes:
    """Databases by the folder of the home."""

    def __init__(self, address: str) -> None:
        self._address = address.replace("postgresql+psycopg", "postgresql")
        self._free: list[str] = []
        self._taken: dict[Path, str] = {}
        self._n_made = 0

    def url(self, name: str) -> str:
        """The address of a database."""
        return f"{self._address.rpartition('/')[0]}/{name}"

    def open(self, path: Path, *, schema: Schema) -> Database:
        """In place of `open_database` of a file in a home."""
        if "://" in str(path):
            return open_database(path, schema=schema)
        home = Path(path).parent
        if home not in self._taken:
            self._taken[home] = self._free.pop() if self._free else self._make()
        return open_database(self.url(self._taken[home]), schema=schema)

    def empty(self) -> None:
        """Empty the databases of a test, for the next one: quicker than to make and drop one each time."""
        for name in self._taken.values():
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute(_END_OTHERS)
                connection.execute(_EMPTY)
            self._free.append(name)
        self._taken.clear()

    def _make(self) -> str:
        self._n_made += 1
        name = f"home_{self._n_made}"
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        for schema in SCHEMAS:
            open_database(self.url(name), schema=schema).close()
        return name


@pytest.fixture(scope="session")
def homes() -> Iterator[Homes]:
    with postgresql_server() as address:
        yield Homes(address)


@pytest.fixture(autouse=True)
def _on_postgresql(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(folder_module, "open_database", homes.open)
    yield
    homes.empty()
