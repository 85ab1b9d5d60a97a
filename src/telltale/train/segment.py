"""Tasks that divide rows into segments: a plan, a division, names and rules for people, and refits to judge how stable it is."""

from collections.abc import Callable

import numpy as np
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.estimator import Features, Floats, Parts, SegmentEstimator, Tell, ValueEstimator, silent
from telltale.contract.kinds import Segmenting
from telltale.evaluate.gate import judge
from telltale.evaluate.segment_metrics import segment_metrics
from telltale.evaluate.segment_worth import worth_metrics
from telltale.models.segment_runtime import (
    CARD,
    COLUMNS,
    MEANS,
    NAMES,
    OUTCOMES,
    REFIT,
    RULE_FITS,
    RULES,
    SHARES,
    SegmentRuntime,
)
from telltale.models.segments.card import Card
from telltale.models.value_points import resampled
from telltale.telemetry.frames import ENTITY
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.prepared import plan_and_features
from telltale.train.readable_cuts import LEAST_ROUND, ReadableCuts, readable_cuts
from telltale.train.search import refuse_search
from telltale.train.segment_names import distinct, segment_names
from telltale.train.segment_rules import segment_rules

# Fits on resampled rows, stored beside the version so that newer rows can be judged on too.
_N_REFITS = 20

Groups = NDArray[np.int64]
# Rows (their places), parameters, seed, whom to tell.
_Fit = Callable[[NDArray[np.intp], dict[str, int | float | str], int, Tell], Parts]


def fit_segment(request: FitRequest) -> Fitted:
    """Fit a division on all rows, name its segments and say their rules, and fit it again on resampled entities.

    Raises:
        NotEnoughDataError: too few rows.
        UsageError: a search is asked for; the number of segments is chosen without one.
    """
    refuse_search(request)
    task, seed = request.task, request.choices.seed
    segmenting = task.segmenting or Segmenting()
    request.progress("features", 0, 1)
    plan, features = plan_and_features(task, request.frame, request.columns)
    cuts = readable_cuts(plan, request.frame, features)
    request.progress("features", 1, 1)
    groups = np.unique(request.frame[ENTITY].to_numpy(), return_inverse=True)[1].astype(np.int64)
    outcomes = outcomes_of(request.frame, segmenting)
    fit = _fit_of(request, features, outcomes, [one.cuts for one in cuts], groups)
    parts = fit(np.arange(len(features)), request.parameters, seed, request.tell)
    assigner = request.estimator.load(parts)  # type: ignore[attr-defined]  # both protocols have it
    which, _ = assigner.assign(features)
    n_segments = int(which.max()) + 1
    shares = np.bincount(which) / len(which)
    parameters = {**request.parameters, "k": n_segments} if "k" in request.parameters else dict(request.parameters)
    rules = segment_rules(request.frame.select(plan.columns), which)
    arrays = {
        **parts.arrays,
        SHARES: shares,
        RULE_FITS: np.array([(rule.precision, rule.recall) for rule in rules]),
        MEANS: _means(outcomes, which),
    }
    rng = np.random.default_rng(seed)
    for number in range(_N_REFITS):
        request.progress("stability", number, _N_REFITS)
        again = fit(_resample(request, groups, rng), parameters, seed + 1 + number, silent)
        arrays |= {REFIT.format(number=number) + name: array for name, array in again.arrays.items()}
    request.progress("stability", _N_REFITS, _N_REFITS)
    names = _names(task, request.frame.select(plan.columns), which)
    for name, share, rule in zip(names, shares.tolist(), rules, strict=True):
        request.tell(f"{share:.0%} of rows: {name} ({rule.text}).")
    told = {
        NAMES: names,
        RULES: tuple(rule.text for rule in rules),
        OUTCOMES: segmenting.outcomes if request.estimator.traits.needs_outcomes else (),
        COLUMNS: tuple(one.column for one in cuts),
        CARD: tuple(map(_card_text, cuts, assigner.cuts, assigner.points_of)) if isinstance(assigner, Card) else (),
    }
    return Fitted(plan=plan, parts=replace(parts, arrays=arrays, names={**parts.names, **told}), parameters=parameters)


