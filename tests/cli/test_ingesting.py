"""`telltale ingest` from a database: named columns, a mapping, what is set aside, and nothing twice."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import main

MAPPING = """
rest = "drop"
[columns]
user_id = "customer"
item_id = "sku"
quantity = "n"
unit_price = { column = "cents", scale = 0.01 }
timestamp = { column = "at", time = "epoch_s" }
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as connection:
        connection.execute("CREATE TABLE sales (customer INT, sku TEXT, n INT, cents INT, at INT)")
        rows = [(number % 5, f"i{number}", 1, 250, 1_741_000_000 + 60 * number) for number in range(30)]
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", [*rows, (1, "x", 1, -5, 1_741_000_000)])
    connection.close()
    Path("sales.toml").write_text(MAPPING)
    return tmp_path


def ingest(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["ingest", "storefront/order", *arguments, "--json"]) == status
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_table_is_stored_by_a_mapping_once_and_bad_rows_are_set_aside(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [ingest(capsys, "sqlite:///shop.db", "--table", "sales", "--map", "sales.toml") for _ in range(2)]

    assert [(one["read"], one["stored"], one["already_stored"], one["quarantined"]) for one in told] == [
        (31, 30, 0, 1),
        (31, 0, 30, 1),
    ]
    assert [(row["line"], row["reason"]) for row in told[0]["reasons"]] == [
        (31, "unit_price -0.05 is below the limit 0")
    ]


def test_a_query_names_the_columns_itself(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = (
        "SELECT customer AS user_id, sku AS item_id, n AS quantity, cents / 100.0 AS unit_price, at AS timestamp "
        "FROM sales WHERE cents > 0"
    )
    assert main(["ingest", "storefront/order", "sqlite:///shop.db", "--query", query]) == 0

    shown = capsys.readouterr().out
    assert "30 rows read: 30 accepted, 0 quarantined." in shown
    assert "30 rows stored, 0 were stored already." in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sqlite:///shop.db",), "it takes a table or a query"),
        (("sqlite:///shop.db", "--table", "sales"), "are missing"),
        (("sqlite:///none.db", "--table", "sales"), "there is no such file"),
        (("sales.csv", "--table", "sales"), "--table and --query are for a database"),
        (("sales.csv", "--since", "since"), "--since, --fresh and --now are for an address"),
        (("mysql://host/shop", "--table", "sales"), "--table and --query are for a database"),
    ],
)
def test_wrong_use_is_told(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    told = ingest(capsys, *arguments, status=2)

    assert message in str(told["error"])
