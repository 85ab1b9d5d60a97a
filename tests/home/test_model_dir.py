import json
from collections.abc import Callable
from pathlib import Path

import pytest

from telltale.cli import main
from telltale.contract.errors import BundleError, ConflictError
from telltale.home import open_home
from telltale.home.model_path import bundle_at_model_path
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices

TASK = "helios/anomaly"
QUICK = TrainingChoices(estimator="robust_z")
Rows = Callable[..., dict[str, list[float]]]


@pytest.fixture
def rows(write_csv: Callable[..., Path], load_rows: Rows) -> Path:
    return write_csv("rows.csv", load_rows(800))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_versions_files_are_kept_in_model_dir(tmp_path: Path, rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", "models")
    with open_home() as home:
        version = home.train(TASK, data=rows, choices=QUICK).version

    assert version.path == tmp_path / "models" / "helios" / "anomaly" / "1"
    assert (version.path / "manifest.json").is_file()
    assert not list((tmp_path / ".telltale" / "artifacts").glob("*"))
    with open_home() as home:
        assert home.load(TASK)[0] == "helios/anomaly@1"


def test_a_home_that_is_named_keeps_its_files_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", "models")

    with open_home(tmp_path / "other") as home:
        assert home.folder.artifacts.root == tmp_path / "other" / "artifacts"


def test_two_homes_cannot_share_a_model_dir(tmp_path: Path) -> None:
    models = tmp_path / "models"
    open_folder(tmp_path / "one", artifacts=models).close()
    open_folder(tmp_path / "one", artifacts=models).close()

    with pytest.raises(ConflictError, match=r"holds the versions of .*one, not of .*two\. Give each home a MODEL_DIR"):
        open_folder(tmp_path / "two", artifacts=models)


def test_model_path_stands_for_the_versions_of_its_own_task(tmp_path: Path, rows: Path) -> None:
    with open_home(tmp_path / "home") as home:
        home.train(TASK, data=rows, choices=QUICK)
        trained = home.train(TASK, data=rows, choices=QUICK)
        home.write_training(trained, tmp_path / "bundle", save_data=False)
    settings = {"MODEL_PATH": str(tmp_path / "bundle")}

    assert bundle_at_model_path(TASK, settings) == str(tmp_path / "bundle")
    assert bundle_at_model_path("personhood/averages", settings) == ""
    assert bundle_at_model_path(TASK, {"MODEL_PATH": ""}) == ""
    with pytest.raises(BundleError, match=r"no manifest\.json.*Name a bundle's directory"):
        bundle_at_model_path(TASK, {"MODEL_PATH": str(tmp_path / "model.pth")})


def test_evaluate_takes_the_bundle_at_model_path_where_no_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_home() as home:
        trained = home.train(TASK, choices=QUICK)
        home.write_training(trained, tmp_path / "bundle", save_data=False)
    monkeypatch.setenv("MODEL_PATH", "bundle")

    assert main(["evaluate", TASK, "--json"]) in {0, 1}
    assert main(["evaluate", TASK, "--version", "1", "--json"]) in {0, 1}

    named, numbered = (json.loads(line)["version"] for line in capsys.readouterr().out.splitlines())
    assert (named, numbered) == (str(tmp_path / "bundle"), "helios/anomaly@1")
