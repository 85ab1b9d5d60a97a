"""Tasks that choose: a plan, and a model of what each choice leads to, learned from what was measured.

Nobody's past choices are labels: the rows say what alternatives cost, and the cheapest by predicted cost is taken.
"""

import dataclasses

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Floats, OutcomeEstimator
from telltale.contract.kinds import Choices
from telltale.contract.verdict import Measured
from telltale.evaluate.choice_classes import ChoiceClasses, choice_classes
from telltale.evaluate.choice_metrics import choice_metrics
from telltale.evaluate.gate import judge
from telltale.models.choose_runtime import (
    OUTCOME_FLOOR,
    SAMPLE_FORETOLD,
    SAMPLE_GROUPS,
    SAMPLE_MEASURED,
    SAMPLE_ROWS,
    ChooseRuntime,
    known_outcomes,
)
from telltale.telemetry.frames import ENTITY
from telltale.train.choose_objective import ChoiceObjective, outcomes_by_choice
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.prepared import plan_and_features
from telltale.train.search import is_searched, refuse_contamination, search

# So many rows go into the bundle, for the questions which choice is best where nothing is known of a row, and what a policy
# is worth on rows that nobody has seen.
_N_SAMPLE = 1_024
_N_FOLDS = 3
_IN_SCENARIOS = ("regret", "regret_best_single", "accuracy_clear", "majority_accuracy")
# An outcome measured on fewer rows than this is not learned but made up.
_LEAST_MEASURED = 20


def fit_choose(request: FitRequest) -> Fitted:
    """Fit the plan and, on the rows where it was measured, each outcome in logarithms.

    A choice of which an outcome was measured on too few rows is left out of the version, which says so: rows stored before
    there was such a choice are worth as much as ever.

    Raises:
        NotEnoughDataError: fewer than two choices are left, or a feature is not finite.
        UsageError: a share to flag is asked for, or a search of a space that the model does not have.
    """
    refuse_contamination(request)
    task = request.task
    request.progress("features", 0, 1)
    choices = _measured_choices(request)
    outcomes = _learned(request.frame, choices)
    plan, features = plan_and_features(task, request.frame, request.columns)
    request.progress("features", 1, 1)
    request.progress("model", 0, 1)
    estimator: OutcomeEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    parameters = request.parameters
    if is_searched(request):
        parameters = search(request, ChoiceObjective(request, choices, outcomes))
    parts = estimator.fit(
        features, outcomes=outcomes, parameters=parameters, seed=request.choices.seed, tell=request.tell
    )
    request.progress("model", 1, 1)
    sample = _sample(
        dataclasses.replace(request, parameters=dict(parameters)), choices, plan.columns, features, outcomes
    )
    return Fitted(
        plan=plan,
        parts=replace(parts, arrays={**parts.arrays, **sample}),
        parameters=dict(parameters),
        choices=choices,
    )


