"""Tasks that choose: a plan, and a model of what each choice leads to, learned from what was measured.

Nobody's past choices are labels: the rows say what alternatives cost, and the cheapest by predicted cost is taken.
"""

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError, SchemaError
from telltale.contract.estimator import Floats, OutcomeEstimator
from telltale.contract.kinds import Choices
from telltale.evaluate.choice_metrics import choice_metrics
from telltale.evaluate.gate import judge
from telltale.models.choose_runtime import OUTCOME_FLOOR, SAMPLE_ROWS, ChooseRuntime, known_outcomes
from telltale.telemetry.frames import ENTITY
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.prepared import plan_and_features
from telltale.train.search import refuse_search

# So many rows go into the bundle, for the question which choice is best where nothing is known of a row.
_N_SAMPLE = 256
# An outcome measured on fewer rows than this is not learned but made up.
_LEAST_MEASURED = 20


def fit_choose(request: FitRequest) -> Fitted:
    """Fit the plan and, on the rows where it was measured, each outcome in logarithms.

    Raises:
        NotEnoughDataError: an outcome was measured on too few rows, or a feature is not finite.
        SchemaError: no row says what an outcome was.
        UsageError: a search is asked for.
    """
    refuse_search(request)
    task = request.task
    assert task.choices is not None, f"{task.name} has nothing to choose from"
    request.progress("features", 0, 1)
    outcomes = _learned(request.frame, task.choices)
    plan, features = plan_and_features(task, request.frame, request.columns)
    request.progress("features", 1, 1)
    request.progress("model", 0, 1)
    estimator: OutcomeEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    parts = estimator.fit(
        features, outcomes=outcomes, parameters=request.parameters, seed=request.choices.seed, tell=request.tell
    )
    request.progress("model", 1, 1)
    arrays = {**parts.arrays, SAMPLE_ROWS: _sample_rows(request.frame, plan.columns)}
    return Fitted(plan=plan, parts=replace(parts, arrays=arrays), parameters=dict(request.parameters))


def judge_choose(task: Task, runtime: ChooseRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a version, on the rows where every alternative was measured; others are no evidence."""
    costs = measured_costs(runtime, frame) if not frame.is_empty() else np.empty((0, 0))
    known = np.isfinite(costs).all(axis=1)
    n = int(known.sum())
    if n == 0:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=None), metrics={})
    chosen = runtime.costs_of(frame).argmin(axis=1)[known]
    metrics = choice_metrics(costs[known], chosen, groups=_groups(frame.filter(pl.Series(known))))
    return Judged(verdict=judge(task.targets, metrics, n=n, n_positive=None), metrics=metrics)


def measured_costs(runtime: ChooseRuntime, frame: pl.DataFrame) -> Floats:
    """What each choice did cost in every row, shape (n rows, c choices); NaN where it was not measured."""
    outcomes = np.repeat(known_outcomes(runtime.choices)[None], frame.height, axis=0)
    for at, outcome in enumerate(runtime.choices.outcomes):
        for place, name in enumerate(runtime.choices.names):
            column = outcome.column.format(choice=name)
            if name not in outcome.known and column in frame.columns:
                outcomes[:, at, place] = _values(frame, column)
    return np.asarray((runtime.weights_of(frame)[:, :, None] * outcomes).sum(axis=1))


def _sample_rows(frame: pl.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Some training rows, evenly spread, as the plan reads them; NaN where one has no value."""
    places = np.unique(np.linspace(0, frame.height - 1, _N_SAMPLE).round().astype(np.int64))
    return np.column_stack([_values(frame, name)[places] for name in columns])


def _learned(frame: pl.DataFrame, choices: Choices) -> Floats:
    """Logarithms of the outcomes to be learned, shape (n rows, m), in the order of `Choices.columns`."""
    columns = choices.columns()
    missing = set(columns) - set(frame.columns)
    if missing:
        raise SchemaError.missing(missing, frame.columns, where="rows")
    outcomes = np.column_stack([_values(frame, name) for name in columns])
    n_measured = np.isfinite(outcomes).sum(axis=0)
    least = int(n_measured.argmin())
    if n_measured[least] < _LEAST_MEASURED:
        raise NotEnoughDataError(
            f"{columns[least]} was measured on {n_measured[least]} rows",
            where="train",
            mend=f"Give at least {_LEAST_MEASURED} rows on which it was.",
        )
    return np.asarray(np.log(np.maximum(outcomes, OUTCOME_FLOOR)))


def _values(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _groups(frame: pl.DataFrame) -> list[str] | None:
    names: list[str] = frame[ENTITY].to_list()
    return names if len(set(names)) > 1 else None
