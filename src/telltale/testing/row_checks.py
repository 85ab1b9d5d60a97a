"""What every trained version promises that answers rows and does not score: kinds "choose" and "segment"."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
import polars as pl

from telltale.contract.answer import Input
from telltale.contract.errors import SchemaError
from telltale.telemetry.frames import ENTITY
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.samples import epoch_s
from telltale.testing.streams import assert_bounded
from telltale.testing.trained_task import TrainedTask

_NEAR: Final = 1e-6


def check_rows_get_one_answer_each(subject: TrainedTask) -> None:
    """Every input gets one answer, in order; the numbers in it are finite."""
    inputs = _inputs(subject)
    answers = _runtime(subject).answer(inputs)

    assert len(answers) == len(inputs), f"{len(inputs)} inputs got {len(answers)} answers"
    for answer in answers:
        numbers = [answer.distance, answer.share] if hasattr(answer, "distance") else [*answer.costs.values()]
        assert all(map(math.isfinite, numbers)), f"{answer} is not finite"
    assert list(_runtime(subject).answer([])) == [], "no input, yet an answer"


def check_answered_rows_are_not_mutated(subject: TrainedTask) -> None:
    """Inputs and frames are as they were after an answer."""
    inputs = [Input(rows=[list(row) for row in one.rows], times=list(one.times)) for one in _inputs(subject)]
    frame = subject.held_out.clone()
    before = copy.deepcopy(inputs), frame.to_dict(as_series=False)

    _runtime(subject).answer(inputs)
    subject.runtime.answer_frame(frame)

    assert inputs == before[0], "inputs were changed"
    assert frame.to_dict(as_series=False) == before[1], "the frame was changed"


def check_answers_are_row_wise(subject: TrainedTask) -> None:
    """An answer is the same alone, in a batch, in any order, by the quick way, and from several threads at once."""
    runtime, inputs = _runtime(subject), _inputs(subject)
    together = list(runtime.answer(inputs))

    assert [runtime.answer([given])[0] for given in inputs] == together, "alone it is another answer"
    assert list(runtime.answer(inputs[::-1])) == together[::-1], "order moves answers"
    rows = [(one.rows[-1], one.times[-1], one.entity, False) for one in inputs]
    assert [runtime.answer_row(*row[:3]) for row in rows] == together, "the quick way gives another answer"
    assert list(runtime.answer_rows(rows)) == together, "several rows at once give other answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(runtime.answer, [inputs] * 8):
            assert list(answers) == together, "threads move answers"


def check_frames_are_answered_as_rows_are(subject: TrainedTask) -> None:
    """What `telltale score` writes of a row is what serving answers."""
    frame = subject.held_out
    answers = _runtime(subject).answer(_inputs(subject, every=1))
    framed = subject.runtime.answer_frame(frame)

    assert framed.height == frame.height, f"{frame.height} rows got {framed.height} answers"
    name = "choice" if "choice" in framed.columns else "segment"
    served = [getattr(answer, name) for answer in answers]
    differing = [i for i, (one, other) in enumerate(zip(served, framed[name], strict=True)) if one != other]
    # Sums in float32 may be added up in another order, and two choices may cost nearly the same.
    assert len(differing) <= 0.01 * frame.height, f"{name} differs at rows {differing[:5]}"


def check_rows_alone_in_a_frame_are_answered_as_single_rows(subject: TrainedTask) -> None:
    """In a frame of rows that have nothing to do with each other, each is answered as when it is sent alone."""
    runtime, frame = _runtime(subject), subject.held_out.sample(fraction=1.0, shuffle=True, seed=0)
    plan = subject.runtime.manifest.plan
    assert plan is not None, "kinds that answer rows have a plan"
    third = pl.int_range(pl.len()) % 3 == 0
    frame = frame.with_columns(pl.when(third.not_()).then(pl.col(name)).alias(name) for name in plan.nullable)
    times, entities = epoch_s(frame), frame[ENTITY].to_list()
    rows = [
        (values, time_s, entity, False)
        for values, time_s, entity in zip(frame.select(runtime.columns).rows(), times, entities, strict=True)
    ]
    framed = runtime.answer_frame(frame, alone=True).rows(named=True)

    for place, (answer, own) in enumerate(zip(runtime.answer_rows(rows), framed, strict=True)):
        served = {"cost": min(answer.costs.values())} if hasattr(answer, "costs") else msgspec.structs.asdict(answer)
        for name in {"score", "cost", "distance"} & own.keys():
            far = abs(served[name] - own[name]) > _NEAR * max(1.0, abs(served[name]))
            assert not far, f"row {place}: {name} {served[name]!r} alone, {own[name]!r} in the frame"


def check_broken_rows_are_refused_by_name(subject: TrainedTask) -> None:
    """A missing, non-finite or non-numeric value and a row of another length raise SchemaError, which names it."""
    runtime = _runtime(subject)
    plan = subject.runtime.manifest.plan
    assert plan is not None, "kinds that answer rows have a plan"
    place, name = next((i, name) for i, name in enumerate(runtime.columns) if name not in plan.nullable)
    row: list[Any] = list(_inputs(subject)[0].rows[-1])
    for wrong in (None, math.nan, math.inf, "7"):
        broken = [*row[:place], wrong, *row[place + 1 :]]
        assert_refused(SchemaError, name, runtime.answer, [Input(rows=[broken], times=[0.0])])
    assert_refused(SchemaError, "row", runtime.answer, [Input(rows=[row[:-1]], times=[0.0])])
    assert_refused(SchemaError, name, runtime.answer_frame, subject.held_out.drop(name))


def check_rows_are_answered_in_bounded_memory(subject: TrainedTask) -> None:
    """Memory and latency stay flat on a long stream of single rows."""
    runtime = _runtime(subject)
    assert_bounded(lambda one: runtime.answer_row(one.rows[-1], one.times[-1], None), _inputs(subject))


ROW_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_rows_get_one_answer_each,
    check_answered_rows_are_not_mutated,
    check_answers_are_row_wise,
    check_frames_are_answered_as_rows_are,
    check_rows_alone_in_a_frame_are_answered_as_single_rows,
    check_broken_rows_are_refused_by_name,
    check_rows_are_answered_in_bounded_memory,
)


def _runtime(subject: TrainedTask) -> Any:
    return subject.runtime


def _inputs(subject: TrainedTask, *, every: int = 7) -> list[Input]:
    """Windows of one row each: no task of these kinds looks back."""
    frame: pl.DataFrame = subject.held_out
    rows, times = frame.select(subject.runtime.columns).rows(), epoch_s(frame)
    return [
        Input(rows=[rows[i]], times=[times[i]], entity=frame[ENTITY][i] or None) for i in range(0, frame.height, every)
    ]
