"""Neighbouring visits, beside a plain oracle that follows the paper's formulas visit by visit."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Interactions, Parameter, Parts
from telltale.models.sessions.choice import START
from telltale.models.sessions.cutting import Visits, cut_visits
from telltale.models.sessions.index import MOST_ITEMS, MOST_VISITS, VisitIndex
from telltale.models.sessions.returns import return_rates
from telltale.models.sessions.weighing import NEVER, SKNN, VSKNN, Weighing
from telltale.models.stan import ESTIMATOR

N_ITEMS = 25
DAY_S = 86_400.0
DECAYS = Weighing(neighbours=1_000, position=2.0, age_days=5.0, distance=1.5)


def rows_of(visits: Sequence[Sequence[int]], *, apart_s: float = DAY_S, n_items: int = N_ITEMS) -> Interactions:
    """A user a visit, a visit a day, an item a minute."""
    items = [item for visit in visits for item in visit]
    return Interactions(
        users=np.repeat(np.arange(len(visits)), [len(visit) for visit in visits]),
        items=np.array(items, dtype=np.int64),
        weights=np.ones(len(items)),
        times_s=np.array([1e9 + day * apart_s + 60.0 * at for day, own in enumerate(visits) for at in range(len(own))]),
        n_users=len(visits),
        n_items=n_items,
    )


def made_visits(n: int = 60, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, N_ITEMS, rng.integers(1, 9)).tolist() for _ in range(n)]


def oracle(
    visits: Sequence[Sequence[int]], ages_days: Sequence[float], current: Sequence[int], how: Weighing
) -> list[float]:
    """Garg et al. 2019, equations 1 to 5, one visit after another; of an item that came several times, the last place."""
    scores = [0.0] * N_ITEMS
    places = {item: place for place, item in enumerate(current)}
    n_with = [sum(item in visit for visit in visits if len(set(visit)) > 1) for item in range(N_ITEMS)]
    n_visits = sum(len(set(visit)) > 1 for visit in visits)
    for visit, age in zip(visits, ages_days, strict=True):
        where = {item: place for place, item in enumerate(visit)}
        shared = [item for item in places if item in where]
        if len(where) < 2 or not shared:
            continue
        alike = 0.0
        for item in shared:
            weight = math.exp(-(len(current) - 1 - places[item]) / how.position)
            alike += weight * (math.log(1 + n_visits / n_with[item]) if how.idf else 1.0)
        alike = alike / math.sqrt(len(where) * len(places)) * math.exp(-age / how.age_days)
        match = max(shared, key=lambda item: places[item])
        for item, place in where.items():
            scores[item] += alike * math.exp(-abs(place - where[match]) / how.distance)
    return scores


@pytest.mark.parametrize("idf", [False, True])
@pytest.mark.parametrize("current", [[3], [3, 7], [1, 2, 3, 2, 9], [4, 4], [24, 0, 12, 5, 6, 7, 8]])
def test_scores_are_those_of_the_paper(current: list[int], idf: bool) -> None:
    visits = made_visits()
    cut = cut_visits(rows_of(visits), gap_s=1_800.0, most_items=MOST_ITEMS)
    how = Weighing(neighbours=1_000, position=2.0, age_days=5.0, distance=1.5, idf=idf)

    found = VisitIndex(cut, n_items=N_ITEMS).score(current, how)

    assert found == pytest.approx(oracle(visits, cut.ages_days.tolist(), current, how), abs=1e-12)


def test_sknn_counts_the_neighbours_that_share_items() -> None:
    visits = [[1, 2], [1, 3], [1, 2, 4, 5]]
    index = VisitIndex(cut_visits(rows_of(visits), gap_s=1e9, most_items=9), n_items=N_ITEMS)

    found = index.score([1], SKNN)

    assert found[2] == pytest.approx(1 / math.sqrt(2) + 1 / math.sqrt(4))
    assert found[3] == pytest.approx(1 / math.sqrt(2))
    assert found[6] == 0.0


def test_only_the_most_alike_neighbours_speak() -> None:
    visits = [[1, 2, 3], [1, 9]] * 3
    index = VisitIndex(cut_visits(rows_of(visits), gap_s=1e9, most_items=9), n_items=N_ITEMS)

    found = index.score([1, 2, 3], Weighing(neighbours=3))

    assert found[2] > 0
    assert found[9] == 0.0


def test_vsknn_heeds_the_last_item_most() -> None:
    index = VisitIndex(cut_visits(rows_of([[1, 5], [2, 6]]), gap_s=1e9, most_items=9), n_items=N_ITEMS)

    found = index.score([1, 7, 8, 2], VSKNN)

    assert found[6] > found[5] > 0


def test_an_item_of_very_many_visits_is_looked_up_in_the_newest() -> None:
    visits = [[1, 2]] * MOST_VISITS + [[1, 3]] * MOST_VISITS
    index = VisitIndex(cut_visits(rows_of(visits), gap_s=1e9, most_items=9), n_items=N_ITEMS)

    found = index.score([1], Weighing(neighbours=10_000))

    assert found[3] > 0
    assert found[2] == 0.0


def test_rows_are_cut_where_nothing_happened_for_a_while() -> None:
    rows = Interactions(
        users=np.array([0, 0, 0, 1, 1]),
        items=np.array([1, 2, 3, 4, 5]),
        weights=np.ones(5),
        times_s=np.array([0.0, 600.0, 9_000.0, 100.0, 200.0]),
        n_users=2,
        n_items=6,
    )

    visits = cut_visits(rows, gap_s=1_800.0, most_items=9)

    assert [visits.of(number).tolist() for number in range(len(visits))] == [[4, 5], [1, 2], [3]]
    assert visits.ages_days.tolist() == pytest.approx([8_800 / DAY_S, 8_400 / DAY_S, 0.0])
    assert len(cut_visits(rows, gap_s=np.inf, most_items=9)) == 2
    assert cut_visits(rows, gap_s=np.inf, most_items=2).of(1).tolist() == [2, 3]


def test_how_often_one_goes_back_is_counted_by_how_long_ago_that_was() -> None:
    visits = Visits(np.array([1, 2, 1, 2, 1] * 40), np.arange(0, 201, 5), np.zeros(40))

    rates = return_rates(visits)

    assert rates[1] == pytest.approx(120 / 130)  # always to the one before, but for ten made-up chances
    assert rates[0] == 0.0
    assert not rates[2:].any()


def fit(rows: Interactions, **said: Parameter) -> Parts:
    parameters: Mapping[str, Parameter] = {**ESTIMATOR.defaults, **said}
    return ESTIMATOR.fit(rows, parameters=parameters, seed=0)


def test_what_comes_next_is_learnt_and_the_visit_so_far_decides() -> None:
    steps = [[item, item + 1, item + 2] for item in (0, 5, 10) for _ in range(30)]
    ranker = ESTIMATOR.load(fit(rows_of(steps)))

    assert int(ranker.score((), [5]).argmax()) == 6
    assert int(ranker.score([5], [10]).argmax()) == 11  # this visit, not the last one
    assert int(ranker.score([5], ()).argmax()) == 6  # without one, the last items
    assert not ranker.score((), [20]).any()
    assert not ranker.score((), ()).any()


def test_returns_are_offered_where_people_go_back_and_can_be_left_out() -> None:
    steps = [[item, item + 1, item] for item in (0, 5, 10) for _ in range(30)]
    with_returns, without = (ESTIMATOR.load(fit(rows_of(steps), returns=returns)) for returns in (1, 0))

    # Of items that nobody had: what neighbours say is nothing.
    assert with_returns.score((), [20, 21]).argsort()[-1] == 20
    assert not without.score((), [20, 21]).any()
    assert int(with_returns.score((), [0, 1]).argmax()) == 0


def test_users_whose_rows_stand_alone_are_one_visit_each() -> None:
    rows = rows_of([[1, 2, 3]] * 4)
    lonely = Interactions(
        users=rows.users,
        items=rows.items,
        weights=rows.weights,
        times_s=np.arange(12.0) * DAY_S,
        n_users=4,
        n_items=N_ITEMS,
    )

    assert len(fit(lonely).arrays["visit_ages_days"]) == 4
    assert len(fit(lonely, gap_minutes=0.0).arrays["visit_ages_days"]) == 4


def test_only_the_newest_visits_are_kept() -> None:
    parts = fit(rows_of([[1, 2], [3, 4], [5, 6]]), max_visits=2)

    assert parts.arrays["visit_items"].tolist() == [3, 4, 5, 6]


def test_decays_are_chosen_on_the_newest_visits_unless_they_are_said() -> None:
    rng = np.random.default_rng(1)
    # Who was there says nothing until late: the newest visits go elsewhere than the older ones did.
    older = [[item, item + 1] for item in rng.integers(0, 10, 300).tolist()]
    newer = [[item, item + 12] for item in rng.integers(0, 10, 120).tolist()]
    rows = rows_of([*older, *newer])

    chosen, said = fit(rows).arrays, fit(rows, age_decay_days=1e9).arrays

    assert chosen["age_decay_days"][0] < START.age_days
    assert said["age_decay_days"][0] == NEVER


def test_the_same_rows_make_the_same_arrays() -> None:
    rows = rows_of(made_visits(200))

    first, second = fit(rows).arrays, fit(rows).arrays

    assert first.keys() == second.keys()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


@pytest.mark.parametrize("rows", [rows_of([]), rows_of([[1]]), rows_of([[1, 2]])])
def test_next_to_nothing_can_be_fitted(rows: Interactions) -> None:
    ranker = ESTIMATOR.load(fit(rows))

    assert np.isfinite(ranker.score([1], [2])).all()


def test_parts_that_do_not_fit_are_refused() -> None:
    arrays = fit(rows_of([[1, 2], [3, 4]])).arrays

    with pytest.raises(BundleError, match=r"lacks \['visit_items'\]"):
        ESTIMATOR.load(Parts(arrays={name: own for name, own in arrays.items() if name != "visit_items"}))
    with pytest.raises(BundleError, match="do not fit"):
        ESTIMATOR.load(Parts(arrays={**arrays, "visit_items": arrays["visit_items"][1:]}))
