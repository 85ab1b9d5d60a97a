"""Ours by the product's own path: a version trained with a task's defaults, on rows that a benchmark holds."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from telltale.contract.app import App, Task
from telltale.models.runtimes import score_runtime
from telltale.models.score_runtime import ScoreRuntime
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version


def trained_runtime(app: App, task: Task, frame: pl.DataFrame, columns: tuple[str, ...]) -> ScoreRuntime:
    """What `telltale train` gives from such rows, none of them held out."""
    rows = TrainingRows(kind="file", train=frame, held_out=frame[:0], columns=columns)
    with TemporaryDirectory(prefix="telltale-bench-") as scratch:
        folder = Path(scratch) / "bundle"
        train_version(app, task, rows, TrainingChoices(), directory=folder, progress=lambda _what, _done, _of: None)
        return score_runtime(folder)
