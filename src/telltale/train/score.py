"""Tasks that score: a plan and a model on all training rows, a threshold from scores that no fitted row had a part in."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.estimator import Estimator, Parameters, Scores
from telltale.contract.plan import Plan, WindowStat
from telltale.contract.verdict import Measured
from telltale.evaluate.alarm_figures import (
    ALARM_METRICS,
    EVENT_RECALL,
    FALSE_ALARMS,
    alarm_figures,
    alarm_metrics,
    counts_alarms,
    threshold_of_false_alarms,
)
from telltale.evaluate.clean_entities import (
    CLEAN_FLAGGED,
    clean_entities_flagged,
    counts_clean,
    threshold_of_clean_entities,
)
from telltale.evaluate.gate import judge
from telltale.evaluate.intervals import rate, undefined
from telltale.evaluate.metrics import detection_metrics
from telltale.evaluate.verification_metrics import verification_metrics, verifies
from telltale.features.frame import epoch_s
from telltale.models.manifest import OperatingPoint
from telltale.models.score_runtime import ScoreRuntime
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.calibration import calibrate
from telltale.train.fitted import FitRequest, Fitted, Judged, LeftOut
from telltale.train.prepared import Prepared, fit_on, labels_of, left_out, prepare
from telltale.train.score_objective import ScoreObjective
from telltale.train.search import is_searched, search
from telltale.train.split import N_FOLDS
from telltale.train.threshold import (
    threshold_from_labels,
    threshold_from_share,
    threshold_from_tail,
    threshold_of_rarity,
)

# Fewer labelled anomalies than this say too little about where to cut.
_LEAST_POSITIVES = 10
# Rows score higher under a model that knows a quarter of the days less, and lower under one that was fitted on them; what
# new rows score lies between, as in the .632 rule (Efron 1983), whose share of the fitted is .368.
_FITTED_SHARE = 0.3
# So much of the false alarms that a task asks for may come on left-out rows: days and entities to come bring troubles of
# their own, two and a half times as many on the made-up networks that this was chosen on (seeds 11 to 13).
_ALARMS_ON_LEFT_OUT = 0.4
_ONE = 1.0 + 1e-9
# Of events, where a cut is raised for the sake of entities without one: room above the .95 that is asked.
_EVENTS_TO_FIND = 0.97


def fit_score(request: FitRequest) -> Fitted:
    """Search parameters where asked, fit the model on all rows and set the threshold.

    Raises:
        NotEnoughDataError: too few rows that are not labelled anomalous.
        UsageError: tuning is asked for without labels.
    """
    task, estimator, choices = request.task, request.estimator, request.choices
    is_given = _threshold_of(task, request) is not None and choices.contamination is None
    n_folds = 1 if estimator.traits.is_costly else N_FOLDS
    prepared = prepare(
        task,
        request.frame,
        request.columns,
        progress=request.progress,
        sequence=int(request.parameters.get("sequence", 1)),
        n_folds=0 if is_given and not is_searched(request) else n_folds,
    )
    parameters = request.parameters
    if is_searched(request):
        parameters = search(request, ScoreObjective(estimator, prepared))  # type: ignore[arg-type]  # it scores
    return _fit(request, prepared, parameters)


def judge_score(task: Task, runtime: ScoreRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a version on rows it was not trained on; without labels, that there is no evidence."""
    labels = labels_of(frame) if not frame.is_empty() else None
    if labels is None:
        return Judged(verdict=judge(task.targets, {}, n=0, n_positive=0), metrics={})
    known = labels >= 0
    scores = runtime.score_frame(frame)
    result = detection_metrics(labels[known], scores[known], runtime.threshold)
    counts, metrics = result.counts, result.metrics
    if verifies(task.targets):
        entities = frame[ENTITY].to_numpy()[known]
        metrics = {**metrics, **verification_metrics(labels[known], scores[known], runtime.threshold, entities)}
    if counts_alarms(task.targets):
        metrics = {**metrics, **_alarms(runtime, frame.filter(pl.Series(known)), labels[known], scores[known])}
    if counts_clean(task.targets):
        flags = labels[known] == 1, scores[known] >= runtime.threshold
        metrics = {**metrics, CLEAN_FLAGGED: clean_entities_flagged(*flags, _whose(frame)[known])}
    verdict = judge(task.targets, metrics, n=counts.n, n_positive=counts.n_positive)
    calibration = calibrate(labels[known], scores[known], runtime.threshold)
    return Judged(verdict=verdict, metrics=metrics, result=result, calibration=calibration)


