"""The registry of models as a user has it: versions trained by the command line, and their documents over HTTP."""

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.apps.eyenet.test_routes import DEPLOY, Client

from telltale.cli import main

MODELS = "/v1/eyenet/models"
TRAIN = ("train", "eyenet/anomaly", "--data", "rows.csv", "--estimator")


def command(*arguments: str) -> Any:
    """What a command says with `--json`."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main((*arguments, "--json"))
    assert status in {0, 1}, said.getvalue()
    return json.loads(said.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two versions that nobody has promoted, and what `train` said of them."""
    made = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setenv("TELLTALE_HOME", str(made / "home"))
        assert main(("simulate", "eyenet/sample", "--rows", "3000", "--seed", "1", "-o", "rows.csv")) == 0
        said = [command(*TRAIN, "robust_z", "--seed", "5"), command(*TRAIN, "isolation_forest")]
        (made / "said.json").write_text(json.dumps(said))
    return made


@pytest.fixture
def client(folder: Path, tmp_path: Path) -> Iterator[Client]:
    shutil.copytree(folder / "home", tmp_path / "home")
    opened = Client(tmp_path / "home")
    yield opened
    opened.close()


def documents(client: Client) -> list[dict[str, Any]]:
    answer = client.ask("GET", MODELS)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["models"]
    return found


def deploy(client: Client, version: int) -> None:
    answer = client.ask("POST", DEPLOY, {"version": version, "override": True, "reason": "to see it serve"})
    assert answer.status_code == 200, answer.text


def test_a_trained_version_is_kept_as_a_document_with_the_next_number(client: Client, folder: Path) -> None:
    said = json.loads((folder / "said.json").read_text())

    found = documents(client)

    assert [one["version"] for one in found] == [one["version"] for one in said] == [1, 2]
    for one, told in zip(found, said, strict=True):
        assert set(one) == {"version", "timestamp", "metrics", "config", "status", "artifact_path"}
        assert one["status"] == "staging"
        assert one["metrics"] == told["metrics"]
        assert 0 <= (datetime.now(UTC) - datetime.fromisoformat(one["timestamp"])).total_seconds() < 600
    assert (found[0]["config"]["estimator"], found[0]["config"]["seed"]) == ("robust_z", 5)
    assert found[0]["config"]["parameters"]["floor"] > 0
    assert found[1]["config"]["estimator"] == "isolation_forest"
    assert found[1]["config"]["threshold"] is not None


def test_the_path_leads_to_the_files_below_all_artifacts(client: Client) -> None:
    root = client.edge.folder.artifacts.root

    for one in documents(client):
        assert not Path(one["artifact_path"]).is_absolute()
        manifest = json.loads((root / one["artifact_path"] / "manifest.json").read_bytes())
        assert manifest["estimator"] == one["config"]["estimator"]


def test_the_one_in_production_is_told_and_the_one_before_it_is_archived(client: Client) -> None:
    nobody = client.ask("GET", f"{MODELS}/production")
    deploy(client, 1)
    first = client.ask("GET", f"{MODELS}/production").json()
    deploy(client, 2)

    assert (nobody.status_code, nobody.json()["type"]) == (404, "urn:telltale:not-found")
    assert (first["version"], first["status"]) == (1, "production")
    assert client.ask("GET", f"{MODELS}/production").json() == documents(client)[1]
    assert [one["status"] for one in documents(client)] == ["archived", "production"]


def test_a_version_is_told_by_its_number_and_the_newest_by_that(client: Client) -> None:
    assert client.ask("GET", f"{MODELS}/1").json() == documents(client)[0]
    assert client.ask("GET", f"{MODELS}/latest").json()["version"] == 2

    refused = client.ask("GET", f"{MODELS}/9")

    assert (refused.status_code, refused.json()["type"]) == (404, "urn:telltale:not-found")
    assert "1" in refused.json()["mend"]


def test_a_challenger_is_staging_and_a_retired_one_archived(client: Client) -> None:
    deploy(client, 1)
    registry, now = client.context.registry, datetime.now(UTC)

    registry.assign("eyenet", "anomaly", 2, role="shadow", actor="test", reason="beside", now=now)
    beside = [one["status"] for one in documents(client)]
    registry.retire("eyenet", "anomaly", 2, actor="test", reason="no better", now=now)

    assert beside == ["production", "staging"]
    assert [one["status"] for one in documents(client)] == ["production", "archived"]


def test_a_version_whose_files_are_gone_is_told_without_them(client: Client) -> None:
    deploy(client, 1)
    registry, now = client.context.registry, datetime.now(UTC)
    registry.retire("eyenet", "anomaly", 2, actor="test", reason="no better", now=now)
    registry.sweep("eyenet", "anomaly", keep=0, max_age_days=0, now=now)

    gone = documents(client)[1]

    assert (gone["status"], gone["config"], gone["artifact_path"]) == ("archived", None, None)
    assert gone["metrics"]


def test_a_card_that_is_not_there_is_wrong_use_with_the_mend(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch", reason="the extra [neural] is not installed")
    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TELLTALE_HOME", str(folder / "home"))

    status = main((*TRAIN, "lstm", "--device", "cuda"))

    assert status == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "no CUDA card" in told
    assert "--device cpu" in told
