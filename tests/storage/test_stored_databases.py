"""Homes as earlier code wrote them, one for each revision of the tables that there was, opened by today's."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.faults.clients import Connection
from tests.storage.stored_homes import NAMES, NEWEST, OLDEST, archive_of, told, unpacked

from telltale.cli import main
from telltale.contract.errors import ConflictError
from telltale.home.apps import app_references
from telltale.home.restore import restore
from telltale.serve.server import start_background
from telltale.serve.settings import ServeSettings
from telltale.storage.database import open_database
from telltale.storage.migrate import LATEST, scripts
from telltale.storage.tables import METADATA

pytestmark = pytest.mark.sqlite
TASK = "helios/anomaly"
FIRST = "0001"  # code of then has to be stopped before its tables are migrated, as docs/upgrade.md says


class Stored:
    """A kept home, unpacked as it was and restored by today's code."""

    def __init__(self, name: str, folder: Path) -> None:
        self.told = told(name)
        self.before = unpacked(name, folder / "before")
        self.home = folder / "home"
        restore(archive_of(name), self.home, now=datetime.now(UTC), progress=lambda *_: None)


@pytest.fixture(scope="module", params=NAMES)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(request.param, tmp_path_factory.mktemp("stored"))


def test_every_revision_before_the_newest_has_a_kept_home() -> None:
    documents = [told(name) for name in NAMES]

    for schema, latest in LATEST.items():
        kept = {document["revisions"][schema] for document in documents}
        assert kept | {latest} == {revision.revision for revision in scripts(schema).walk_revisions()}


def test_it_is_brought_to_todays_tables_and_loses_no_row(stored: Stored) -> None:
    for schema in METADATA:
        before, after = stored.before / f"{schema}.db", stored.home / f"{schema}.db"
        tables = _tables(before)

        assert "alembic_version" in tables
        assert set(METADATA[schema].tables) <= set(_tables(after))
        assert _rows(after, "alembic_version", ["version_num"]) == [(LATEST[schema],)]
        for table in tables - {"alembic_version"}:
            columns = _columns(before, table)
            rows = _rows(before, table, columns)
            assert rows, f"{table} was kept empty"
            assert _rows(after, table, columns) == rows, table
        with closing(sqlite3.connect(after)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_code_of_before_can_go_on_writing_into_todays_tables(stored: Stored) -> None:
    """What a server of the release before needs while it is replaced: every column it names, and no other to be filled."""
    for schema in METADATA:
        for table in _tables(stored.before / f"{schema}.db"):
            before = set(_columns(stored.before / f"{schema}.db", table))
            with closing(sqlite3.connect(stored.home / f"{schema}.db")) as connection:
                after = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            must_be_filled = {
                name for _, name, _, not_null, default, is_key in after if not_null and default is None and not is_key
            }

            assert before <= {column[1] for column in after}, table
            if stored.told["revisions"][schema] != FIRST:
                assert must_be_filled <= before, table


def test_its_versions_and_history_are_listed(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(stored.home))
    documents = []
    for verb in ("versions", "history"):
        assert main([verb, TASK, "--json"]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    versions, moves = documents[0]["versions"], documents[1]["moves"]

    assert {version["number"]: version["role"] for version in versions} == {1: "champion", 2: "none"}
    assert [(move["action"], move["number"], move["role_to"]) for move in moves] == [
        ("register", 1, "none"),
        ("promote", 1, "champion"),
        ("register", 2, "none"),
        ("promote", 1, "none"),
        ("promote", 2, "champion"),
        ("rollback", 2, "none"),
        ("rollback", 1, "champion"),
    ]


def test_its_champion_scores_rows_as_it_did(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLTALE_HOME", str(stored.home))
    rows = stored.told["rows"]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)

    assert main(["score", TASK, "--data", str(tmp_path / "rows.csv"), "-o", str(tmp_path / "scores.csv")]) == 0
    with (tmp_path / "scores.csv").open() as file:
        scored = list(csv.DictReader(file))
    assert np.allclose([float(row["score"]) for row in scored], stored.told["scores"], rtol=1e-6, atol=0)
    assert [row["decision"].lower() in {"true", "1"} for row in scored] == stored.told["decisions"]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("name", [OLDEST, NEWEST])
def test_a_server_of_today_answers_as_the_server_did(name: str, tmp_path: Path) -> None:
    stored = Stored(name, tmp_path)
    settings = ServeSettings(home=str(stored.home), apps=app_references(), operator_key="of today")

    with start_background(settings) as server, Connection(server.url) as connection:
        answer = connection.post(f"/v1/{TASK}/predict", stored.told["body"], x_api_key="of today")
        label = {"prediction_id": stored.told["prediction_id"], "label": 0}
        labelled = connection.post("/v1/feedback", label, x_api_key="of today")

    assert answer.status == 200
    expected = stored.told["answer"]
    assert np.isclose(answer.body["score"], expected["score"], rtol=1e-6, atol=0)
    assert {name: answer.body[name] for name in ("decision", "version")} == {
        name: expected[name] for name in ("decision", "version")
    }
    assert labelled.body == {"accepted": 1}


def test_a_newer_revision_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for schema in METADATA:
        path = tmp_path / f"{schema}.db"
        open_database(path, schema=schema).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
        before = path.read_bytes()

        with pytest.raises(ConflictError, match=r"9999.*Upgrade telltale-loop"):
            open_database(path, schema=schema)

        assert path.read_bytes() == before


def _tables(database: Path) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute(query)}


def _columns(database: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _rows(database: Path, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    named = ", ".join(f'"{column}"' for column in columns)
    with closing(sqlite3.connect(database)) as connection:
        return sorted(connection.execute(f'SELECT {named} FROM "{table}"'), key=repr)  # noqa: S608
