"""Where the score of a version is cut: from labels where rows have them, else by the alert budget."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.app import Task
from telltale.contract.estimator import Scores
from telltale.contract.plan import Plan, WindowStat
from telltale.evaluate.alarm_figures import FALSE_ALARMS, alarm_figures, threshold_of_false_alarms
from telltale.evaluate.clean_entities import CLEAN_FLAGGED, threshold_of_clean_entities
from telltale.features.frame import epoch_s
from telltale.models.manifest import OperatingPoint
from telltale.telemetry.frames import ENTITY, TIME
from telltale.train.fitted import FitRequest, LeftOut
from telltale.train.prepared import Prepared
from telltale.train.threshold import (
    threshold_from_labels,
    threshold_from_share,
    threshold_from_tail,
    threshold_of_rarity,
)

# Fewer labelled anomalies than this say too little about where to cut.
_LEAST_POSITIVES: Final = 10
# Rows score higher under a model that knows a quarter of the days less, and lower under one that was fitted on them; what
# new rows score lies between, as in the .632 rule (Efron 1983), whose share of the fitted is .368.
_FITTED_SHARE: Final = 0.3
# So much of the false alarms that a task asks for may come on left-out rows: days and entities to come bring troubles of
# their own, two and a half times as many on the made-up networks that this was chosen on (seeds 11 to 13).
_ALARMS_ON_LEFT_OUT: Final = 0.4
_ONE: Final = 1.0 + 1e-9
# Of events, where a cut is raised for the sake of entities without one: room above the .95 that is asked.
_EVENTS_TO_FIND: Final = 0.97


def operating_point(
    request: FitRequest, prepared: Prepared, left_out: LeftOut, fitted_scores: Scores
) -> tuple[float, OperatingPoint]:
    """The threshold, and how it came about.

    Args:
        request: what is fitted.
        prepared: its rows.
        left_out: scores of rows by models that had not seen them, NaN where there is none.
        fitted_scores: of the same rows by the model that was fitted on all.
    """
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
    events, rows, memory_s = labels == 1, when_and_whose(frame), reach_s(plan)
    weeks = alarm_figures(events, events, *rows, memory_s=memory_s).entity_weeks
    if weeks == 0:
        return None
    return threshold_of_false_alarms(
        events,
        scores,
        *rows,
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
        labels == 1, scores, whose(frame), share=_ALARMS_ON_LEFT_OUT * asked, recall=_EVENTS_TO_FIND, seen=seen
    )


def _are_apart(frame: pl.DataFrame) -> bool:
    """Rows do not say whose they are."""
    return frame[ENTITY].n_unique() == 1 and frame[ENTITY][0] == ""


def whose(frame: pl.DataFrame) -> NDArray[np.int64]:
    """A number for each row's entity; where rows do not say whose they are, each stands for itself."""
    if _are_apart(frame):
        return np.arange(frame.height)
    return frame[ENTITY].rank("dense").to_numpy().astype(np.int64)


def when_and_whose(frame: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Epoch seconds of each row, and a number for its entity."""
    return epoch_s(frame).to_numpy(), frame[ENTITY].rle_id().to_numpy().astype(np.int64)


def reach_s(plan: Plan) -> float:
    """How far back a decision looks."""
    windows_s = [step.window_s for step in plan.steps if isinstance(step, WindowStat)]
    return max([*windows_s, plan.interval_s * plan.sequence])
