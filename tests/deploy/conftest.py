import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deploy.containers import REPOSITORY, Image, build, layers, why_not_here
from tests.deploy.dockerfile import Stage, read_dockerfile

from telltale.home import open_home
from telltale.train.fitted import TrainingChoices


@pytest.fixture(scope="session")
def stages() -> list[Stage]:
    """The Dockerfile, read."""
    return read_dockerfile(REPOSITORY / "deploy" / "Dockerfile")


@pytest.fixture(scope="session")
def image(stages: list[Stage], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """What the Dockerfile makes, as far as Linux alone can make it."""
    if why := why_not_here():
        pytest.skip(f"no container can be run: {why}")
    with layers(tmp_path_factory.mktemp("layers")) as (keeper, folder):
        yield build(stages, keeper, folder, REPOSITORY)


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Path, Path]:
    """Folders for /var/lib/telltale and /app/models, made as an engine makes those of named volumes."""
    found = tmp_path / "home", tmp_path / "models"
    for folder in found:
        folder.mkdir(mode=0o700)
    return found


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion of helios/anomaly; `home_with_champion` is a copy of it."""
    path = tmp_path_factory.mktemp("trained") / "home"
    with open_home(path) as home:
        home.train("helios/anomaly", choices=TrainingChoices(estimator="robust_z"))
        home.promote("helios/anomaly", "1", actor="test", reason="first", override=True)
    return path


@pytest.fixture
def home_with_champion(trained_home: Path, tmp_path: Path) -> Path:
    """A home with a champion of helios/anomaly, for one test alone."""
    return shutil.copytree(trained_home, tmp_path / "champion")
