"""Rows from SQLite to PostgreSQL and back: the same rows, and numbering that goes on."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, Table, create_engine, insert, select
from tests.storage.stored_homes import NEWEST, unpacked
from tests.telemetry.postgresql import postgresql_server

from telltale.contract.errors import ConflictError
from telltale.registry.stream_states import KeptState, keep_stream_states
from telltale.storage.database import open_database
from telltale.storage.table_copy import copy_tables
from telltale.storage.tables import METADATA, Schema, audit, event, ledger

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    with postgresql_server() as address:
        engine = create_engine(address)
        yield engine
        engine.dispose()


@pytest.fixture
def postgresql(server: Engine) -> Iterator[Engine]:
    """A database with the tables, empty."""
    for metadata in METADATA.values():
        metadata.create_all(server)
    yield server
    for metadata in METADATA.values():
        metadata.drop_all(server)


@pytest.fixture
def filled(tmp_path: Path) -> dict[Schema, Path]:
    """Two SQLite files with rows in every table, and with texts and numbers that are easily lost."""
    home = unpacked(NEWEST, tmp_path / "filled")
    with closing(sqlite3.connect(home / "events.db")) as connection:
        connection.executemany(
            'INSERT INTO event (app, event, entity, at_us, "values", label, received_us, source) VALUES (?,?,?,?,?,?,?,?)',
            [
                ("a", "e", "größe \N{SNOWMAN} 'quoted' %s :name", -1, json.dumps({"v": 1e-310}), None, 2**62, ""),
                *[("a", "many", str(number), number, "{}", 1, 0, "t") for number in range(5_000)],
            ],
        )
        connection.commit()
    # A table that is newer than the home that is kept.
    database = open_database(home / "events.db", schema="events")
    keep_stream_states(database, ("a", "t", 1), {"e": KeptState(at_us=-1, packed=np.array([1e-310, -0.0]))})
    database.close()
    return {schema: home / f"{schema}.db" for schema in METADATA}


def test_rows_go_to_postgresql_and_come_back_the_same(
    filled: dict[Schema, Path], postgresql: Engine, tmp_path: Path
) -> None:
    for schema, metadata in METADATA.items():
        told: list[tuple[int, int]] = []
        original = open_database(filled[schema], schema=schema)
        back = open_database(tmp_path / f"back-{schema}.db", schema=schema)

        with original.read() as source, postgresql.begin() as target:
            counts = copy_tables(source, target, metadata, progress=lambda *pair: told.append(pair))  # noqa: B023 - called at once
        with postgresql.connect() as source, back.write() as target:
            assert copy_tables(source, target, metadata, progress=lambda *_: None) == counts

        assert min(counts.values()) > 0
        assert told[-1] == (sum(counts.values()),) * 2
        for table in metadata.sorted_tables:
            query = f'SELECT * FROM "{table.name}" ORDER BY 1, 2, 3'  # noqa: S608 - our own names
            assert original.fetch(query) == back.fetch(query), table.name
        original.close()
        back.close()


def test_ids_go_on_after_the_highest(filled: dict[Schema, Path], postgresql: Engine) -> None:
    source = create_engine(f"sqlite:///{filled['state']}")
    with source.connect() as connection, postgresql.begin() as target:
        copy_tables(connection, target, METADATA["state"], progress=lambda *_: None)
    source.dispose()

    with postgresql.begin() as connection:
        highest = max(connection.execute(select(audit.c.id)).scalars())
        made = connection.execute(
            insert(audit)
            .values(at_us=0, actor="a", action="b", subject="c", status=200, request_id="")
            .returning(audit.c.id)
        ).scalar_one()
    assert made == highest + 1


def test_a_nul_which_postgresql_cannot_hold_is_shown(postgresql: Engine, tmp_path: Path) -> None:
    source = open_database(tmp_path / "events.db", schema="events")
    row = {"app": "a", "event": "e", "at_us": 0, "values": "{}", "received_us": 0, "source": "s"}
    with source.write() as connection:
        connection.execute(insert(event).values(entity="a\0b", **row))

    with source.read() as connection, postgresql.begin() as target:
        copy_tables(connection, target, METADATA["events"], progress=lambda *_: None)

    with postgresql.connect() as connection:
        assert connection.execute(select(event.c.entity)).scalar_one() == "a\N{SYMBOL FOR NULL}b"
    source.close()


@pytest.mark.parametrize("table", [ledger, audit])
def test_a_database_with_rows_is_refused_and_nothing_is_copied(
    table: Table, filled: dict[Schema, Path], postgresql: Engine
) -> None:
    made_up = {
        column.name: 1 if column.type.python_type is int else "" for column in table.columns if not column.nullable
    }
    with postgresql.begin() as connection:
        connection.execute(insert(table).values(made_up))
    source = create_engine(f"sqlite:///{filled['state']}")

    with (
        source.connect() as connection,
        postgresql.begin() as target,
        pytest.raises(ConflictError, match=f"'{table.name}' has rows already.*new, empty database") as refusal,
    ):
        copy_tables(connection, target, METADATA["state"], progress=lambda *_: None)

    source.dispose()
    assert "kept-to-itself" not in str(refusal.value)
    with postgresql.connect() as connection:
        assert connection.execute(select(METADATA["state"].tables["version"])).first() is None
