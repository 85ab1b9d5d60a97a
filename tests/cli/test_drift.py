"""`telltale drift` and `telltale replay` in a home whose champion answered a day of requests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.faults.homes import make_home, train_two

from telltale.apps.helios import APP
from telltale.cli import main
from telltale.contract.simulation import Simulation
from telltale.models.runtimes import score_runtime
from telltale.monitor.prediction_log import Record, ServedVersion, write_predictions
from telltale.storage.folder import open_folder
from telltale.train.sources import check_simulated
from telltale.train.version import Trained

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    return train_two(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def home(tmp_path: Path, trained: list[Trained]) -> Path:
    make_home(tmp_path / "home", trained)
    return tmp_path / "home"


def answer(home: Path, trained: Trained, *, factor: float = 1.0) -> None:
    """Log a day of answers that ended just now, to rows sent one by one whose latency is `factor` times the usual."""
    runtime = score_runtime(trained.directory)
    start = datetime.now(UTC) - timedelta(hours=23)
    checked = check_simulated(APP, "metrics", Simulation(days=0.9, seed=1, start=start))
    rows = checked.frame.with_columns(pl.col("p95_latency_ms") * factor)
    served = ServedVersion(app="helios", task="anomaly", version=1, role="champion", columns=runtime.columns)
    records: list[Record] = []
    for number, row in enumerate(rows.iter_rows(named=True)):
        values, at_s = [row[name] for name in runtime.columns], row["@time"].timestamp()
        said = runtime.answer_row(values, at_s, row["@entity"])
        records.append((served, f"p{number}", values, at_s, row["@entity"], said, 40e-6, at_s + 0.1))
    folder = open_folder(home)
    with folder.events.write() as connection:
        write_predictions(connection, records)
    folder.close()


@pytest.mark.slow
def test_what_moved_is_told_with_interval_and_both_windows(
    home: Path, trained: list[Trained], in_home: Command, tmp_path: Path
) -> None:
    answer(home, trained[0], factor=3.0)

    status, found = in_home(home, "drift", "helios/anomaly", "-o", str(tmp_path / "drift.png"))

    assert status == 0
    assert found["drift"]["drifted"] is True
    features = {one["name"]: one for one in found["drift"]["features"]}
    moved = features["p95_latency_ms"]
    assert moved["drifted"] is True
    assert 0 < moved["low"] < moved["shift"] < moved["high"]
    assert moved["psi"] > 0.3
    assert features["score of a row alone"]["n"] == found["drift"]["n_rows"]
    assert features["score"]["why"].startswith("0 values")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_people_read_a_table_and_what_to_do(
    home: Path, trained: list[Trained], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(home, trained[0], factor=3.0)
    monkeypatch.setenv("TELLTALE_HOME", str(home))

    assert main(["drift", "helios/anomaly"]) == 0

    told = capsys.readouterr().out
    assert "p95_latency_ms" in told
    assert "held against 1,152 rows" in told
    assert "Next: correct the source of p95_latency_ms" in told
    assert main(["drift", "helios/anomaly", "--since", "1m"]) == 0
    assert "fewer than 50 logged requests" in capsys.readouterr().out


def test_the_classic_limit_of_the_settings_decides(
    home: Path, trained: list[Trained], in_home: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(home, trained[0], factor=3.0)
    monkeypatch.setenv("DRIFT_LIMIT", "1000")

    assert in_home(home, "drift", "helios/anomaly")[1]["drift"]["drifted"] is False


def test_a_task_without_a_champion_is_refused(home: Path, in_home: Command) -> None:
    status, told = in_home(home, "drift", "pakit/compression")

    assert status == 2
    assert "champion" in told["error"]["what"]


def test_replay_exits_with_one_where_an_answer_does_not_come_out(
    home: Path, trained: list[Trained], in_home: Command, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(home, trained[0])
    status, replayed = in_home(home, "replay", "helios/anomaly")
    assert (status, replayed["n_differing"]) == (0, 0)
    assert replayed["n_same"] == replayed["n"] > 200
    folder = open_folder(home)
    with folder.events.write() as connection:
        connection.exec_driver_sql("UPDATE prediction SET score = score * 1.01 WHERE id = 'p7'")
    folder.close()

    status, replayed = in_home(home, "replay", "helios/anomaly", "--version", "1", "--limit", "1000")

    assert status == 1
    assert [one["prediction_id"] for one in replayed["differing"]] == ["p7"]
    monkeypatch.setenv("TELLTALE_HOME", str(home))
    assert main(["replay", "helios/anomaly"]) == 1
    assert "Next: look one up with GET /v1/predictions/p7" in capsys.readouterr().out
