"""What is watched of eyenet in service: latency, drift and quality by its predictions, its two alerts, and its report."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.apps.eyenet.test_routes import COLUMNS, Client
from tests.monitor.planted import plant_predictions

from telltale.apps.eyenet import ANOMALY, APP
from telltale.contract.app import App
from telltale.contract.simulation import Simulation
from telltale.monitor.alarm.rules import SERVICE_RULES, check_rules, limits_of
from telltale.monitor.alarms import Alarm, active_alarms
from telltale.monitor.drift.rule import LIMITS
from telltale.registry.registry import Registry
from telltale.retrain.drift_duties import check_drift
from telltale.retrain.duties import Desk
from telltale.storage.folder import open_folder
from telltale.telemetry.frames import ENTITY, LABEL, TIME
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated, rows_from_checked
from telltale.train.version import train_version

PREDICT, REPORTS = "/v1/eyenet/anomaly/predict", "/v1/reports"
N_ASKED = 240


def limited(**limits: float) -> App:
    return replace(APP, tasks=(replace(ANOMALY, alarm_limits=limits), *APP.tasks[1:]))


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a version serves that nobody has asked yet."""
    made = tmp_path_factory.mktemp("monitoring")
    checked = check_simulated(APP, "sample", Simulation(days=4, seed=1))
    trained = train_version(
        APP,
        ANOMALY,
        rows_from_checked("simulated", checked, ANOMALY, where="test"),
        TrainingChoices(estimator="robust_z"),
        directory=made / "bundle",
        progress=lambda *_: None,
    )
    home, now = open_folder(made / "home"), datetime.now(UTC) - timedelta(minutes=1)
    registry = Registry(home.state, home.artifacts)
    registry.register(
        "eyenet", "anomaly", bundle=trained.directory, sha256=trained.files.sha256, files=trained.files.files,
        estimator="robust_z", data_kind="simulated", outcome="pass", metrics={}, facts={}, actor="test", now=now,
    )  # fmt: skip
    registry.promote("eyenet", "anomaly", 1, actor="test", reason="first", now=now)
    home.close()
    return made / "home"


@pytest.fixture
def client(trained_home: Path, tmp_path: Path) -> Iterator[Client]:
    shutil.copytree(trained_home, tmp_path / "home")
    opened = Client(tmp_path / "home")
    yield opened
    opened.close()


def traffic(*, times: float = 1.0) -> pl.DataFrame:
    """Rows of a day that no training has seen, with all traffic so many times of what it is."""
    frame = check_simulated(APP, "sample", Simulation(days=1, seed=9), days_later=7.0).frame.sort(TIME)
    rows = frame.gather_every(29).head(N_ASKED)  # of every device by turns: five tell at a time
    return rows.with_columns(pl.col(name) * times for name in COLUMNS[:4])


