import msgspec
import numpy as np
import pytest

from telltale.contract.errors import BundleError, NotEnoughDataError, SchemaError
from telltale.contract.estimator import Parts
from telltale.contract.stream import StreamRows
from telltale.models.columns_stream import ESTIMATOR
from telltale.models.series.columns_state import ColumnsState

Floats = np.ndarray


def usual(n: int, *, seed: int, k: int = 5) -> Floats:
    rng = np.random.default_rng(seed)
    loads = rng.normal(size=(n, 2))
    return np.asarray(loads @ np.random.default_rng(9).normal(size=(2, k)) + 0.2 * rng.normal(size=(n, k)))


def no_times(n: int) -> Floats:
    return np.full(n, np.nan)


def rows_of(values: Floats, entity: str = "one") -> StreamRows:
    return StreamRows(entity=entity, times_s=no_times(len(values)), rows=values)


def fit(*series: StreamRows, labels: list[Floats] | None = None) -> Parts:
    return ESTIMATOR.fit(series, labels=labels, parameters={}, seed=0)


def score(state_of: str, parts: Parts, rows: Floats) -> Floats:
    return ESTIMATOR.load(parts).start(state_of).score(rows, no_times(len(rows)))


def test_a_state_goes_on_from_where_training_ended() -> None:
    rows = usual(900, seed=0)
    scorer = ESTIMATOR.load(fit(rows_of(rows[:600])))
    fresh = scorer.fresh()

    led = fresh.score(rows, no_times(900))[600:]

    np.testing.assert_allclose(scorer.start("one").score(rows[600:], no_times(300)), led, rtol=1e-9)


def test_each_entity_is_scored_in_its_own_scale() -> None:
    one, other = usual(800, seed=1), 300.0 + 40.0 * usual(800, seed=2)
    parts = fit(rows_of(one[:600]), rows_of(other[:600], "other"))

    assert score("one", parts, one[600:]).mean() < 1.0
    assert score("other", parts, other[600:]).mean() < 1.0
    assert score("one", parts, other[600:]).min() > 3.0


def test_a_packed_state_is_as_large_as_it_was_however_many_rows_it_saw() -> None:
    state = ESTIMATOR.load(fit(rows_of(usual(200, seed=3)))).fresh()
    before = state.pack()

    state.score(usual(5_000, seed=4), no_times(5_000))

    assert before.shape == state.pack().shape == (3 + 31 * 5,)


def test_a_copy_and_what_was_packed_do_not_change_with_the_state() -> None:
    rows = usual(700, seed=5)
    state = ESTIMATOR.load(fit(rows_of(rows[:500]))).start("one")
    state.score(rows[500:510], no_times(10))
    copy, packed = state.copy(), state.pack()
    kept = packed.copy()

    state.score(3.0 * rows[510:], no_times(190))

    np.testing.assert_array_equal(copy.pack(), kept)
    np.testing.assert_array_equal(packed, kept)
    assert not np.array_equal(state.pack(), kept)


@pytest.mark.parametrize("value", [3e38, -3e38, 1e-45, 1.7e308])
def test_wherever_values_lie_scores_are_finite_and_so_is_what_is_remembered(value: float) -> None:
    rows = usual(300, seed=6)
    state = ESTIMATOR.load(fit(rows_of(rows))).start("one")
    odd = rows[:40].copy()
    odd[5:20, 1] = value
    odd[7] = -value

    assert np.isfinite(state.score(odd, no_times(40))).all()
    assert np.isfinite(state.pack()).all()


@pytest.mark.parametrize(
    "rows",
    [np.full((60, 3), 7.0), np.tile([[0.0, 1.0], [1.0, 0.0]], (40, 1)), np.full((60, 2), 3e38), np.eye(80)],
    ids=["nothing moves", "switches only", "far away", "more columns than a row tells"],
)
def test_odd_rows_to_fit_on_give_finite_parts_and_scores(rows: Floats) -> None:
    parts = fit(rows_of(rows))

    assert all(np.isfinite(array).all() for array in parts.arrays.values())
    assert np.isfinite(score("one", parts, rows)).all()


def test_rows_labelled_as_events_are_not_what_is_usual() -> None:
    rows = usual(1_000, seed=7)
    rows[300:500, 2] += 8.0
    labels = np.zeros(1_000, dtype=np.int8)
    labels[300:500] = 1
    new = usual(300, seed=8)
    new[200:220, 2] += 8.0

    told, untold = (score("stranger", fit(rows_of(rows), labels=known), new) for known in ([labels], None))

    assert told[202:220].min() > untold[202:220].max()


def test_fewer_than_fifty_usual_rows_are_refused() -> None:
    labels = np.zeros(60, dtype=np.int8)
    labels[:20] = 1

    with pytest.raises(NotEnoughDataError, match="at least 50"):
        fit(rows_of(usual(60, seed=9)), labels=[labels])


def test_rows_with_other_columns_are_refused() -> None:
    with pytest.raises(SchemaError, match="5 columns"):
        score("one", fit(rows_of(usual(80, seed=10))), np.zeros((3, 4)))


