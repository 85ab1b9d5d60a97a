"""What every trained version of a task of kind "score" promises (`telltale.contract.answer.Runtime`).

A check takes a `TrainedTask`: a task trained with one of its estimators on rows from its app's simulator. What is
promised of its files is in `bundle_checks`; the suite of a kind has both.
"""

import copy
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.answer import Input, Reason
from telltale.contract.errors import SchemaError
from telltale.evaluate.ranking import auroc, average_precision
from telltale.features.frame import run_plan
from telltale.features.window import CompiledPlan
from telltale.telemetry.frames import TIME
from telltale.telemetry.times import show_time
from telltale.testing.act_checks import ACT_CHECKS
from telltale.testing.bundle_checks import BUNDLE_CHECKS, RuntimeCheck
from telltale.testing.next_checks import NEXT_CHECKS
from telltale.testing.query_checks import FORECAST_CHECKS, QUERY_CHECKS, RANK_CHECKS
from telltale.testing.refusals import assert_refused
from telltale.testing.row_checks import ROW_CHECKS, check_rows_alone_in_a_frame_are_answered_as_single_rows
from telltale.testing.samples import disturbed, epoch_s, known_labels, last_value_scores, two_entities, windows
from telltale.testing.similar_checks import SIMILAR_CHECKS
from telltale.testing.streams import assert_bounded
from telltale.testing.trained_task import TrainedTask
from telltale.testing.verify_checks import VERIFY_CHECKS

# Feature paths differ in the last bits of float64; models see float32, where that can be one step of the seventh digit.
_FEATURE_RTOL, _SCORE_RTOL = 1e-9, 1e-5
_CLEARLY = 0.1


def check_one_finite_answer_per_input(subject: TrainedTask) -> None:
    """Every input gets one answer, in order, with a finite score and `decision` = `score >= threshold`: bad days too."""
    for frame in (subject.held_out, _bad_day(subject)):
        inputs = windows(subject.scoring, frame, range(0, frame.height, 7))
        answers = subject.scoring.answer(inputs)

        assert len(answers) == len(inputs), f"{len(inputs)} inputs got {len(answers)} answers"
        for given, answer in zip(inputs, answers, strict=True):
            assert math.isfinite(answer.score), f"{given} scores {answer.score}"
            assert answer.decision == (answer.score >= answer.threshold), f"{answer} does not keep its threshold"
            assert answer.threshold == subject.scoring.threshold
    assert subject.scoring.answer([]) == [], "no input, yet an answer"


def check_context_says_whether_history_was_at_hand(subject: TrainedTask) -> None:
    """`context` is "window" where the rows before were given, "row" where the plan had to do without."""
    runtime = subject.scoring
    frame = two_entities(subject.held_out)  # where there are hundreds of entities, none may have rows enough
    full, short = windows(runtime, frame, [frame.height - 1])[0], windows(runtime, frame, [0])[0]

    assert runtime.answer([full])[0].context == "window", "history was given, and the answer says row"
    if runtime.whole_history:
        assert runtime.answer([short])[0].context == "row", "no history was given, and the answer says window"


def check_reasons_come_when_asked_and_with_a_decision(subject: TrainedTask) -> None:
    """Reasons come with `explain` or a positive decision, name measured metrics, and the value lies out of its range.

    A plan that explains nothing, because its columns have no expected range, gives none.
    """
    inputs = windows(subject.scoring, subject.held_out, range(subject.held_out.height))
    explains = bool(subject.scoring.plan.explained)
    for given, answer in zip(inputs, subject.scoring.answer(inputs), strict=True):
        wanted = answer.decision and explains
        assert bool(answer.reasons) == wanted, f"decision {answer.decision}, reasons {answer.reasons}"
        for reason in answer.reasons:
            assert reason.expected_low <= reason.expected_high, reason
            if reason.metric in subject.scoring.columns:
                sent = given.rows[_place(reason, given)][subject.scoring.columns.index(reason.metric)]
                assert sent is None or reason.value == sent, reason  # None is told as what it was filled with
            if abs(reason.distance) > 3.0:
                is_inside = reason.expected_low <= reason.value <= reason.expected_high
                assert not is_inside, f"{reason} is said to be out of a range that it is in"

    if explains:
        asked = subject.scoring.answer(inputs[:1], explain=True)[0]
        assert asked.reasons, "explain was asked for, and there is no reason"


def _place(reason: Reason, given: Input) -> int:
    """Of the row that a reason is told of."""
    if not isinstance(reason.rows_before, int):
        return -1
    place = -1 - reason.rows_before
    assert reason.at == show_time(datetime.fromtimestamp(given.times[place], UTC)), f"{reason} is of another time"
    return place


