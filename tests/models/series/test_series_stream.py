"""One series as it goes: the stream and its estimator."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError, SchemaError
from telltale.contract.estimator import Floats, Parts
from telltale.contract.stream import StreamRows
from telltale.models import series_stream
from telltale.models.series.stream import Found
from telltale.models.series_stream import ESTIMATOR, SeriesScorer, SeriesState

NEWS = 2.2
START_S = 1.7e9


def fresh() -> SeriesState:
    return ESTIMATOR.load(ESTIMATOR.fit([rows_of("a", np.arange(3.0))], labels=None, parameters={}, seed=0)).fresh()


def at(places: NDArray[np.int64]) -> Floats:
    return np.asarray(START_S + 300.0 * places, dtype=np.float64)


def follow(values: Floats, *, times_s: Floats | None = None) -> Floats:
    return fresh().score(values[:, None], at(np.arange(len(values))) if times_s is None else times_s)


def rows_of(entity: str, values: Floats) -> StreamRows:
    return StreamRows(entity=entity, times_s=at(np.arange(len(values))), rows=values[:, None])


def daily(n: int, *, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(50 + 15 * np.sin(np.arange(n) * 2 * np.pi / 288) + rng.normal(0, 2, n))


def scorer_of(*series: StreamRows) -> SeriesScorer:
    return ESTIMATOR.load(ESTIMATOR.fit(series, labels=None, parameters={}, seed=0))


def test_an_event_raises_one_alarm_and_its_other_rows_still_rank_above_usual_ones() -> None:
    values = daily(4_000, seed=3)
    values[2_500:2_503] += 60
    values[3_300:3_340] -= 60

    scores = follow(values)

    usual = scores[600:2_500]
    assert scores[2_500:2_503].max() >= NEWS
    assert 1 <= (scores[3_300:3_340] >= NEWS).sum() <= 3
    assert (usual >= NEWS).mean() < 0.002
    lasting = scores[3_300:3_340]
    assert lasting[lasting < NEWS].min() > np.quantile(usual, 0.99)


def test_what_is_no_news_is_squeezed_below_and_keeps_its_order() -> None:
    def score(deviation: float, *, news: float = 0.0, n_before: int = 50_000) -> float:
        return Found(deviation=deviation, rarity=3.0, news=news, n_before=n_before).score

    scores = [score(deviation) for deviation in (0.0, 3.0, 6.0, 27.0, 297.0, 1e12)]

    assert scores == sorted(scores)
    assert scores[:4] == pytest.approx([0.0, 2 * np.log10(2), 2 * np.log10(3), 1 + 1.2 / 2.2])
    assert 2.1 < scores[-1] < NEWS
    assert score(3.0, news=3.5) == 3.5
    assert score(3.0, news=9.0, n_before=10**6) == 4.5  # no more than it is out of the usual, and then some
    assert score(3.0, news=2.0) == score(3.0)
    assert score(3.0, news=3.5, n_before=100) == score(3.0)  # what a hundred rows can tell is not enough
    assert score(297.0, news=3.5, n_before=100) == 3.5


def test_a_tenth_of_usual_rows_score_one_and_more() -> None:
    scores = follow(np.random.default_rng(0).normal(50.0, 2.0, 6_000))[1_000:]

    assert (scores >= 1).mean() == pytest.approx(0.1, abs=0.05)
    assert (scores >= NEWS).mean() < 10**-NEWS
    assert (scores >= 3).mean() < 0.002


def test_what_happens_every_day_is_no_news_after_some_days() -> None:
    values = daily(288 * 20, seed=1)
    values[100::288] += 40

    scores = follow(values)[100::288]

    assert scores[1:3].max() >= NEWS
    assert scores[5:].max() < NEWS


def test_a_level_that_stays_is_told_once() -> None:
    values = np.random.default_rng(2).normal(50.0, 2.0, 3_000)
    values[1_500:] += 40

    scores = follow(values)

    assert scores[1_500] >= NEWS
    assert (scores[1_505:2_000] >= NEWS).sum() <= 2


SHAPES = {
    "flat": np.full(600, 45.0),
    "zero": np.zeros(600),
    "two values": np.tile([0.0, 1.0], 300),
    "rising": np.arange(600.0),
    "falling": -np.arange(600.0) * 1e9,
    "counter with resets": np.arange(600.0) % 250,
    "flat, then noise": np.append(np.full(300, 5.0), np.random.default_rng(7).normal(5, 1, 300)),
    "largest floats": np.tile([1.7e308, -1.7e308, 0.0, 5e-324], 150),
}
TIMES = {
    "usual": START_S + 300.0 * np.arange(600),
    "none": np.full(600, np.nan),
    "all equal": np.full(600, START_S),
    "backwards": START_S - 300.0 * np.arange(600),
    "huge gaps": START_S + 1e9 * np.arange(600.0),
    "before 1970": -1e10 + 300.0 * np.arange(600),
    "some": np.where(np.arange(600) % 3, np.nan, START_S + 300.0 * np.arange(600)),
}


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("times_s", TIMES.values(), ids=TIMES)
def test_odd_series_have_finite_scores(values: Floats, times_s: Floats) -> None:
    state = fresh()

    scores = state.score(values[:, None], times_s)

    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert np.isfinite(state.pack()).all()


@pytest.mark.parametrize("values", [np.full(600, 45.0), 50 + 1e-14 * daily(600, seed=5)], ids=["flat", "rounding"])
def test_a_flat_series_is_never_out_of_the_usual(values: Floats) -> None:
    assert follow(values).max() < 0.5


def test_a_counter_that_rises_is_no_news() -> None:
    steps = np.random.default_rng(8).poisson(20, 3_000)

    assert (follow(np.cumsum(steps).astype(np.float64)) >= NEWS).sum() <= 1


def test_a_missing_stretch_is_no_news() -> None:
    values, times = daily(288 * 12, seed=9), at(np.arange(288 * 12))
    there = np.ones(len(values), dtype=bool)
    there[288 * 8 : 288 * 9 + 100] = False

    scores = follow(values[there], times_s=times[there])

    assert scores[288 * 8 : 288 * 8 + 50].max() < NEWS


def test_units_do_not_matter() -> None:
    values = daily(1_500, seed=4)

    one, other, tiny = (follow(values * factor) for factor in (1.0, 1_024.0, 2.0**-60))

    np.testing.assert_allclose(other, one, atol=1e-9)
    np.testing.assert_allclose(tiny, one, atol=1e-9)


def test_a_state_is_bounded() -> None:
    state = fresh()
    walk = np.cumsum(np.random.default_rng(10).normal(size=3_000))
    state.score(walk[:, None], at(np.arange(len(walk))))

    assert len(state.pack()) < 6_000


def test_entities_go_on_where_their_rows_ended() -> None:
    values = daily(1_200, seed=11)
    scorer = scorer_of(rows_of("here", values[:800]), rows_of("there", -values[:500]))
    rest = values[800:, None], at(np.arange(800, 1_200))

    whole = follow(values)

    assert np.array_equal(scorer.start("here").score(*rest), whole[800:])
    assert not np.array_equal(scorer.start("elsewhere").score(*rest), whole[800:])


def test_of_too_many_entities_those_with_the_most_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_stream, "_MOST_ENTITIES", 2)
    told: list[str] = []
    series = [rows_of(name, daily(n, seed=n)) for name, n in (("short", 60), ("long", 90), ("longer", 100))]

    scorer = ESTIMATOR.load(ESTIMATOR.fit(series, labels=None, parameters={}, seed=0, tell=told.append))

    blank = scorer.fresh().pack()
    assert [np.array_equal(scorer.start(one.entity).pack(), blank) for one in series] == [True, False, False]
    assert "2 with the most rows" in told[0]


def test_no_rows_and_two_columns_are_refused() -> None:
    with pytest.raises(NotEnoughDataError):
        ESTIMATOR.fit([], labels=None, parameters={}, seed=0)
    with pytest.raises(SchemaError, match="one column"):
        fresh().score(np.zeros((3, 2)), np.zeros(3))


def test_states_and_parts_of_something_else_are_refused() -> None:
    parts = ESTIMATOR.fit([rows_of("a", daily(200, seed=0))], labels=None, parameters={}, seed=0)
    scorer = ESTIMATOR.load(parts)
    packed = scorer.start("a").pack()
    fractional = packed.copy()
    fractional[np.flatnonzero(packed == 288.0)[0]] = 287.5  # the count of a list

    for odd in (packed[:-1], np.append(packed, 0.0), np.where(packed == 1.0, np.nan, packed), fractional, packed[None]):
        with pytest.raises(BundleError, match="none of this model's"):
            scorer.unpack(odd)
    end = float(len(packed))
    for names, ends in (("a", [1.0]), ("a", [5.0, end]), ("ab", [end + 1.0, end])):
        odd_parts = Parts(arrays={**parts.arrays, "ends": np.array(ends)}, names={"entities": tuple(names)})
        with pytest.raises(BundleError, match="do not match"):
            ESTIMATOR.load(odd_parts)
    with pytest.raises(BundleError, match="lacks"):
        ESTIMATOR.load(Parts(arrays=parts.arrays))


def test_a_copy_goes_its_own_way() -> None:
    state = fresh()
    state.score(daily(300, seed=13)[:, None], at(np.arange(300)))
    before = state.pack()
    other = state.copy()

    other.score(100 + daily(300, seed=14)[:, None], at(np.arange(300, 600)))

    assert np.array_equal(state.pack(), before)
    assert not np.array_equal(other.pack(), before)


def test_blocks_of_any_size_are_alike() -> None:
    values = daily(700, seed=12)
    state = fresh()
    ends = [0, 1, 2, 50, 51, 300, 300, 700]

    parts = [state.score(values[first:end, None], at(np.arange(first, end))) for first, end in pairwise(ends)]

    assert np.array_equal(np.concatenate(parts), follow(values))
