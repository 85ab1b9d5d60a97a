"""Backups out of PostgreSQL and into it: the file is the same, and so is the home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from tests.home.backup_homes import contents, make_home, put_back, rows, save
from tests.telemetry.postgresql import postgresql_server

from telltale.contract.errors import ConflictError

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as address:
        yield address


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty database."""
    yield server
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS telltale_state, telltale_events CASCADE"))
    engine.dispose()


def test_a_home_moves_to_postgresql_and_back_and_is_the_same(url: str, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    save(home, tmp_path / "sqlite.tar")

    there = put_back(tmp_path / "sqlite.tar", tmp_path / "there", url=url).home
    made = save(there, tmp_path / "postgresql.tar", url=url)
    back = put_back(tmp_path / "postgresql.tar", tmp_path / "back").home

    assert sorted(path.name for path in there.iterdir()) == ["artifacts", "collected", "relay.db"]
    assert (made.damaged, made.n_versions, made.revisions) == ([], 2, {"state": "0004", "events": "0007"})
    assert contents(back) == contents(home)


def test_a_database_with_rows_is_not_restored_into(url: str, tmp_path: Path) -> None:
    save(make_home(tmp_path / "home"), tmp_path / "backup.tar")
    put_back(tmp_path / "backup.tar", tmp_path / "first", url=url)

    with pytest.raises(ConflictError, match="new, empty database"):
        put_back(tmp_path / "backup.tar", tmp_path / "second", url=url)

    assert not (tmp_path / "second").exists()


def test_what_cannot_be_put_in_its_place_is_not_in_the_database_either(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(make_home(tmp_path / "home"), tmp_path / "backup.tar")

    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("telltale.home.placing.Place.put", fail)
    with pytest.raises(Exception, match="Permission denied"):
        put_back(tmp_path / "backup.tar", tmp_path / "there", url=url)

    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM telltale_events.event")).scalar_one() == 0
    engine.dispose()


def test_ids_go_on_after_a_move(url: str, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    save(home, tmp_path / "backup.tar")
    put_back(tmp_path / "backup.tar", tmp_path / "there", url=url)

    engine = create_engine(url)
    insert = (
        'INSERT INTO telltale_events.event (app, event, entity, at_us, "values", received_us, source) '
        "VALUES ('check', 'row', 'new', 0, '{}', 0, 'test') RETURNING id"
    )
    with engine.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
    engine.dispose()

    assert made == max(row[0] for row in rows(home / "events.db")["event"]) + 1