def ask(client: Client, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Ask about rows one by one, and see them logged."""
    answers = []
    for device, at, *values in rows.select(ENTITY, TIME, *COLUMNS).rows():
        body = dict(zip(COLUMNS, values, strict=True)) | {"device_id": device, "timestamp": at.isoformat()}
        answer = client.ask("POST", PREDICT, body)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    client.edge.log.flush()
    return answers


def look(client: Client, app: App = APP) -> list[Alarm]:
    """What a worker finds when it looks for drift."""
    check_drift(Desk(folder=client.edge.folder, apps={"eyenet": app}), datetime.now(UTC))
    return active_alarms(client.edge.folder.state)


def report(client: Client) -> dict[str, Any]:
    answer = client.ask("POST", REPORTS, {"tasks": ["eyenet/anomaly"]})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_predictions_feed_the_series_of_latency_drift_and_quality(client: Client) -> None:
    rows = traffic()
    answers = ask(client, rows)
    labels = [
        {"prediction_id": answer["prediction_id"], "label": label}
        for answer, label in zip(answers, rows[LABEL], strict=True)
    ]
    assert client.ask("POST", "/v1/feedback", labels).status_code == 200
    look(client)

    (task,) = report(client)["details"]["tasks"]

    assert sum(part["n"] for part in task["buckets"]) == N_ASKED
    assert all(part["p50_ms"] > 0 for part in task["buckets"] if part["n"])
    [of_drift] = task["drift"]
    assert of_drift["version"] == 1
    assert of_drift["psi"] > 0
    [version] = task["versions"]
    assert (version["quality"]["n"], version["quality"]["n_labelled"]) == (N_ASKED, N_ASKED)
    flagged = sum(answer["is_anomaly"] for answer in answers)
    quality = version["quality"]
    assert quality["realised"]["precision"]["n"] == flagged if "precision" in quality["realised"] else flagged < N_ASKED


def test_a_report_has_the_promised_figures_and_is_stored(client: Client) -> None:
    ask(client, traffic(times=8.0))
    look(client)
    latencies = client.edge.folder.events.fetch("SELECT latency_us FROM prediction")
    latencies_ms = np.array([us for (us,) in latencies]) / 1_000

    made = report(client)

    assert {"timestamp", "time_range", "summary", "details"} <= set(made)
    span = {name: datetime.fromisoformat(at) for name, at in made["time_range"].items()}
    assert span["until"] - span["since"] == timedelta(days=7)
    summary = made["summary"]
    assert set(summary) == {"avg_latency", "p95_latency", "avg_drift", "alert_count"}
    assert summary["avg_latency"] == pytest.approx(latencies_ms.mean())
    assert summary["p95_latency"] == pytest.approx(np.quantile(latencies_ms, 0.95))
    assert summary["avg_drift"] == pytest.approx(made["details"]["tasks"][0]["avg_drift"])
    assert summary["alert_count"] == 1
    assert client.ask("GET", f"{REPORTS}/{made['id']}").json() == made
    [head] = client.ask("GET", REPORTS).json()
    assert head["summary"] == summary


@pytest.mark.parametrize(
    ("latency_ms", "limits", "words"),
    [
        (101.0, {}, "took 101.0 ms on average; the limit is 100 ms"),
        (99.0, {}, ""),
        (60.0, {"latency_mean_ms": 50.0}, "took 60.0 ms on average; the limit is 50 ms"),
    ],
)
def test_slow_predictions_are_told_by_the_limit_that_the_task_names(
    client: Client, latency_ms: float, limits: Mapping[str, float], words: str
) -> None:
    app = limited(**{**ANOMALY.alarm_limits, "latency_p99_ms": 1e6, **limits})
    folder, now = client.edge.folder, datetime.now(UTC)
    # What was slow before the last hundred is over.
    plant_predictions(folder.events, [900.0] * 30 + [latency_ms] * 100, now=now, app="eyenet")

    check_rules(folder, Registry(folder.state, folder.artifacts), {"eyenet": app}, now=now, rules=SERVICE_RULES)

    told = [alarm["what"] for alarm in client.ask("GET", "/v1/alarms").json()]
    assert len(told) == bool(words)
    if words:
        assert told[0].startswith(f"High prediction latency detected: the last 100 predictions {words}")


def test_traffic_that_is_eight_times_what_it_was_is_told_as_significant_drift_with_the_figure(client: Client) -> None:
    ask(client, traffic(times=8.0))

    (alarm,) = look(client)

    (task,) = report(client)["details"]["tasks"]
    avg_drift = task["drift"][-1]["psi"]
    assert alarm.name == "drift"
    assert avg_drift > 0.3
    assert alarm.what.startswith(
        f"Significant feature drift detected: mean PSI {avg_drift:.2f}, the limit is 0.3; version 1, {N_ASKED} rows: "
    )
    assert "bytes_in" in alarm.what


def test_drift_below_the_limit_that_the_task_names_is_told_without_that_word(client: Client) -> None:
    ask(client, traffic(times=8.0))

    (alarm,) = look(client, limited(drift_mean_psi=500.0))

    assert alarm.what.startswith("version 1, ")


def test_the_limits_of_both_alerts_are_data_of_the_task() -> None:
    assert ANOMALY.alarm_limits == {"latency_mean_ms": 100.0, "drift_mean_psi": 0.3}
    assert ANOMALY.alarm_limits.keys() <= {*limits_of(SERVICE_RULES[0], APP, "anomaly"), *LIMITS}
