"""A bundle of every task with every file of it damaged, by path: said plainly, and nothing is written."""
# ruff: noqa: PLR0917 - fixtures are given by name

import shutil
from pathlib import Path

import pytest
from tests.cli.damage import damage

from telltale.cli import main
from telltale.contract.app import App, Task
from telltale.home.apps import installed_apps
from telltale.models.bundle import load_bundle

pytestmark = pytest.mark.slow

TASKS = [(app, task) for app in installed_apps().values() for task in app.tasks]


def _name(value: object) -> str:
    return getattr(value, "name", str(value))


of_every_task = pytest.mark.parametrize(("app", "task"), TASKS, ids=_name)


@pytest.fixture(autouse=True)
def _in_home(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELLTALE_HOME", str(own_home))


@of_every_task
@pytest.mark.parametrize("how", ["gone", "empty", "torn", "noise", "other", "foreign"])
def test_a_bundle_with_a_damaged_file_is_refused_in_plain_words(
    own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], app: App, task: Task, how: str
) -> None:
    artifacts = own_home / "artifacts"
    whole = artifacts / app.name / task.name / "1"
    strangers = sorted(path for path in artifacts.glob("*/*/1") if path != whole)
    main(["simulate", f"{app.name}/{task.event}", "-o", "rows.ndjson", "--rows", "60"])
    files = sorted(path.name for path in whole.iterdir())
    assert {"manifest.json", "arrays.safetensors"} <= set(files)

    if how == "foreign":
        files = [file for file in files if any((path / file).is_file() for path in strangers)]
        if not _holds_a_model(whole):
            files.remove("arrays.safetensors")

    for file in files:
        bundle = tmp_path / file / "bundle"
        shutil.copytree(whole, bundle)
        damage(bundle / file, how, strangers)
        capsys.readouterr()
        status = main(
            ["score", f"{app.name}/{task.name}", "--version", str(bundle), "--data", "rows.ndjson", "-o", "out"]
        )
        told = capsys.readouterr().err

        assert status in {2, 3}, (file, told)
        assert "Traceback" not in told
        assert len(told.strip()) > 20
        assert not Path("out").exists()


def _holds_a_model(bundle: Path) -> bool:
    """Whether its arrays are of the model; a forest is all in its graph, and other rows' hashes are no fault of it.

    Those of a version in the registry are known by the hash of the file.
    """
    return bool(load_bundle(bundle).parts.arrays)