def _alarms(
    runtime: ScoreRuntime, frame: pl.DataFrame, labels: NDArray[np.int8], scores: Scores
) -> dict[str, Measured]:
    """What decisions come to as alarms; where rows have no time, each positive one is an event by itself."""
    events, decided = labels == 1, scores >= runtime.threshold
    if frame[TIME].null_count():
        found = rate(int((events & decided).sum()), int(events.sum()))
        return {**dict.fromkeys(ALARM_METRICS, undefined()), EVENT_RECALL: found}
    return alarm_metrics(events, decided, *_when_and_whose(frame), memory_s=reach_s(runtime.plan))


def _threshold_of_alarms(
    task: Task, plan: Plan, frame: pl.DataFrame, labels: NDArray[np.int8], scores: Scores
) -> float | None:
    """The lowest cut with fewer false alarms on left-out rows than the task asks for; an unlabelled row is no event.

    One is allowed however few the rows, or the highest score of a normal row would be the cut. None where the task asks
    for no such thing, or rows have no times that alarms could be counted by.
    """
    target = next((one for one in task.targets if one.metric == FALSE_ALARMS), None)
    if target is None or frame[TIME].null_count():
        return None
    asked = target.limit if target.goal is None else target.goal
    events, when_and_whose, memory_s = labels == 1, _when_and_whose(frame), reach_s(plan)
    weeks = alarm_figures(events, events, *when_and_whose, memory_s=memory_s).entity_weeks
    if weeks == 0:
        return None
    return threshold_of_false_alarms(
        events,
        scores,
        *when_and_whose,
        memory_s=memory_s,
        per_entity_week=max(_ALARMS_ON_LEFT_OUT * asked, _ONE / weeks),
    )


def _threshold_of_clean(
    task: Task, frame: pl.DataFrame, labels: NDArray[np.int8], scores: Scores, *, seen: float
) -> float:
    """The lowest cut that flags fewer entities without an event than the task asks for; -inf where it does not ask."""
    target = next((one for one in task.targets if one.metric == CLEAN_FLAGGED), None)
    if target is None:
        return -np.inf
    asked = target.limit if target.goal is None else target.goal
    return threshold_of_clean_entities(
        labels == 1, scores, _whose(frame), share=_ALARMS_ON_LEFT_OUT * asked, recall=_EVENTS_TO_FIND, seen=seen
    )


def _are_apart(frame: pl.DataFrame) -> bool:
    """Rows do not say whose they are."""
    return frame[ENTITY].n_unique() == 1 and frame[ENTITY][0] == ""


def _whose(frame: pl.DataFrame) -> NDArray[np.int64]:
    """A number for each row's entity; where rows do not say whose they are, each stands for itself."""
    if _are_apart(frame):
        return np.arange(frame.height)
    return frame[ENTITY].rank("dense").to_numpy().astype(np.int64)


