from pathlib import Path

import pytest

from telltale.registry.registry import Registry
from telltale.testing.registry_fixtures import FolderRegistry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return FolderRegistry(tmp_path / "home")()