def judge_segment(task: Task, runtime: SegmentRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a division on rows it was not fitted on; labels have no part in it.

    Where rows say what came of them later, so do figures of how well the segments tell that apart.
    """
    if frame.is_empty():
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=None), metrics={})
    features = runtime.features_of(frame)
    which, _ = runtime.assign_frame(frame)
    refits = [refit.assign(features)[0] for refit in runtime.refits()]
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    metrics = segment_metrics(which, refits, scaled, n_segments=len(runtime.names))
    segmenting = task.segmenting or Segmenting()
    if segmenting.outcomes:
        later = outcomes_of(frame, segmenting)[:, 0]
        plain = _plain(frame, segmenting)
        worth = runtime.worth_of(frame)
        metrics |= worth_metrics(which, worth, later, plain=plain)
    return Judged(verdict=judge(task.targets, metrics, n=frame.height, n_positive=None), metrics=metrics)


def outcomes_of(frame: pl.DataFrame, segmenting: Segmenting) -> Floats:
    """What came later, shape (n rows, m outcomes), NaN where it is not known."""
    none = np.full(frame.height, np.nan)
    columns = [
        frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() if name in frame.columns else none
        for name in segmenting.outcomes
    ]
    return np.column_stack([np.empty((frame.height, 0)), *columns])


def _fit_of(request: FitRequest, features: Features, outcomes: Floats, cuts: list[Floats], groups: Groups) -> _Fit:
    """The estimator's way to fit on some of the rows."""
    if request.estimator.traits.needs_outcomes:
        by_value: ValueEstimator = request.estimator  # type: ignore[assignment]  # its traits say so

        def on_outcomes(
            rows: NDArray[np.intp], parameters: dict[str, int | float | str], seed: int, tell: Tell
        ) -> Parts:
            return by_value.fit(
                features[rows],
                outcomes=outcomes[rows],
                cuts=cuts,
                groups=groups[rows],
                parameters=parameters,
                seed=seed,
                tell=tell,
            )

        return on_outcomes
    plainly: SegmentEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own

    def on_features(rows: NDArray[np.intp], parameters: dict[str, int | float | str], seed: int, tell: Tell) -> Parts:
        return plainly.fit(features[rows], parameters=parameters, seed=seed, tell=tell)

    return on_features


def _resample(request: FitRequest, groups: Groups, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of resampled rows: of one entity together where a division is of several rows of each, as of snapshots."""
    if request.estimator.traits.needs_outcomes:
        return resampled(groups, rng)
    return rng.integers(0, len(groups), len(groups))


def _names(task: Task, values: pl.DataFrame, which: NDArray[np.int64]) -> tuple[str, ...]:
    named = task.segmenting.named if task.segmenting else None
    if named is None:
        return segment_names(values, which)
    numbers = [name for name in values.columns if values[name].dtype.is_numeric()]
    medians = [
        {name: float(value) for name, value in values.filter(pl.Series(which == segment)).select(numbers).median().row(0, named=True).items() if value is not None}
        for segment in range(int(which.max()) + 1)
    ]  # fmt: skip
    return distinct(named(medians))


def _means(outcomes: Floats, which: NDArray[np.int64]) -> Floats:
    """Of each outcome the mean in each segment, shape (segments, m); NaN where nothing is known."""
    found = np.full((int(which.max()) + 1, outcomes.shape[1]), np.nan)
    for segment in range(len(found)):
        for place, outcome in enumerate(outcomes[which == segment].T):
            known = np.isfinite(outcome)
            if known.any():
                found[segment, place] = outcome[known].mean()
    return found


def _card_text(readable: ReadableCuts, cuts: Floats, points: NDArray[np.int64]) -> str:
    """Which points a column gives: "at least 2: 4, at least 5: 11, else 0"."""
    values = readable.values[np.searchsorted(readable.cuts, cuts)]
    told = [
        f"{'more than 0' if 0 < value <= LEAST_ROUND else f'at least {value:,g}'}: {one}"
        for value, one in zip(values.tolist(), points[1:].tolist(), strict=True)
    ]
    return ", ".join([*told, f"else {points[0]}"])


def _plain(frame: pl.DataFrame, segmenting: Segmenting) -> list[Floats]:
    """The columns of the plain way, larger = better; a missing value is the worst."""
    found = []
    for column in segmenting.plain:
        name, sign = column.removeprefix("-"), -1.0 if column.startswith("-") else 1.0
        values = sign * frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        found.append(np.where(np.isfinite(values), values, -np.inf))
    return found
