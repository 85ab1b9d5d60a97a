"""Rows of real databases: an SQLite file, and a PostgreSQL server where one can be started."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import create_engine, text
from tests.telemetry.postgresql import PASSWORD, postgresql_server

from telltale.contract.errors import NotFoundError, SchemaError, TelltaleError, UnavailableError, UsageError
from telltale.telemetry.frames import LINE
from telltale.telemetry.sql_rows import read_sql, told_database

ORDERS = [(f"u{n % 3}", f"i{n}", f"2025-03-03 10:00:{n:02d}", n + 1, 2.5 * n) for n in range(25)]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE orders (user_id TEXT, item_id TEXT, timestamp TEXT, quantity INT, unit_price REAL)"
        )
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", ORDERS)
        connection.execute("CREATE TABLE empty (user_id TEXT)")
    connection.close()
    return path


def rows_of(url: str, *, table: str = "", query: str = "", chunk_rows: int = 10) -> pl.DataFrame:
    return pl.concat([part.frame for part in read_sql(url, table=table, query=query, chunk_rows=chunk_rows)])


def test_a_table_is_read_in_parts_whose_rows_are_numbered_through(shop: Path) -> None:
    parts = list(read_sql(f"sqlite:///{shop}", table="orders", chunk_rows=10))

    assert [part.frame.height for part in parts] == [10, 10, 5]
    assert pl.concat([part.frame for part in parts])[LINE].to_list() == list(range(1, 26))
    assert pl.concat([part.frame for part in parts]).drop(LINE).rows() == ORDERS
    assert {part.source for part in parts} == {f"sqlite:///{shop} table orders"}


def test_a_query_is_taken_as_it_is_written(shop: Path) -> None:
    query = "SELECT user_id, ':x' || '%' AS sign, timestamp FROM orders WHERE timestamp < '2025-03-03 10:00:02';"

    assert rows_of(f"sqlite:///{shop}", query=query).drop(LINE).rows() == [
        ("u0", ":x%", "2025-03-03 10:00:00"),
        ("u1", ":x%", "2025-03-03 10:00:01"),
    ]


def test_a_table_without_rows_is_a_part_without_rows(shop: Path) -> None:
    (part,) = read_sql(f"sqlite:///{shop}", table="empty")

    assert (part.columns, part.frame.height) == (("user_id",), 0)


@pytest.mark.parametrize(
    "query", ["DELETE FROM orders", "DROP TABLE orders", "INSERT INTO empty VALUES ('x') RETURNING user_id"]
)
def test_nothing_can_be_written(shop: Path, query: str) -> None:
    before = shop.read_bytes()

    with pytest.raises(UsageError, match="readonly database"):
        rows_of(f"sqlite:///{shop}", query=query)
    assert shop.read_bytes() == before


@pytest.mark.parametrize(
    ("table", "query", "error", "message"),
    [
        ("", "", UsageError, r"it takes a table or a query\. Add --table"),
        ("orders", "SELECT 1", UsageError, "it takes a table or a query"),
        ("order", "", NotFoundError, "there is no table 'order'"),
        ("", "SELECT nothing_such FROM orders", UsageError, "no such column"),
        ("", "SELEC 1", UsageError, "syntax error"),
        ("", "SELECT 1 AS a, 2 AS a", SchemaError, r"columns \['a'\] appear twice"),
        ("", 'SELECT 1 AS "@x"', SchemaError, "begin with @"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_mend(
    shop: Path, table: str, query: str, error: type[TelltaleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        list(read_sql(f"sqlite:///{shop}", table=table, query=query))


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        list(read_sql(f"sqlite:///{tmp_path / 'none.db'}", table="orders"))
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_text("user_id,item_id\n" * 100)

    with pytest.raises(TelltaleError, match="not a database"):
        list(read_sql(f"sqlite:///{path}", table="orders"))


def test_other_databases_and_broken_addresses_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'mysql' is not known\. Known: postgresql, sqlite"):
        list(read_sql("mysql://host/shop", table="orders"))
    with pytest.raises(UsageError, match="no address of a database"):
        list(read_sql("sqlite//", table="orders"))


def test_the_address_is_told_without_user_password_and_options() -> None:
    told = told_database("postgresql+psycopg://anna:secret@db/shop?password=other", table="public.orders")

    assert told == "postgresql://db/shop table public.orders"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    with postgresql_server() as address:
        engine = create_engine(address)
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TABLE orders (id uuid DEFAULT gen_random_uuid(), user_id text, at timestamptz, local timestamp,"
                    " price numeric(10, 2), day date, done boolean, n bigint, tags text[])"
                )
            )
            insert = text(
                "INSERT INTO orders (user_id, at, local, price, day, done, n, tags) SELECT 'u' || n, "
                "timestamptz '2025-03-03 10:00:00+02' + n * interval '1 minute', timestamp '2025-03-03 10:00:00', n / 4.0, "
                "date '2025-03-03', n % 2 = 0, n, ARRAY['a', 'b'] FROM generate_series(0, 24) AS n"
            )
            connection.execute(insert)
            connection.execute(
                text("CREATE SEQUENCE counter; CREATE SCHEMA admin; CREATE TABLE admin.users (user_id text)")
            )
        engine.dispose()
        yield address


@pytest.mark.slow
def test_values_of_postgresql_become_those_of_json(postgresql: str) -> None:
    frame = rows_of(postgresql, query="SELECT * FROM orders ORDER BY n", chunk_rows=10)
    row = frame.row(1, named=True)

    assert frame.height == 25
    assert datetime.fromisoformat(row["at"]) == datetime(2025, 3, 3, 8, 1, tzinfo=UTC)
    assert row["local"] == "2025-03-03T10:00:00+00:00"
    assert (row["price"], row["day"], row["done"], row["n"], list(row["tags"])) == (
        0.25,
        "2025-03-03",
        False,
        1,
        ["a", "b"],
    )
    assert len(row["id"]) == 36
    assert rows_of(postgresql, table="orders").height == 25
    assert rows_of(postgresql, table="admin.users").height == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM orders", "syntax error"),
        ("WITH gone AS (DELETE FROM orders RETURNING user_id) SELECT * FROM gone", "data-modifying"),
        ("SELECT nextval('counter') AS user_id", "read-only transaction"),
    ],
)
def test_nothing_can_be_written_to_postgresql(postgresql: str, query: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"{message}.*it may only read"):
        rows_of(postgresql, query=query)
    assert rows_of(postgresql, table="orders").height == 25


@pytest.mark.slow
def test_faults_of_postgresql_are_told_without_the_password(postgresql: str) -> None:
    wrong = postgresql.replace(PASSWORD, "wrong-password")
    for url, table, error in (
        (wrong, "orders", UnavailableError),
        (postgresql.replace("/postgres", "/nowhere"), "orders", TelltaleError),
        (postgresql, "nowhere", NotFoundError),
    ):
        with pytest.raises(error) as raised:
            rows_of(url, table=table)
        told = f"{raised.value} {raised.value.__cause__}"
        assert PASSWORD not in told
        assert "wrong-password" not in told
    with pytest.raises(UsageError, match="does not exist"):
        rows_of(postgresql, query="SELECT nothing_such FROM orders")


def test_a_server_that_is_not_there_is_not_available() -> None:
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")

    with pytest.raises(UnavailableError, match="cannot be read"):
        list(read_sql(f"postgresql://anna:{PASSWORD}@127.0.0.1:9/shop", table="orders"))
