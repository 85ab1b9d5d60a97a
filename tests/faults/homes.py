"""A home with two versions of helios/anomaly that score differently, made without pytest, for long runs too."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.simulation import Simulation
from telltale.registry.registry import Registry
from telltale.serve.settings import ServeSettings
from telltale.storage.folder import open_folder
from telltale.train.fitted import TrainingChoices
from telltale.train.sources import check_simulated
from telltale.train.version import Trained, TrainingRows, train_version

PREDICT = "/v1/helios/anomaly/predict"
EVENTS = "/v1/helios/events"
FEEDBACK = "/v1/feedback"
ROW: dict[str, Any] = {
    "timestamp": "2024-01-03T14:30:00Z",
    "service": "checkout",
    "event_count": 1000,
    "error_rate": 0.01,
    "p50_latency_ms": 42.5,
    "p95_latency_ms": 100.25,
    "p99_latency_ms": 130.75,
}
FLUSH_S = 0.25


def train_two(folder: Path) -> list[Trained]:
    """Two versions, each of an estimator of its own."""
    checked = check_simulated(APP, ANOMALY.event, Simulation(days=4, seed=1))
    data = TrainingRows(
        kind="simulated", train=checked.frame[:864], held_out=checked.frame[864:], columns=checked.columns
    )
    return [
        train_version(
            APP, ANOMALY, data, TrainingChoices(estimator=name), directory=folder / name, progress=lambda *_: None
        )
        for name in ("robust_z", "isolation_forest")
    ]


def make_home(path: Path, trained: list[Trained]) -> ServeSettings:
    """A home in which both are registered and the first is champion; what a server of it is started with."""
    folder = open_folder(path)
    registry = Registry(folder.state, folder.artifacts)
    now = datetime.now(UTC)
    for one in trained:
        registry.register(
            one.manifest.app,
            one.manifest.task,
            bundle=one.directory,
            sha256=one.files.sha256,
            files=one.files.files,
            estimator=one.manifest.estimator,
            data_kind="simulated",
            outcome="pass",
            metrics={},
            facts={},
            actor="test",
            now=now,
        )
    registry.promote("helios", "anomaly", 1, actor="test", reason="first", now=now)
    folder.close()
    return ServeSettings(home=str(path), apps=("telltale.apps.helios:APP",), flush_s=FLUSH_S, refresh_s=0.1)