def check_inputs_are_not_mutated(subject: TrainedTask) -> None:
    """Inputs and frames are as they were after an answer."""
    inputs = windows(subject.scoring, subject.held_out, range(0, 60, 3))
    inputs = [Input(rows=[list(row) for row in given.rows], times=list(given.times)) for given in inputs]
    frame = subject.held_out.clone()
    before = copy.deepcopy(inputs), frame.to_dict(as_series=False)

    subject.scoring.answer(inputs, explain=True)
    subject.scoring.score_frame(frame)

    assert inputs == before[0], "inputs were changed"
    assert frame.to_dict(as_series=False) == before[1], "the frame was changed"


def check_answer_is_row_wise(subject: TrainedTask) -> None:
    """An input's answer is the same alone, in a batch, in any order, and asked from several threads at once."""
    inputs = windows(subject.scoring, two_entities(subject.held_out), range(0, subject.held_out.height, 5))
    together = subject.scoring.answer(inputs)

    assert [subject.scoring.answer([given])[0] for given in inputs] == together, "alone it is another answer"
    assert subject.scoring.answer(inputs[::-1]) == together[::-1], "order moves answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(subject.scoring.answer, [inputs] * 8):
            assert answers == together, "threads move answers"


def check_one_row_is_a_window_of_one(subject: TrainedTask) -> None:
    """The quick way for one row gives the answer of a window of that row alone."""
    runtime = subject.scoring
    columns = runtime.columns
    times = epoch_s(subject.held_out)
    for i, row in enumerate(subject.held_out.select(columns).rows()):
        for entity in (None, "never seen"):
            answer = runtime.answer([Input(rows=[row], times=[times[i]], entity=entity)], explain=True)[0]
            assert runtime.answer_row(row, times[i], entity, explain=True) == answer, f"row {i}, entity {entity}"


def check_serve_equals_train(subject: TrainedTask) -> None:
    """Features of a row and the declared history equal those of the whole frame to 1e-9, and so do scores to 1e-5."""
    runtime = subject.scoring
    compiled = CompiledPlan(runtime.plan)
    for frame in (subject.held_out, two_entities(subject.held_out), _bad_day(subject)):
        framed = run_plan(runtime.plan, frame).select(runtime.plan.features).to_numpy()
        scores = runtime.score_frame(frame)
        inputs = windows(runtime, frame, range(frame.height))
        for i, (given, answer) in enumerate(zip(inputs, runtime.answer(inputs), strict=True)):
            served = compiled.features(compiled.run(given.rows, given.times, given.entity or ""))
            close = np.isclose(served, framed[i], rtol=_FEATURE_RTOL, atol=_FEATURE_RTOL)
            assert close.all(), _difference(runtime.plan.features, served, framed[i].tolist())
            far = abs(answer.score - scores[i]) > _SCORE_RTOL * max(1.0, abs(scores[i]))
            assert not far, f"row {i} scores {answer.score!r} when served, {scores[i]!r} in the frame"


def check_more_history_changes_nothing(subject: TrainedTask) -> None:
    """Rows older than the declared history do not change an answer."""
    runtime, frame = subject.scoring, subject.held_out
    rows, times = frame.select(runtime.columns).rows(), epoch_s(frame)
    need = runtime.history + 1
    for end in range(need + 25, frame.height, 11):
        longer = Input(rows=rows[end - need - 25 : end], times=times[end - need - 25 : end])
        exact = Input(rows=rows[end - need : end], times=times[end - need : end])
        assert runtime.answer([longer], explain=True) == runtime.answer([exact], explain=True), f"at row {end}"


