from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.monitor.drift.watched import make_champion, train_alarm

from telltale.storage.folder import Folder, open_folder
from telltale.train.version import Trained


@pytest.fixture(scope="session")
def alarm(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A version of the small app's alarm."""
    return train_alarm(tmp_path_factory.mktemp("alarm") / "bundle")


@pytest.fixture
def folder(tmp_path: Path, alarm: Trained) -> Iterator[Folder]:
    """A home in which it is champion."""
    opened = open_folder(tmp_path / "home")
    make_champion(opened, alarm)
    yield opened
    opened.close()
