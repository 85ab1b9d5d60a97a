"""New databases of the tests are filled from SQL text: what the migrations made of an empty one, once.

Most tests open a home, and running every revision for each took a quarter of their time. Tests in `tests/storage` run the
migrations themselves, as does every process that a test starts.
"""

from functools import cache

from sqlalchemy import Connection, create_engine

from telltale.storage.migrate import stored_revision, upgrade
from telltale.storage.tables import Schema


def fill(connection: Connection, schema: Schema) -> None:
    """In place of `upgrade`, inside the same transaction: a database that has tables is migrated all the same."""
    if stored_revision(connection) is not None:
        upgrade(connection, schema)
        return
    for statement in _statements(schema):
        connection.exec_driver_sql(statement)


@cache
def _statements(schema: Schema) -> tuple[str, ...]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        upgrade(connection, schema)
        dump = connection.connection.dbapi_connection.iterdump()  # type: ignore[union-attr]  # of the driver
        statements = tuple(one for one in dump if one not in {"BEGIN TRANSACTION;", "COMMIT;"})
    engine.dispose()
    return statements