def judge_choose(task: Task, runtime: ChooseRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a version, on the rows where every alternative was measured; others are no evidence.

    At the rows' own prices; figures at those of each scenario stand beside them, "regret_at_500MBs" and so on.
    """
    metrics, classes = _figures(runtime, frame)
    if not metrics:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=None), metrics={})
    verdict = judge(task.targets, metrics, n=metrics["regret"].n, n_positive=None)
    by_scenario = {"": classes}
    told = dict(metrics)
    for name, prices in runtime.choices.scenarios.items():
        own, by_scenario[name] = _figures(runtime, frame.with_columns(pl.lit(v).alias(k) for k, v in prices.items()))
        told |= {f"{figure}_at_{name}": own[figure] for figure in _IN_SCENARIOS}
    return Judged(verdict=verdict, metrics=told, classes=by_scenario)


def _figures(runtime: ChooseRuntime, frame: pl.DataFrame) -> tuple[dict[str, Measured], ChoiceClasses]:
    """Every figure, and the classes, on the rows of which everything was measured; no figure of no such row."""
    names = runtime.choices.names
    costs = measured_costs(runtime, frame) if not frame.is_empty() else np.empty((0, len(names)))
    known = np.isfinite(costs).all(axis=1)
    if not known.any():
        none = np.empty(0, dtype=np.int64)
        return {}, choice_classes(costs[:0], none, names=names)
    rows = frame.filter(pl.Series(known))
    chosen = runtime.costs_of(frame).argmin(axis=1)[known]
    metrics = choice_metrics(costs[known], chosen, groups=_groups(rows))
    return metrics, choice_classes(costs[known], chosen, names=names)


def measured_costs(runtime: ChooseRuntime, frame: pl.DataFrame) -> Floats:
    """What each choice did cost in every row, shape (n rows, c choices); NaN where it was not measured."""
    outcomes = np.repeat(known_outcomes(runtime.choices)[None], frame.height, axis=0)
    for at, outcome in enumerate(runtime.choices.outcomes):
        for place, name in enumerate(runtime.choices.names):
            column = outcome.column.format(choice=name)
            if name not in outcome.known and column in frame.columns:
                outcomes[:, at, place] = _values(frame, column)
    return np.asarray((runtime.weights_of(frame)[:, :, None] * outcomes).sum(axis=1))


def _measured_choices(request: FitRequest) -> Choices:
    """The choices of which every outcome was measured often enough. Raises NotEnoughDataError where there is no choice left."""
    asked = request.task.choices
    assert asked is not None, f"{request.task.name} has nothing to choose from"
    rare: dict[str, int] = {}
    for name in asked.names:
        counts = [_n_measured(request.frame, column) for column in asked.only((name,)).columns()]
        if counts and min(counts) < _LEAST_MEASURED:
            rare[name] = min(counts)
    left = asked.only([name for name in asked.names if name not in rare])
    told = ", ".join(f"{name} on {n}" for name, n in rare.items())
    if len(left.names) < 2:
        raise NotEnoughDataError(
            f"what choices lead to was measured on too few rows: {told}",
            where="train",
            mend=f"Give at least {_LEAST_MEASURED} rows on which it was.",
        )
    if rare:
        request.tell(f"Measured on too few rows to choose: {told}; left out.")
    return left


def _n_measured(frame: pl.DataFrame, column: str) -> int:
    return int(np.isfinite(_values(frame, column)).sum()) if column in frame.columns else 0


def _sample(
    request: FitRequest, choices: Choices, columns: tuple[str, ...], features: Features, outcomes: Floats
) -> dict[str, Floats]:
    """Some training rows, evenly spread, with what each choice led to and what models without their group foretold."""
    places = np.unique(np.linspace(0, request.frame.height - 1, _N_SAMPLE).round().astype(np.int64))
    groups = np.unique(request.frame[ENTITY].to_numpy(), return_inverse=True)[1][places]
    rows = np.column_stack([_values(request.frame, name)[places] for name in columns])
    measured = outcomes[places]
    foretold = _foretold(request, features[places], measured, groups)
    return {
        SAMPLE_ROWS: rows,
        SAMPLE_MEASURED: outcomes_by_choice(measured, choices),
        SAMPLE_FORETOLD: outcomes_by_choice(foretold, choices),
        SAMPLE_GROUPS: groups.astype(np.float64),
    }


def _foretold(request: FitRequest, features: Features, outcomes: Floats, groups: NDArray[np.int64]) -> Floats:
    """Outcomes of each row by a model fitted without its group; of a costly model for one fold alone."""
    estimator: OutcomeEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    fold = groups % _N_FOLDS
    found = np.full_like(outcomes, np.nan)
    for number in range(1 if estimator.traits.is_costly else _N_FOLDS):
        learns, asked = fold != number, fold == number
        if not asked.any() or (np.isfinite(outcomes[learns]).sum(axis=0) < _LEAST_MEASURED).any():
            continue
        parts = estimator.fit(
            features[learns], outcomes=outcomes[learns], parameters=request.parameters, seed=request.choices.seed
        )
        found[asked] = estimator.load(parts).predict(features[asked])
    return found


def _learned(frame: pl.DataFrame, choices: Choices) -> Floats:
    """Logarithms of the outcomes to be learned, shape (n rows, m), in the order of `Choices.columns`."""
    outcomes = np.column_stack([_values(frame, name) for name in choices.columns()])
    return np.asarray(np.log(np.maximum(outcomes, OUTCOME_FLOOR)))


def _values(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _groups(frame: pl.DataFrame) -> list[str] | None:
    names: list[str] = frame[ENTITY].to_list()
    return names if len(set(names)) > 1 else None