def test_parts_without_an_array_and_states_of_others_are_refused_by_name() -> None:
    parts = fit(rows_of(usual(80, seed=11)))
    without = {name: array for name, array in parts.arrays.items() if name != "drift_weight"}
    other = ESTIMATOR.load(fit(rows_of(usual(80, seed=12, k=4)))).fresh().pack()

    with pytest.raises(BundleError, match="drift_weight"):
        ESTIMATOR.load(msgspec.structs.replace(parts, arrays=without))
    no_unit = ESTIMATOR.load(parts).fresh().pack()
    no_unit[3 + 5] = 0.0
    for packed in (other, np.empty(0), np.full(3 + 31 * 5, np.inf), -np.ones(3 + 31 * 5), no_unit):
        with pytest.raises(BundleError, match="none of this model's"):
            ESTIMATOR.load(parts).unpack(packed)


def test_of_very_many_entities_those_with_the_most_rows_keep_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telltale.models.columns_stream._MOST_ENTITIES", 2)
    told: list[str] = []
    series = [rows_of(usual(60 + place, seed=place), f"device {place}") for place in range(3)]

    parts = ESTIMATOR.fit(series, labels=None, parameters={}, seed=0, tell=told.append)
    scorer = ESTIMATOR.load(parts)

    assert parts.names["entities"] == ("device 2", "device 1")
    assert told == ["Of 3 entities the 2 with the most rows have a scale of their own."]
    np.testing.assert_array_equal(scorer.start("device 0").pack(), scorer.fresh().pack())


def minutes(start: int, end: int) -> Floats:
    return 1.7e9 + 60.0 * np.arange(start, end)


def timed() -> tuple[Floats, Parts]:
    rows = usual(900, seed=13)
    return rows, fit(StreamRows(entity="one", times_s=minutes(0, 600), rows=rows[:600]))


def test_after_a_long_gap_only_the_scale_is_known() -> None:
    rows, parts = timed()
    far, near, anew = (ESTIMATOR.load(parts).start("one") for _ in range(3))
    anew.score(rows[:1], minutes(5_000, 5_001))

    after_gap = far.score(rows[600:650], minutes(700, 750))
    at_once = near.score(rows[600:650], minutes(610, 660))

    assert anew.pack()[2] == 1  # rows seen
    assert not np.allclose(after_gap[:10], at_once[:10])
    np.testing.assert_array_equal(after_gap, fresh_in_scale_of_one(parts).score(rows[600:650], minutes(0, 50)))


def fresh_in_scale_of_one(parts: Parts) -> ColumnsState:
    return ESTIMATOR.load(parts).fresh()  # there is one entity: its scale is that of all


@pytest.mark.parametrize("size", [1, 50, 300])
def test_a_gap_within_a_block_is_as_one_between_blocks(size: int) -> None:
    rows, parts = timed()
    times_s = minutes(600, 900)
    times_s[100:] += 86_400.0
    whole, in_parts = (ESTIMATOR.load(parts).start("one") for _ in range(2))

    found = np.concatenate(
        [in_parts.score(rows[600 + i : 600 + i + size], times_s[i : i + size]) for i in range(0, 300, size)]
    )

    np.testing.assert_allclose(found, whole.score(rows[600:], times_s), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(in_parts.pack(), whole.pack(), rtol=1e-9, atol=1e-9)


def test_what_lasted_before_a_gap_does_not_last() -> None:
    rows, parts = timed()
    state = ESTIMATOR.load(parts).start("one")
    state.score(9.0 * rows[600:700], minutes(600, 700))
    assert state.pack()[0] > 50.0

    state.score(rows[700:701], minutes(9_000, 9_001))

    assert state.pack()[0] < 3.0


def test_a_copy_knows_when_the_last_row_was() -> None:
    rows, parts = timed()
    state = ESTIMATOR.load(parts).start("one")
    state.score(rows[600:610], minutes(600, 610))
    copy = state.copy()

    copy.score(rows[610:611], minutes(610, 611))

    assert copy.pack()[2] == 611


def test_rows_with_times_do_not_go_on_from_rows_without() -> None:
    rows = usual(700, seed=14)
    parts = fit(rows_of(rows[:600]))
    state = ESTIMATOR.load(parts).start("one")

    state.score(rows[600:601], minutes(0, 1))

    assert state.pack()[2] == 1


def test_a_row_alone_long_after_training_is_no_alarm_because_of_what_was_then() -> None:
    rows = usual(1_000, seed=15)
    rows[:, 0] += 20.0 * np.sin(np.arange(1_000) / 100)
    parts = fit(StreamRows(entity="one", times_s=minutes(0, 800), rows=rows[:800]))

    alone = [ESTIMATOR.load(parts).start("one").score(rows[i : i + 1], minutes(9_999, 10_000))[0] for i in range(800)]

    assert np.mean(np.array(alone) >= 3.0) < 0.005