def _when_and_whose(frame: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return epoch_s(frame).to_numpy(), frame[ENTITY].rle_id().to_numpy().astype(np.int64)


def reach_s(plan: Plan) -> float:
    """How far back a decision looks."""
    windows_s = [step.window_s for step in plan.steps if isinstance(step, WindowStat)]
    return max([*windows_s, plan.interval_s * plan.sequence])


def _threshold_of(task: Task, request: FitRequest) -> float | None:
    return task.thresholds.get(request.estimator.name)


def _fit(request: FitRequest, prepared: Prepared, parameters: Parameters) -> Fitted:
    """Fit the model on all rows and set the threshold: as a person says, as the task says, or from left-out scores."""
    estimator: Estimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    seed, progress = request.choices.seed, request.progress
    progress("model", 0, 2)
    if prepared.folds and estimator.traits.is_costly:
        request.tell("Fitting once without a part of the rows, to set the threshold with that part.")
    others = left_out(estimator, prepared, request.frame, parameters, seed=seed, tell=request.tell)
    progress("model", 1, 2)
    if prepared.folds and estimator.traits.is_costly:
        request.tell("Fitting on all rows.")
    parts = fit_on(estimator, prepared, prepared, parameters, seed=seed, tell=request.tell)
    n_positive = 0 if prepared.labels is None else int((prepared.labels == 1).sum())
    if prepared.folds:
        fitted_scores = estimator.load(parts).score(prepared.features)
        threshold, point = _operating_point(request, prepared, others, fitted_scores)
    else:
        given = _threshold_of(request.task, request)
        assert given is not None  # there are folds where none is given
        threshold = given
        point = OperatingPoint(method="task", n=len(prepared.features), n_positive=n_positive)
    progress("model", 2, 2)
    return Fitted(
        plan=prepared.plan,
        parts=parts,
        parameters=dict(parameters),
        threshold=threshold,
        operating_point=point,
        left_out=others if prepared.folds else None,
    )


def _operating_point(
    request: FitRequest, prepared: Prepared, left_out: LeftOut, fitted_scores: Scores
) -> tuple[float, OperatingPoint]:
    task, choices = request.task, request.choices
    is_left_out = np.isfinite(left_out.whole)
    scores = left_out.whole[is_left_out]
    labels = None if prepared.labels is None else prepared.labels[is_left_out]
    fitted_scores = fitted_scores[is_left_out]
    if left_out.strangers is not None:  # the threshold is theirs, too
        scores = np.append(scores, left_out.strangers[is_left_out])
        labels = None if labels is None else np.tile(labels, 2)
        fitted_scores = np.tile(fitted_scores, 2)
    known = np.zeros(len(scores), dtype=bool) if labels is None else labels >= 0
    n_positive = 0 if labels is None else int((labels == 1).sum())
    if choices.contamination is not None:
        point = OperatingPoint(method="given", n=len(scores), n_positive=n_positive)
        return threshold_from_share(scores, choices.contamination), point
    if labels is not None and n_positive >= _LEAST_POSITIVES and n_positive < known.sum():
        rng = np.random.default_rng(choices.seed)
        share = 0.0 if request.estimator.traits.is_costly else _FITTED_SHARE
        expected = (1.0 - share) * scores + share * fitted_scores
        rows = request.frame.filter(pl.Series(is_left_out))
        rows = rows if left_out.strangers is None else pl.concat([rows, rows])
        threshold = _threshold_of_alarms(task, prepared.plan, rows, labels, expected)
        if threshold is None:
            threshold = threshold_from_labels(labels[known], expected[known], task.targets, rng=rng)
            seen = 1.0 if _are_apart(rows) else float(is_left_out.mean())
            threshold = max(threshold, _threshold_of_clean(task, rows, labels, expected, seen=seen))
        return threshold, OperatingPoint(method="labels", n=int(known.sum()), n_positive=n_positive)
    normal = scores if labels is None else scores[labels != 1]
    budget = task.false_alarms_per_day
    set_by = threshold_of_rarity if request.estimator.traits.tells_rarity else threshold_from_tail
    threshold = set_by(normal, false_alarms_per_day=budget, rows_per_day=prepared.rows_per_day)
    point = OperatingPoint(method="tail", n=len(normal), n_positive=n_positive, false_alarms_per_day=budget)
    return threshold, point
