"""A home with a champion of the small app's alarm, and a stream that it answered, at any moment and moved by any shift."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from tests.serve.shop import ALARM
from tests.serve.shop import APP as SHOP

from telltale.contract.answer import CheckedRow, Input
from telltale.models.runtimes import score_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.monitor.prediction_log import Record, ServedVersion, write_predictions
from telltale.registry.registry import Registry
from telltale.storage.database import Database
from telltale.storage.folder import Folder
from telltale.telemetry.frames import ENTITY, LINE, TIME, sort_checked
from telltale.train.fitted import TrainingChoices
from telltale.train.version import Trained, TrainingRows, train_version

START = datetime(2024, 1, 1, tzinfo=UTC)
LIVE = START + timedelta(days=14)
DEVICES = ("sw-1", "sw-2")
COLUMNS = ("load", "heat")
STEP_S = 300.0


def stream(start: datetime, *, hours: float, load_shift: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """Checked rows of both devices every five minutes, autoregressive; `load_shift` in standard deviations."""
    rng = np.random.default_rng([seed, int(start.timestamp())])
    n = round(hours * 3_600 / STEP_S)
    frames = []
    for device in DEVICES:
        moved = rng.normal(size=(n, 2))
        for i in range(1, n):
            moved[i] = 0.6 * moved[i - 1] + 0.8 * moved[i]
        times = [start + timedelta(seconds=STEP_S * i) for i in range(n)]
        columns = {"load": 100 + 5 * (moved[:, 0] + load_shift), "heat": 40 + moved[:, 1]}
        frames.append(
            pl.DataFrame({ENTITY: [device] * n, TIME: times, LINE: range(1, n + 1)} | columns).with_columns(
                pl.col(TIME).cast(pl.Datetime("us", "UTC")), pl.col(LINE).cast(pl.Int64)
            )
        )
    return sort_checked(pl.concat(frames))


def train_alarm(directory: Path, *, seed: int = 0) -> Trained:
    """A version trained on two weeks of it."""
    rows = stream(START, hours=14 * 24, seed=seed)
    is_kept_back = rows[TIME] >= START + timedelta(days=11)
    data = TrainingRows(
        kind="file", train=rows.filter(~is_kept_back), held_out=rows.filter(is_kept_back), columns=COLUMNS
    )
    return train_version(SHOP, ALARM, data, TrainingChoices(), directory=directory, progress=lambda *_: None)


def make_champion(folder: Folder, trained: Trained, *, now: datetime = LIVE) -> int:
    """Register a version and promote it; its number."""
    registry = Registry(folder.state, folder.artifacts)
    number = registry.register(
        "shop",
        "alarm",
        bundle=trained.directory,
        sha256=trained.files.sha256,
        files=trained.files.files,
        estimator=trained.manifest.estimator,
        data_kind="file",
        outcome="pass",
        metrics={},
        facts={},
        actor="test",
        now=now,
    ).number
    registry.promote("shop", "alarm", number, actor="test", reason="first", now=now)
    return number


def answer_stream(
    events: Database, trained: Trained, rows: pl.DataFrame, *, version: int = 1, task: str = "alarm"
) -> None:
    """Log answers to rows sent one by one, each received a tenth of a second after its event."""
    runtime = score_runtime(trained.directory)
    served = ServedVersion(app="shop", task=task, version=version, role="champion", columns=runtime.columns)
    checked: list[CheckedRow] = [
        ((load, heat), at.timestamp(), device, False)
        for device, at, load, heat in rows.select(ENTITY, TIME, *COLUMNS).iter_rows()
    ]
    records: list[Record] = [
        (served, f"{task}-{version}-{device}-{at_s:.0f}", values, at_s, device, answer, 40e-6, at_s + 0.1)
        for (values, at_s, device, _), answer in zip(checked, runtime.answer_rows(checked), strict=True)
    ]
    with events.write() as connection:
        write_predictions(connection, sorted(records, key=lambda record: record[3]))


def answer_windows(events: Database, trained: Trained, rows: pl.DataFrame) -> Sequence[str]:
    """Log answers to whole windows that end with each row that has one; the ids of their predictions."""
    runtime: ScoreRuntime = score_runtime(trained.directory)
    served = ServedVersion(app="shop", task="alarm", version=1, role="champion", columns=runtime.columns)
    records: list[Record] = []
    for (device,), own in rows.group_by(ENTITY, maintain_order=True):
        values = own.select(COLUMNS).rows()
        times = [at.timestamp() for at in own[TIME]]
        for end in range(runtime.history + 1, len(values) + 1):
            window = slice(end - runtime.history - 1, end)
            asked = Input(rows=values[window], times=times[window], entity=str(device))
            answer = runtime.answer([asked])[0]
            at_s = times[end - 1]
            records.append((served, f"{device}-{end}", values[end - 1], at_s, str(device), answer, 40e-6, at_s + 0.1))
    with events.write() as connection:
        write_predictions(connection, records)
    return [record[1] for record in records]
