from collections.abc import Iterator
from pathlib import Path

import pytest

from telltale.storage.folder import Folder, open_folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An empty home."""
    opened = open_folder(tmp_path / "home")
    yield opened
    opened.close()
