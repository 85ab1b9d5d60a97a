"""What every trained version promises that answers questions about an entity: kinds "rank" and "forecast"."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from telltale.contract.errors import NotFoundError, UsageError
from telltale.contract.query import ForecastQuery, RankQuery
from telltale.telemetry.frames import ENTITY
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.trained_task import TrainedTask


def check_questions_are_answered_by_themselves(subject: TrainedTask) -> None:
    """An answer is the same alone, in a batch, in any order, and from several threads at once."""
    runtime: Any = subject.runtime
    queries = [runtime.query(entity=name) for name in _entities(subject)]
    together = list(runtime.ask(queries))

    assert len(together) == len(queries), f"{len(queries)} questions got {len(together)} answers"
    assert [runtime.ask([query])[0] for query in queries] == together, "alone it is another answer"
    assert list(runtime.ask(queries[::-1])) == together[::-1], "order moves answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(runtime.ask, [queries] * 4):
            assert list(answers) == together, "threads move answers"
    assert list(runtime.ask([])) == [], "no question, yet an answer"


def check_ranked_items_are_new_to_the_entity(subject: TrainedTask) -> None:
    """As many items as asked for, each once, best first, and none that the entity has, unless it is asked for too."""
    runtime: Any = subject.runtime
    ranking = subject.task.ranking
    assert ranking is not None
    history = _known(subject)
    for name in _entities(subject):
        seen = set(history.filter(history[ENTITY] == name)[ranking.item])
        answer = runtime.ask([RankQuery(entity=name, top_k=7)])[0]
        items, scores = [one.item for one in answer.items], [one.score for one in answer.items]

        assert len(items) == len(set(items)) <= 7, f"{name}: {items}"
        assert scores == sorted(scores, reverse=True), f"{name}: {scores}"
        assert all(map(math.isfinite, scores)), f"{name}: {scores}"
        assert not seen & set(items), f"{name} has {seen & set(items)} already"
        more = runtime.ask([RankQuery(entity=name, top_k=7, seen=tuple(items[:2]))])[0]
        assert not set(items[:2]) & {one.item for one in more.items}, f"{name} was offered what it has just seen"


def check_strangers_get_what_is_popular(subject: TrainedTask) -> None:
    """Who is not known gets popular items and is told so; who tells what they have seen gets more than that."""
    runtime: Any = subject.runtime
    stranger = runtime.ask([RankQuery(entity="nobody-of-that-name", top_k=5)])[0]
    session = runtime.ask([RankQuery(seen=(stranger.items[0].item,), top_k=5)])[0]

    assert stranger.source == "popular", stranger
    assert len(stranger.items) == 5, stranger
    assert session.source != "popular", session
    assert_refused(UsageError, "top_k", runtime.ask, [RankQuery(top_k=0)])


def check_forecasts_go_on_from_the_end(subject: TrainedTask) -> None:
    """Steps follow the origin evenly, each value lies in its interval, and a shorter horizon is the first part."""
    runtime: Any = subject.runtime
    for name in _entities(subject):
        whole = runtime.ask([ForecastQuery(entity=name)])[0]
        times = [datetime.fromisoformat(step.time) for step in whole.steps]

        assert times, f"{name}: nothing is forecast"
        assert times[0] > datetime.fromisoformat(whole.origin), f"{name}: {times[0]} is no step ahead"
        assert times == sorted(set(times)), f"{name}: {times}"
        for step in whole.steps:
            assert step.low <= step.value <= step.high, f"{name}: {step}"
        fewer = runtime.ask([ForecastQuery(entity=name, horizon=2)])[0]
        assert fewer.steps == whole.steps[:2], f"{name}: two steps are not the first two"
    too_far = len(whole.steps) + 1
    assert_refused(UsageError, "horizon", runtime.ask, [ForecastQuery(entity=name, horizon=too_far)])
    assert_refused(NotFoundError, "nothing-of-that-name", runtime.ask, [ForecastQuery(entity="nothing-of-that-name")])


QUERY_CHECKS: Final[tuple[RuntimeCheck, ...]] = (check_questions_are_answered_by_themselves,)
RANK_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_ranked_items_are_new_to_the_entity,
    check_strangers_get_what_is_popular,
)
FORECAST_CHECKS: Final[tuple[RuntimeCheck, ...]] = (check_forecasts_go_on_from_the_end,)


def _entities(subject: TrainedTask) -> list[str]:
    return sorted(subject.held_out[ENTITY].unique().to_list())[:25]


def _known(subject: TrainedTask) -> Any:
    from telltale.train.version import together

    return together(subject.rows)
