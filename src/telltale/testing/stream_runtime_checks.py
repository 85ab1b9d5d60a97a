"""What every trained version promises whose model adapts, beside what the others of kind "score" do."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from telltale.contract.answer import Input
from telltale.contract.errors import BundleError
from telltale.models.bundle import MANIFEST
from telltale.models.runtimes import load_runtime
from telltale.models.stream_runtime import StreamRuntime
from telltale.telemetry.frames import ENTITY, TIME, sort_checked
from telltale.testing import bundle_checks, runtime_checks
from telltale.testing.bundle_checks import BUNDLE_CHECKS, RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.row_checks import check_rows_alone_in_a_frame_are_answered_as_single_rows
from telltale.testing.samples import epoch_s, two_entities
from telltale.testing.trained_task import TrainedTask

_NEAR: Final = 1e-6


def check_a_frame_is_a_stream_of_steps(subject: TrainedTask) -> None:
    """A frame's scores are those of its rows one after the other, entity by entity; a step leaves the state before as it was."""
    runtime, frame = _streams(subject), two_entities(subject.held_out)
    scores = runtime.score_frame(frame)
    rows, times, entities = frame.select(runtime.columns).rows(), epoch_s(frame), frame[ENTITY].to_list()
    state = None
    for place, (row, time_s, entity) in enumerate(zip(rows, times, entities, strict=True)):
        if place == 0 or entity != entities[place - 1]:
            state = runtime.start(entity, time_s)
        assert state is not None
        answer, after = runtime.step(state, row, time_s, entity)
        assert runtime.step(state, row, time_s, entity)[0] == answer, "a step moved the state that it began from"
        assert _is_near(answer.score, scores[place]), (
            f"row {place}: {answer.score} by steps, {scores[place]} in a frame"
        )
        assert answer.decision == (answer.score >= runtime.threshold)
        state = after


def check_a_window_is_its_rows_in_order(subject: TrainedTask) -> None:
    """A window of rows is answered as its last row in a frame of them."""
    runtime, frame = _streams(subject), subject.held_out.head(60)
    rows, times = frame.select(runtime.columns).rows(), epoch_s(frame)
    one = frame.with_columns(pl.lit("check-a").alias(ENTITY))
    scores = runtime.score_frame(sort_checked(one))
    for end in (1, 2, 30, len(rows)):
        answer = runtime.answer([Input(rows=rows[:end], times=times[:end], entity="check-a")])[0]
        assert _is_near(answer.score, scores[end - 1]), f"{end} rows: {answer.score} in a window, {scores[end - 1]}"
        assert answer.context == ("window" if end > 1 else "row"), answer.context


def check_what_was_trained_on_goes_on(subject: TrainedTask) -> None:
    """Rows after those of training are scored by what training saw of their entity; rows from before begin it anew."""
    runtime, train = _streams(subject), subject.rows.train
    entity: str = train[ENTITY][0]
    own = train.filter(pl.col(ENTITY) == entity)
    upto_s = runtime.upto_s(entity)
    assert upto_s == epoch_s(own)[-1], f"its rows ended at {epoch_s(own)[-1]}, not {upto_s}"

    fresh = runtime.scorer.fresh().pack()
    assert np.array_equal(runtime.start(entity, epoch_s(own)[0]).pack(), fresh), "earlier rows do not begin it anew"
    assert np.array_equal(runtime.start("never seen", upto_s + 60.0).pack(), fresh), "somebody unknown is not fresh"
    assert not np.array_equal(runtime.start(entity, upto_s + 60.0).pack(), fresh), "what was seen is forgotten"
    times_s = epoch_s(own)
    later = pl.duration(
        seconds=times_s[-1] - 2 * times_s[0] + times_s[1]
    )  # the same rows once more, as those that follow
    moved = own.with_columns(pl.col(TIME) + later)
    assert not np.array_equal(runtime.score_frame(moved), runtime.score_frame(own)), "what was seen changes nothing"


def check_the_self_test_notices_a_model_of_other_columns(subject: TrainedTask) -> None:
    """The self-test passes on the version, and raises BundleError where plan and model do not fit each other."""
    subject.runtime.self_test()
    manifest = json.loads((subject.directory / MANIFEST).read_bytes())
    manifest["plan"]["columns"].append("one_more")
    with tempfile.TemporaryDirectory() as name:
        broken = Path(name) / "bundle"
        shutil.copytree(subject.directory, broken)
        (broken / MANIFEST).write_bytes(json.dumps(manifest).encode())

        assert_refused(BundleError, "self-test", load_runtime(broken).self_test)


STREAM_RUNTIME_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_a_frame_is_a_stream_of_steps,
    check_a_window_is_its_rows_in_order,
    check_what_was_trained_on_goes_on,
    check_the_self_test_notices_a_model_of_other_columns,
    runtime_checks.check_one_finite_answer_per_input,
    runtime_checks.check_reasons_come_when_asked_and_with_a_decision,
    runtime_checks.check_inputs_are_not_mutated,
    runtime_checks.check_answer_is_row_wise,
    runtime_checks.check_one_row_is_a_window_of_one,
    runtime_checks.check_no_look_ahead,
    runtime_checks.check_missing_and_wrong_values_are_refused_by_name,
    runtime_checks.check_bounded,
    check_rows_alone_in_a_frame_are_answered_as_single_rows,
    *(check for check in BUNDLE_CHECKS if check is not bundle_checks.check_self_test_notices_a_model_of_other_features),
)


def _streams(subject: TrainedTask) -> StreamRuntime:
    runtime = subject.runtime
    assert isinstance(runtime, StreamRuntime), f"{subject.estimator} does not adapt"
    return runtime


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(1.0, abs(other))
