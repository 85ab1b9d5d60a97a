"""What every trained version promises that acts and learns from what came of it: kind "act"."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import polars as pl

from telltale.contract.errors import BundleError, SchemaError, UsageError
from telltale.contract.estimator import Parts
from telltale.contract.query import ActQuery
from telltale.models.act_runtime import ActRuntime, drawable
from telltale.models.acting import action_name, actions_by_name, acts_of
from telltale.telemetry.frames import ENTITY
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.trained_task import TrainedTask

_N_DRAWS: Final = 4_000
_FIVE_SIGMA: Final = 5.0
_N_LESSONS: Final = 400
_N_STRANGERS: Final = 3_000
_MOST_BYTES: Final = 4_000_000


def check_actions_are_drawn_with_the_propensity_told(subject: TrainedTask) -> None:
    """What is drawn is available, each as often as is told beside it, from one thread or from four."""
    runtime = _runtime(subject)
    query = _queries(subject)[0]
    chances = runtime.probabilities(query)
    with ThreadPoolExecutor(4) as pool:
        answers = [one for some in pool.map(runtime.ask, [[query] * (_N_DRAWS // 4)] * 4) for one in some]

    for answer in answers:
        told = chances.get(action_name(answer.action))
        assert told == answer.propensity, f"{answer.action} was drawn with {told}, and told {answer.propensity}"
    drawn = Counter(action_name(answer.action) for answer in answers)
    for name, chance in chances.items():
        spread = np.sqrt(_N_DRAWS * chance * (1.0 - chance)) + 1.0
        off = abs(drawn[name] - _N_DRAWS * chance)
        assert off <= _FIVE_SIGMA * spread, f"{name} was drawn {drawn[name]} times of {_N_DRAWS}; {chance} was told"
    assert runtime.ask([]) == [], "no question, yet an answer"


def check_every_action_may_be_drawn(subject: TrainedTask) -> None:
    """Whatever is available and known, every available action has a probability above 0, and they sum to 1."""
    runtime = _runtime(subject)
    for query in _queries(subject):
        chances = runtime.probabilities(query)
        assert drawable(chances), f"{query}: {chances}"
        assert all(np.isfinite(answer.expected) for answer in runtime.ask([query])), f"{query}: nothing is expected"


def check_probabilities_are_the_same_whenever_asked(subject: TrainedTask) -> None:
    """What is told does not depend on what was asked before, nor on the thread: else a logged propensity would be wrong."""
    runtime = _runtime(subject)
    queries = _queries(subject)
    first = [runtime.probabilities(query) for query in queries]

    assert [runtime.probabilities(query) for query in queries[::-1]] == first[::-1], "order moves probabilities"
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(runtime.probabilities, queries)) == first, "threads move probabilities"


def check_what_cannot_be_done_is_refused_by_name(subject: TrainedTask) -> None:
    """Nothing available, something twice or outside the options, and a context nobody knows: errors that name it."""
    runtime, acting = _runtime(subject), subject.task.acting
    assert acting is not None
    available = _queries(subject)[0].available
    field = acting.available or "available"
    assert_refused(UsageError, field, runtime.ask, [ActQuery(available=(*available, available[0]))])
    assert_refused(SchemaError, "weather", runtime.ask, [ActQuery(available=available, context={"weather": 1.0})])
    if acting.options:
        assert_refused(UsageError, "nothing=1", runtime.ask, [ActQuery(available=("nothing=1",))])
        allowed = set(actions_by_name(acting))
        drawn = {action_name(answer.action) for answer in runtime.ask([ActQuery()] * 200)}
        assert drawn <= allowed, f"{drawn - allowed} are none of the options"
    else:
        assert_refused(UsageError, field, runtime.ask, [ActQuery()])


def check_learning_makes_another_and_can_be_taken_back(subject: TrainedTask) -> None:
    """Learning leaves the version as it was; what was learned is whole, and with it the version answers as the other does."""
    runtime, queries = _runtime(subject), _queries(subject)
    before = [runtime.probabilities(query) for query in queries]
    learned = runtime.learn(subject.held_out)
    after = [learned.probabilities(query) for query in queries]

    assert [runtime.probabilities(query) for query in queries] == before, "learning moved the version"
    assert after != before, f"{subject.held_out.height} rows taught nothing"
    told = learned.ask(queries[:1])[0].n_learned
    assert told == _n_lessons(subject, subject.held_out), f"it says that it has learned from {told}"
    restored = runtime.with_learned(learned.learned())
    assert [restored.probabilities(query) for query in queries] == after, "restored, it answers otherwise"
    assert restored.ask(queries[:1])[0].n_learned == told, "restored, it counts otherwise"
    back = runtime.with_learned(runtime.learned())
    assert [back.probabilities(query) for query in queries] == before, "taken back, it answers otherwise"
    assert_refused(BundleError, "learned", runtime.with_learned, Parts())


def check_learning_in_parts_is_learning_at_once(subject: TrainedTask) -> None:
    """Rows that come in two deliveries teach what they teach in one, to rounding; no rows teach nothing."""
    runtime, queries = _runtime(subject), _queries(subject)
    rows = _in_time(subject.held_out)
    cut = rows.height // 3
    whole = runtime.learn(rows)
    parted = runtime.learn(rows[:cut]).learn(rows[cut:])

    for query in queries:
        one, other = whole.probabilities(query), parted.probabilities(query)
        off = max(abs(one[name] - other[name]) for name in one)
        assert off < 0.02, f"{query}: parted, a probability is off by {off}"
    for name, array in whole.learned().arrays.items():
        assert np.allclose(array, parted.learned().arrays[name], rtol=1e-6, atol=1e-9), f"{name} differs"
    assert runtime.learn(rows[:0]).learned().arrays.keys() == runtime.learned().arrays.keys()
    assert runtime.learn(rows[:0]).ask(queries[:1])[0].n_learned == 0, "no rows, yet something learned"


def check_what_pays_is_done_more(subject: TrainedTask) -> None:
    """Taught some hundred times that one of four actions pays and the others do not, it does that one the most."""
    runtime = _runtime(subject)
    query = _queries(subject)[0]
    four = list(runtime.probabilities(query))[:4]
    learned = runtime.learn(_lessons(subject, four, good=four[2]))
    chances = learned.probabilities(ActQuery(available=tuple(four), context=query.context))

    assert max(chances, key=chances.__getitem__) == four[2], f"{four[2]} pays, and it is {chances}"
    assert chances[four[2]] > 0.5, f"{four[2]} pays, and it is {chances}"


def check_what_is_kept_stays_bounded(subject: TrainedTask) -> None:
    """Thousands of actions that come once and go leave no more behind than some megabytes."""
    acting = subject.task.acting
    assert acting is not None
    if acting.options:
        return
    names = [f"stranger-{number}" for number in range(_N_STRANGERS)]
    learned = _runtime(subject).learn(_lessons(subject, names, good=names[0], n=_N_STRANGERS))
    parts = learned.learned()
    kept = sum(array.nbytes for array in parts.arrays.values())

    assert kept <= _MOST_BYTES, f"{kept} bytes are kept of {_N_STRANGERS} actions"


ACT_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_actions_are_drawn_with_the_propensity_told,
    check_every_action_may_be_drawn,
    check_probabilities_are_the_same_whenever_asked,
    check_what_cannot_be_done_is_refused_by_name,
    check_learning_makes_another_and_can_be_taken_back,
    check_learning_in_parts_is_learning_at_once,
    check_what_pays_is_done_more,
    check_what_is_kept_stays_bounded,
)


def _runtime(subject: TrainedTask) -> ActRuntime:
    runtime: Any = subject.runtime
    assert isinstance(runtime, ActRuntime), f"{subject.task.name} does not act"
    return runtime


def _queries(subject: TrainedTask) -> list[ActQuery]:
    """As rows of the held-out part would have been asked; with some context, with none, and of strangers."""
    acting = subject.task.acting
    assert acting is not None
    acts = acts_of(subject.held_out, acting, subject.app.event(subject.task.event))
    found = []
    for place in range(0, len(acts.actions), max(1, len(acts.actions) // 12)):
        known = {
            name: float(value)
            for name, value in zip(acting.context, acts.contexts[place], strict=True)
            if np.isfinite(value)
        }
        found.append(ActQuery(available=acts.available[place], context=known))
    first = found[0].available
    found.append(ActQuery(available=first))
    found.append(ActQuery(available=first[:1], context=found[0].context))
    if not acting.options:
        found.append(ActQuery(available=(*first[:2], "never seen")))
    return found


def _n_lessons(subject: TrainedTask, frame: pl.DataFrame) -> int:
    assert subject.task.acting is not None
    return len(acts_of(frame, subject.task.acting, subject.app.event(subject.task.event)).actions)


def _in_time(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("@time", maintain_order=True)


def _lessons(subject: TrainedTask, names: list[str], *, good: str, n: int = _N_LESSONS) -> pl.DataFrame:
    """One row again and again, with these actions in turn, of which one pays well and the others badly."""
    acting, event = subject.task.acting, subject.app.event(subject.task.event)
    assert acting is not None
    rows = _in_time(subject.held_out).filter(pl.col(acting.reward.column).is_finite())
    low, high = (rows[acting.reward.column].quantile(level, "nearest") for level in (0.1, 0.9))
    best, worst = (low, high) if acting.reward.is_cost else (high, low)
    done = [names[number % len(names)] for number in range(n)]
    lesson = pl.concat([rows[:1]] * n).with_columns(
        pl.Series(acting.reward.column, [best if name == good else worst for name in done], dtype=pl.Float64)
    )
    if acting.reward.success:
        lesson = lesson.with_columns(pl.lit(1.0).alias(acting.reward.success))
    if acting.options:
        table = actions_by_name(acting)
        return lesson.with_columns(
            pl.Series(column, [float(table[name][column]) for name in done]) for column in acting.action
        )
    (column,) = acting.action
    lesson = lesson.with_columns(pl.Series(ENTITY if column == event.entity else column, done))
    if acting.available in lesson.columns:
        offered = names[: len(set(done))] if len(names) <= _N_LESSONS else None
        told = pl.lit(None) if offered is None else pl.Series(acting.available, [offered] * n)
        lesson = lesson.with_columns(told.alias(acting.available).cast(pl.List(pl.String)))
    return lesson
