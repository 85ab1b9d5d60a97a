from collections.abc import Iterator
from pathlib import Path

import pytest

from telltale.storage import sqlite_database
from telltale.storage.folder import Folder, open_folder
from telltale.storage.migrate import upgrade


@pytest.fixture(scope="module", autouse=True)
def _new_databases_are_migrated() -> Iterator[None]:
    """Here the migrations are what is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_database, "upgrade", upgrade)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    opened = open_folder(tmp_path / "home")
    yield opened
    opened.close()
