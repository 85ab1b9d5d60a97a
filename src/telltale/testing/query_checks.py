"""What every trained version promises that answers questions about an entity: kinds "rank" and "forecast"."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import numpy as np

from telltale.contract.errors import NotFoundError, UsageError
from telltale.contract.query import ForecastQuery, RankQuery
from telltale.telemetry.frames import ENTITY, LINE, TIME
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


def check_one_who_came_after_training_needs_no_new_version(subject: TrainedTask) -> None:
    """Who came after training, and did what one that is known did before it, is answered like that one."""
    runtime: Any = subject.runtime
    for name in _entities(subject):
        known = runtime.ask([RankQuery(entity=name)])[0]
        new = runtime.ask([RankQuery(entity="nobody-of-that-name", had=runtime.seen_by(name))])[0]

        assert new == known, f"like {name}: {new}, not {known}"
        bought = known.items[0].item
        later = runtime.ask([RankQuery(entity=name, had=(bought,))])[0]
        assert bought not in {one.item for one in later.items}, f"{name} was offered {bought}, which it has had since"


def check_only_what_is_wanted_is_offered(subject: TrainedTask) -> None:
    """Whatever is asked for beside: no item that is not wanted or has been had, each once, and as many as there are."""
    runtime: Any = subject.runtime
    assert subject.task.ranking is not None
    rng = np.random.default_rng(0)
    values = _values_of_items(subject)
    for name in (*_entities(subject)[:8], "nobody-of-that-name"):
        for attribute, of_item in ((None, {}), *values.items()):
            some, without, seen = (tuple(rng.choice(runtime.items, 4).tolist()) for _ in range(3))
            wanted = tuple(sorted({value for item in some for value in of_item.get(item, ())}))
            query = RankQuery(
                entity=name,
                top_k=50,
                seen=seen,
                without=without,
                filters={} if attribute is None else {attribute: wanted},
                diversity=float(rng.choice([0.0, 0.5, 1.0])),
            )
            allowed = set(runtime.items) - {*without, *seen, *runtime.seen_by(name)}
            if attribute is not None:
                allowed = {item for item in allowed if set(wanted) & set(of_item.get(item, ()))}
            items = [one.item for one in runtime.ask([query])[0].items]

            assert set(items) <= allowed, f"{query}: {set(items) - allowed}"
            assert len(items) == len(set(items)) == min(50, len(allowed)), f"{query}: {len(items)} of {len(allowed)}"
    assert_refused(UsageError, "no-such-attribute", runtime.ask, [RankQuery(filters={"no-such-attribute": ("x",)})])
    assert_refused(UsageError, "diversity", runtime.ask, [RankQuery(diversity=1.5)])


def check_the_best_stands_first_however_unlike_the_others_are(subject: TrainedTask) -> None:
    """With diversity the best is the first, and somebody's list is another; with hardly any it is in the order of scores."""
    runtime: Any = subject.runtime

    def lists(diversity: float) -> list[tuple[Any, ...]]:
        queries = [RankQuery(entity=name, diversity=diversity, top_k=8) for name in _entities(subject)]
        return [answer.items for answer in runtime.ask(queries)]

    plain, hardly, fully = lists(0.0), lists(1e-12), lists(1.0)
    scores = [[one.score for one in items] for items in hardly]
    assert scores == [[one.score for one in items] for items in plain], "hardly any diversity moves answers"
    assert fully != plain, "diversity moves nothing"
    assert [items[0] for items in fully] == [items[0] for items in plain], "the best is not the first"


def check_a_group_is_told_from_another(subject: TrainedTask) -> None:
    """Who is not known but told to be of a group that is known gets what is popular there; of another, what is popular."""
    runtime: Any = subject.runtime
    ranking = subject.task.ranking
    assert ranking is not None
    rows = _known(subject)
    has_groups = ranking.segment is not None and ranking.segment in rows.columns
    groups = sorted(rows[ranking.segment].drop_nulls().unique()) if has_groups else []
    answers = [runtime.ask([RankQuery(segment=group)])[0] for group in groups]

    assert all(answer.source == "segment" for answer in answers), answers
    assert len(groups) < 2 or len({answer.items for answer in answers}) > 1, "all groups are offered the same"
    assert runtime.ask([RankQuery(segment="no-such-group")])[0].source == "popular"


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
    check_one_who_came_after_training_needs_no_new_version,
    check_only_what_is_wanted_is_offered,
    check_the_best_stands_first_however_unlike_the_others_are,
    check_a_group_is_told_from_another,
)
FORECAST_CHECKS: Final[tuple[RuntimeCheck, ...]] = (check_forecasts_go_on_from_the_end,)


def _entities(subject: TrainedTask) -> list[str]:
    return sorted(subject.held_out[ENTITY].unique().to_list())[:25]


def _known(subject: TrainedTask) -> Any:
    from telltale.train.version import together

    return together(subject.rows)


def _values_of_items(subject: TrainedTask) -> dict[str, dict[str, tuple[str, ...]]]:
    """By attribute, the values of each item: what the latest row says that says anything."""
    ranking = subject.task.ranking
    assert ranking is not None
    rows = _known(subject)
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in ranking.attributes:
        if name in rows.columns:
            said = rows.filter(rows[name].is_not_null()).sort(TIME, LINE)
            pairs = zip(said[ranking.item].to_list(), said[name].to_list(), strict=True)
            found[name] = {item: (value,) if isinstance(value, str) else tuple(value) for item, value in pairs}
    return found
