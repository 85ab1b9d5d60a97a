"""Small homes to back up, and what is the same in a restored one."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.home.backup import Backup, back_up
from telltale.home.restore import Restored, restore
from telltale.registry.registry import Registry
from telltale.storage.folder import open_folder
from telltale.testing.registry_fixtures import promote, register

NOW = datetime(2026, 11, 30, 4, 12, tzinfo=UTC)
N_EVENTS = 500


def make_home(path: Path, *, artifacts: Path | None = None) -> Path:
    """A home with two versions, one champion, events, a recording, and an app's own database."""
    folder = open_folder(path, artifacts=artifacts)
    registry = Registry(folder.state, folder.artifacts)
    for number in (1, 2):
        register(registry, content=b'{"number":%d}' % number)
    promote(registry, 2)
    with folder.events.write() as connection:
        for number in range(N_EVENTS):
            connection.exec_driver_sql(
                'INSERT INTO event (app, event, entity, at_us, "values", received_us, source) VALUES (?, ?, ?, ?, ?, 0, ?)',
                ("check", "row", f"entity-{number % 7}", number, '{"load":1.5}', "test"),
            )
    folder.close()
    (path / "collected").mkdir()
    (path / "collected" / "host.ndjson").write_text('{"load":1}\n')
    with closing(sqlite3.connect(path / "relay.db")) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE cursor (height INTEGER);")
        connection.execute("INSERT INTO cursor VALUES (7)")
        connection.commit()
    return path


def save(home: Path, file: Path, *, artifacts: Path | None = None, url: str = "") -> Backup:
    """`back_up`, and nobody watches."""
    return back_up(home, file, artifacts=artifacts, url=url, progress=lambda *_: None)


def put_back(
    file: Path, home: Path, *, artifacts: Path | None = None, url: str = "", replace: bool = False
) -> Restored:
    """`restore`, and nobody watches."""
    return restore(file, home, artifacts=artifacts, url=url, replace=replace, now=NOW, progress=lambda *_: None)


def contents(home: Path) -> dict[str, Any]:
    """Every file of a home by its name; of a database, its rows."""
    found: dict[str, Any] = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and not name.endswith(("-wal", "-shm")):
            found[name] = rows(path) if path.suffix == ".db" else path.read_bytes()
    return found


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for (name,) in tables}  # noqa: S608
