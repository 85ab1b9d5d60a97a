"""Tasks that divide rows into segments: a plan, a division, names for people, and refits to judge how stable it is."""

import numpy as np
import polars as pl
from msgspec.structs import replace

from telltale.contract.app import Task
from telltale.contract.estimator import SegmentEstimator
from telltale.evaluate.gate import judge
from telltale.evaluate.segment_metrics import segment_metrics
from telltale.models.segment_runtime import NAMES, REFIT, SHARES, SegmentRuntime
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.prepared import plan_and_features
from telltale.train.search import refuse_search
from telltale.train.segment_names import segment_names

# Fits on resampled rows, stored beside the version so that newer rows can be judged on too.
_N_REFITS = 20


def fit_segment(request: FitRequest) -> Fitted:
    """Fit a division on all rows, name its segments, and fit it again on resampled rows.

    Raises:
        NotEnoughDataError: too few rows.
        UsageError: a search is asked for; the number of segments is chosen without one.
    """
    refuse_search(request)
    task, seed = request.task, request.choices.seed
    request.progress("features", 0, 1)
    plan, features = plan_and_features(task, request.frame, request.columns)
    request.progress("features", 1, 1)
    estimator: SegmentEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    parts = estimator.fit(features, parameters=request.parameters, seed=seed, tell=request.tell)
    which, _ = estimator.load(parts).assign(features)
    shares = np.bincount(which) / len(which)
    parameters = {**request.parameters, "k": len(shares)} if "k" in request.parameters else dict(request.parameters)
    arrays = {**parts.arrays, SHARES: shares}
    rng = np.random.default_rng(seed)
    for number in range(_N_REFITS):
        request.progress("stability", number, _N_REFITS)
        sample = features[rng.integers(0, len(features), len(features))]
        again = estimator.fit(sample, parameters=parameters, seed=seed + 1 + number)
        arrays |= {REFIT.format(number=number) + name: array for name, array in again.arrays.items()}
    request.progress("stability", _N_REFITS, _N_REFITS)
    names = segment_names(request.frame.select(plan.columns), which)
    for name, share in zip(names, shares.tolist(), strict=True):
        request.tell(f"{share:.0%} of rows: {name}.")
    return Fitted(
        plan=plan, parts=replace(parts, arrays=arrays, names={**parts.names, NAMES: names}), parameters=parameters
    )


def judge_segment(task: Task, runtime: SegmentRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a division on rows it was not fitted on; labels have no part in it."""
    if frame.is_empty():
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=None), metrics={})
    features = runtime.features_of(frame)
    which, _ = runtime.assign_frame(frame)
    refits = [refit.assign(features)[0] for refit in runtime.refits()]
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    metrics = segment_metrics(which, refits, scaled, n_segments=len(runtime.names))
    return Judged(verdict=judge(task.targets, metrics, n=frame.height, n_positive=None), metrics=metrics)