def check_no_look_ahead(subject: TrainedTask) -> None:
    """Features and scores of a moment are unchanged when the rows after it are removed."""
    runtime, frame = subject.scoring, two_entities(subject.held_out)
    features = [*runtime.plan.features]
    whole, scores = run_plan(runtime.plan, frame).select(features), runtime.score_frame(frame)
    moments = frame[TIME].unique().sort()
    for moment in moments[:: max(1, len(moments) // 9)]:
        is_past = frame[TIME] <= moment
        past = frame.filter(is_past)
        # A frame of one row is computed without the processor's vectors, which can move the last bit.
        before, after = whole.filter(is_past).to_numpy(), run_plan(runtime.plan, past).select(features).to_numpy()
        assert np.allclose(after, before, rtol=1e-12, atol=1e-12), f"rows after {moment} move features before it"
        moved = np.abs(runtime.score_frame(past) - scores[is_past.to_numpy()])
        assert (moved <= _SCORE_RTOL).all(), f"rows after {moment} move scores before it"


def check_missing_and_wrong_values_are_refused_by_name(subject: TrainedTask) -> None:
    """A missing, non-finite or non-numeric value, a row of another length, and a column that is not there: SchemaError."""
    runtime = subject.scoring
    given = windows(runtime, subject.held_out, [50])[0]
    rows = [list(row) for row in given.rows]
    place, name = [(i, name) for i, name in enumerate(runtime.columns) if name not in runtime.plan.nullable][-1]
    for wrong in (None, math.nan, math.inf, -math.inf, "7"):
        broken = [*rows[:-1], [*rows[-1][:place], wrong, *rows[-1][place + 1 :]]]
        assert_refused(SchemaError, name, runtime.answer, [Input(rows=broken, times=given.times)])
    for other in (rows[-1][:-1], [*rows[-1], 1.0]):
        assert_refused(SchemaError, name, runtime.answer, [Input(rows=[*rows[:-1], other], times=given.times)])
    assert_refused(SchemaError, "time", runtime.answer, [Input(rows=rows, times=given.times[:-1])])
    assert_refused(SchemaError, "time", runtime.answer, [Input(rows=rows, times=[*given.times[:-1], math.nan])])
    assert_refused(SchemaError, "row", runtime.answer, [Input(rows=[], times=[])])

    frame = subject.held_out
    null = pl.lit(None, dtype=pl.Float64).alias(name)
    text = pl.col(name).cast(pl.String)
    for bad in (frame.drop(name), frame.with_columns(null), frame.with_columns(text), frame.with_columns(null + 1)):
        assert_refused(SchemaError, name, runtime.score_frame, bad)


def check_bounded(subject: TrainedTask) -> None:
    """Memory and latency stay flat on a long stream of single rows."""
    runtime = subject.scoring
    rows = list(zip(subject.held_out.select(runtime.columns).rows(), epoch_s(subject.held_out), strict=True))

    assert_bounded(lambda item: runtime.answer_row(item[0], item[1], "never seen"), rows)


def check_higher_score_is_more_likely_the_event(subject: TrainedTask) -> None:
    """Rows labelled positive score above the others in most pairs, and more of them are decided positive."""
    labels, scores = known_labels(subject.held_out), subject.scoring.score_frame(subject.held_out)

    assert auroc(labels, scores) > 0.8, f"a positive outscores a negative in {auroc(labels, scores):.0%} of pairs"
    decided = scores >= subject.scoring.threshold
    recall, false_alarms = decided[labels == 1].mean(), decided[labels == 0].mean()
    assert recall > false_alarms, f"{recall:.0%} of positives and {false_alarms:.0%} of negatives are decided positive"


def check_better_than_trivial(subject: TrainedTask) -> None:
    """On rows not trained on, it ranks positives clearly better than a constant and than the change from the last row."""
    labels, scores = known_labels(subject.held_out), subject.scoring.score_frame(subject.held_out)
    numbers = [name for name in subject.scoring.columns if name not in subject.scoring.plan.text]
    values = subject.held_out.select(pl.col(numbers).forward_fill().fill_null(0.0)).to_numpy()
    found = average_precision(labels, scores)

    for baseline, trivial in (("a constant", np.zeros(len(labels))), ("the last value", last_value_scores(values))):
        reached = average_precision(labels, trivial)
        assert found > reached + _CLEARLY, f"average precision {found:.3f}; {baseline}: {reached:.3f}"


ANSWER_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_one_finite_answer_per_input,
    check_context_says_whether_history_was_at_hand,
    check_reasons_come_when_asked_and_with_a_decision,
    check_inputs_are_not_mutated,
    check_answer_is_row_wise,
    check_one_row_is_a_window_of_one,
    check_serve_equals_train,
    check_more_history_changes_nothing,
    check_no_look_ahead,
    check_missing_and_wrong_values_are_refused_by_name,
    check_bounded,
    check_higher_score_is_more_likely_the_event,
    check_better_than_trivial,
)

# The suite of each kind of task; a kind that is not here is not covered.
RUNTIME_SUITES: Final[dict[str, tuple[RuntimeCheck, ...]]] = {
    "score": (*ANSWER_CHECKS, check_rows_alone_in_a_frame_are_answered_as_single_rows, *BUNDLE_CHECKS),
    "choose": (*ROW_CHECKS, *BUNDLE_CHECKS),
    "segment": (*ROW_CHECKS, *BUNDLE_CHECKS),
    "rank": (*QUERY_CHECKS, *RANK_CHECKS, *BUNDLE_CHECKS),
    "forecast": (*QUERY_CHECKS, *FORECAST_CHECKS, *BUNDLE_CHECKS),
    "verify": (*VERIFY_CHECKS, *BUNDLE_CHECKS),
    "act": (*ACT_CHECKS, *BUNDLE_CHECKS),
    "similar": (*SIMILAR_CHECKS, *BUNDLE_CHECKS),
    "next": (*NEXT_CHECKS, *BUNDLE_CHECKS),
}


def _bad_day(subject: TrainedTask) -> pl.DataFrame:
    return disturbed(subject.app, subject.task, subject.held_out, subject.scoring.columns, seed=0)


def _difference(names: Sequence[str], served: Sequence[float], framed: Sequence[float]) -> str:
    pairs = zip(names, served, framed, strict=True)
    return "; ".join(f"{name}: served {s!r}, in a frame {f!r}" for name, s, f in pairs if s != f)
