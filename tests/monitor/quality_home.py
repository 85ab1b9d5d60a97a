"""A home whose versions of helios/anomaly have answered, with what turned out to be true at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray

from telltale.apps.helios import ANOMALY, APP
from telltale.contract.answer import ScoreAnswer
from telltale.contract.simulation import Simulation
from telltale.models.runtimes import load_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.monitor.feedback import FeedbackRow, write_feedback
from telltale.monitor.prediction_log import Record, ServedVersion, write_predictions
from telltale.monitor.shadow_log import ShadowRecord, write_shadows
from telltale.registry.registry import Registry
from telltale.registry.versions import Version
from telltale.storage.folder import Folder
from telltale.storage.instants import to_us
from telltale.train.fitted import TrainingChoices
from telltale.train.prepared import labels_of
from telltale.train.sources import check_simulated, rows_simulated
from telltale.train.version import Trained, train_version

START = datetime(2026, 3, 2, tzinfo=UTC)
THRESHOLD = 0.5


@dataclass(frozen=True)
class Scored:
    """Rows as a version scores them, and what is true of them; shape (n,) each."""

    scores: NDArray[np.float64]
    labels: NDArray[np.integer]
    threshold: float = THRESHOLD

    @property
    def decisions(self) -> NDArray[np.bool_]:
        """What is decided."""
        return self.scores >= self.threshold


@cache
def trained_helios(seed: int = 0) -> Trained:
    """A version of the quickest estimator, trained once for all tests."""
    rows = rows_simulated(APP, ANOMALY, Simulation(seed=seed))
    choices = TrainingChoices(estimator="robust_z", seed=seed)
    directory = Path(mkdtemp(prefix="telltale-quality-"))
    return train_version(APP, ANOMALY, rows, choices, directory=directory, progress=lambda *_: None)


def scored_helios(trained: Trained, *, seed: int, days: float = 3.0, positive_rate: float | None = None) -> Scored:
    """Rows of later days that the version has not seen."""
    runtime = load_runtime(trained.directory)
    assert isinstance(runtime, ScoreRuntime)
    how = Simulation(days=days, seed=50_000 + seed, positive_rate=positive_rate)
    frame = check_simulated(APP, ANOMALY.event, how, days_later=700.0).frame
    labels = labels_of(frame)
    assert labels is not None
    return Scored(scores=runtime.score_frame(frame), labels=labels, threshold=runtime.threshold)


def register(folder: Folder, trained: Trained, *, now: datetime = START) -> Version:
    """The next version of helios/anomaly."""
    return Registry(folder.state, folder.artifacts).register(
        APP.name,
        ANOMALY.name,
        bundle=trained.directory,
        sha256=trained.files.sha256,
        files=trained.files.files,
        estimator=trained.manifest.estimator,
        data_kind="simulated",
        outcome="pass",
        metrics={},
        facts={},
        actor="test",
        now=now,
    )


def answer(
    folder: Folder, rows: Scored, *, version: int = 1, start: datetime = START, step: timedelta = timedelta(minutes=5)
) -> list[str]:
    """Log one answer of that version per row; the ids of them."""
    served = ServedVersion(app=APP.name, task=ANOMALY.name, version=version, role="champion", columns=("a",))
    ids = [f"{version}-{start:%Y%m%dT%H%M}-{i}" for i in range(len(rows.scores))]
    records: list[Record] = [
        (served, one, (1.0,), at_s, f"service-{i % 3}", _answer(rows, i), 0.004 + 0.001 * (i % 7), at_s)
        for i, one in enumerate(ids)
        for at_s in ((start + i * step).timestamp(),)
    ]
    with folder.events.write() as connection:
        write_predictions(connection, records)
    return ids


def answer_in_shadow(
    folder: Folder, ids: Sequence[str], rows: Scored, *, version: int, start: datetime = START
) -> None:
    """Log what another version would have answered to these."""
    served = ServedVersion(app=APP.name, task=ANOMALY.name, version=version, role="shadow", columns=("a",))
    records: list[ShadowRecord] = [
        (served, one, _answer(rows, i), 0.004, (start + i * timedelta(minutes=5)).timestamp())
        for i, one in enumerate(ids)
    ]
    with folder.events.write() as connection:
        write_shadows(connection, records)


def label(folder: Folder, ids: Sequence[str], labels: Sequence[int] | NDArray[np.integer], *, at: datetime) -> None:
    """Say what turned out to be true of these answers."""
    _store(folder, [_said(int(one), at=at, prediction_id=i) for i, one in zip(ids, labels, strict=True)])


def label_span(folder: Folder, entity: str, since: datetime, until: datetime, said: int, *, at: datetime) -> None:
    """Say what turned out to be true of an entity in a span of time."""
    _store(folder, [_said(said, at=at, entity=entity, since=since, until=until)])


def _store(folder: Folder, rows: Sequence[FeedbackRow]) -> None:
    with folder.events.write() as connection:
        write_feedback(connection, rows)


def _said(
    said: int,
    *,
    at: datetime,
    prediction_id: str | None = None,
    entity: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> FeedbackRow:
    return FeedbackRow(
        app=APP.name,
        task=ANOMALY.name,
        prediction_id=prediction_id,
        entity=entity,
        from_us=None if since is None else to_us(since),
        to_us=None if until is None else to_us(until),
        label=said,
        actor="test",
        at_us=to_us(at),
    )


def _answer(rows: Scored, i: int) -> ScoreAnswer:
    score = float(rows.scores[i])
    return ScoreAnswer(score=score, decision=score >= rows.threshold, threshold=rows.threshold, context="row")
