"""All rows of some tables copied from one database to another, of whatever kind: SQLite, PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Integer, MetaData, Table, Text, func, insert, literal_column, select, text

from telltale.contract.errors import ConflictError

_ROWS: Final = 2_000  # read and written at once
_NUL: Final = "\0"
# PostgreSQL holds no NUL in a text; Unicode has a sign that shows one.
_NUL_SHOWN: Final = "\N{SYMBOL FOR NULL}"


def copy_tables(
    source: Connection, target: Connection, metadata: MetaData, *, progress: Callable[[int, int], None]
) -> dict[str, int]:
    """Copy every row, those first that others refer to, and let numbering go on after the highest id.

    Args:
        source: sees one moment of the database for as long as it lasts.
        target: in a transaction; its tables are there and empty.
        metadata: the tables.
        progress: told rows done, and of how many.

    Returns:
        How many rows of each table there are now; in PostgreSQL a NUL in a text became U+2400.

    Raises:
        ConflictError: a table of the target has rows.
    """
    tables = metadata.sorted_tables
    check_empty(target, tables)
    counts = {table.name: source.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}
    n_done, n_rows = 0, sum(counts.values())
    for table in tables:
        for rows in _parts(source, table):
            target.execute(insert(table), _for_postgresql(table, rows) if _is_postgresql(target) else rows)
            n_done += len(rows)
            progress(n_done, n_rows)
        if _is_postgresql(target):
            _go_on_numbering(target, table)
    return counts


def check_empty(connection: Connection, tables: Sequence[Table]) -> None:
    """Raises ConflictError where a table has rows."""
    for table in tables:
        if connection.execute(select(literal_column("1")).select_from(table).limit(1)).first() is not None:
            raise ConflictError(
                f"the table {table.name!r} has rows already",
                where=connection.engine.url.render_as_string(hide_password=True),
                mend="Name a new, empty database.",
            )


def _parts(source: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    keys = [column.name for column in table.columns]
    query = select(table).order_by(*table.primary_key.columns)
    # A cursor of the server's: a table need not fit into memory.
    with source.execute(query.execution_options(yield_per=_ROWS)) as result:
        for rows in result.partitions():
            yield [dict(zip(keys, row, strict=True)) for row in rows]


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _for_postgresql(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    texts = [column.name for column in table.columns if isinstance(column.type, Text)]
    for row in rows:
        for name in texts:
            if row[name] is not None and _NUL in row[name]:
                row[name] = row[name].replace(_NUL, _NUL_SHOWN)
    return rows


def _go_on_numbering(target: Connection, table: Table) -> None:
    """Ids that were given are not given again."""
    column = table.autoincrement_column
    if column is None or not isinstance(column.type, Integer):
        return
    sequence = target.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
    ).scalar()
    highest = target.execute(select(func.max(column))).scalar()
    if sequence is not None and highest is not None:
        target.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
