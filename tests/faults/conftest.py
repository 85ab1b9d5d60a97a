from pathlib import Path

import pytest
from tests.faults.homes import make_home, train_two

from telltale.serve.settings import ServeSettings
from telltale.train.version import Trained


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    """Two versions of helios/anomaly."""
    return train_two(tmp_path_factory.mktemp("fault-bundles"))


@pytest.fixture
def settings(tmp_path: Path, bundles: list[Trained]) -> ServeSettings:
    """A home in which both are registered and the first is champion."""
    return make_home(tmp_path / "home", bundles)
