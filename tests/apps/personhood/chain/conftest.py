from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.apps.personhood.chain.chopsticks import Chain, running_chain
from tests.apps.personhood.chain.scorer import Scorer, running_scorer


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One node for all: each test has a relay account of its own, and begins at the block where the chain stands."""
    with running_chain(tmp_path_factory.mktemp("chain")) as started:
        yield started


@pytest.fixture
def scorer() -> Iterator[Scorer]:
    with running_scorer() as started:
        yield started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("TELLTALE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
