"""Forecasts by `storefront/trend` as `telltale train` makes a version and `predict` answers from it."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import msgspec
import numpy as np

from benchmarks.trend_cases import Floats, Group, rows_of
from telltale.apps.storefront import APP
from telltale.contract.query import ForecastQuery
from telltale.models.forecast_runtime import ForecastRuntime
from telltale.models.runtimes import load_runtime
from telltale.train.fitted import TrainingChoices
from telltale.train.version import TrainingRows, train_version


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a method says of the series of a group, in their order, each (horizon,); bounds where it gives any.

    `seconds` are of processor time.
    """

    values: tuple[Floats, ...]
    low: tuple[Floats, ...] = ()
    high: tuple[Floats, ...] = ()
    seconds: float = 0.0


def ours(groups: list[Group], *, estimator: str = "", n_processes: int = 1) -> list[Said]:
    """One version per group, trained with the task's defaults but for its horizon, which is the competition's.

    Args:
        groups: one by one, or side by side in parts where there are several processes.
        estimator: one of the task's; "" for its default.
        n_processes: of one thread each.
    """
    if n_processes == 1:
        return [_train_and_ask(group, estimator) for group in groups]
    # In parts, the largest work first, so that no process is left alone with it.
    parts = [(number, part) for number, group in enumerate(groups) for part in _parts(group, n_processes)]
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(_train_and_ask, [part for _, part in parts], [estimator] * len(parts)))
    return [
        _joined([said for (own, _), said in zip(parts, done, strict=True) if own == number])
        for number in range(len(groups))
    ]


def _train_and_ask(group: Group, estimator: str) -> Said:
    import statsforecast.models  # noqa: F401 - loaded once, by whichever group comes first; not a series' time

    task = APP.task("trend")
    assert task.forecasting is not None
    task = replace(task, forecasting=msgspec.structs.replace(task.forecasting, horizon=group.horizon))
    frame = rows_of(group)
    rows = TrainingRows(kind="file", train=frame, held_out=frame.clear(), columns=("value",))
    with TemporaryDirectory(prefix="telltale-") as scratch:
        started = process_time()
        train_version(
            APP,
            task,
            rows,
            TrainingChoices(estimator=estimator),
            directory=Path(scratch) / "version",
            progress=lambda _what, _done, _of: None,
        )
        seconds = process_time() - started
        runtime = load_runtime(Path(scratch) / "version")
    assert isinstance(runtime, ForecastRuntime), "a task of another kind"
    answers = runtime.ask([ForecastQuery(entity=case.name) for case in group.cases])
    values, low, high = (
        tuple(np.array([getattr(step, part) for step in answer.steps]) for answer in answers)
        for part in ("value", "low", "high")
    )
    return Said(values=values, low=low, high=high, seconds=seconds)


def _parts(group: Group, n: int) -> list[Group]:
    """The group in `n` parts of every n-th series, or whole where it is small."""
    if len(group.cases) < 20 * n:
        return [group]
    size = -(-len(group.cases) // n)
    return [replace(group, cases=group.cases[start : start + size]) for start in range(0, len(group.cases), size)]


def _joined(said: list[Said]) -> Said:
    return Said(
        values=tuple(one for part in said for one in part.values),
        low=tuple(one for part in said for one in part.low),
        high=tuple(one for part in said for one in part.high),
        seconds=sum(part.seconds for part in said),
    )
