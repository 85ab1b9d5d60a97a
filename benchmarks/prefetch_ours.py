"""A version of `pakit/prefetch` from a trace, as `telltale train` makes one."""

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.prefetch_traces import Trace
from telltale.apps.pakit import APP
from telltale.contract.learners import Successor
from telltale.models.next_runtime import NextRuntime
from telltale.models.runtimes import load_runtime
from telltale.telemetry.frames import ENTITY, LINE, TIME, TIME_DTYPE
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version

_APART_US = 1_000  # a trace has an order and no time


def train(trace: Trace, directory: Path) -> tuple[Successor, str]:
    """Trained on the first half as one stream, with the task's defaults; and how large the bundle is."""
    task = APP.task("prefetch")
    n = len(trace.training)
    times = pl.Series(np.int64(APP.start.timestamp() * 1e6) + np.arange(n, dtype=np.int64) * _APART_US).cast(TIME_DTYPE)
    frame = pl.DataFrame(
        {
            ENTITY: pl.Series([trace.name]).new_from_index(0, n),
            TIME: times,
            LINE: np.arange(1, n + 1, dtype=np.int64),
            "block_hash": trace.training,
        }
    )
    rows = TrainingRows(kind="file", train=frame, held_out=frame.clear(), columns=("block_hash",))
    trained = train_version(
        APP, task, rows, TrainingChoices(), directory=directory, progress=lambda _what, _done, _of: None
    )
    runtime = load_runtime(trained.directory)
    assert isinstance(runtime, NextRuntime), "a task of another kind"
    size = sum(path.stat().st_size for path in directory.iterdir())
    return runtime.successor, f"{size / 2**20:.1f} MiB"
