import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.train.threshold import threshold_from_labels, threshold_from_share, threshold_from_tail

Floats = NDArray[np.float64]
TARGETS = (
    Target(metric="precision", op=">=", limit=0.95),
    Target(metric="recall", op=">=", limit=0.85),
    Target(metric="false_positive_rate", op="<=", limit=0.15),
)


def cut(labels: list[int], scores: list[float] | Floats, targets: tuple[Target, ...] = TARGETS, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    return threshold_from_labels(np.array(labels, dtype=np.int8), np.array(scores), targets, rng=rng)


labelled = st.lists(st.tuples(st.integers(0, 1), st.floats(-100, 100)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(label for label, _ in rows) < len(rows)
)


@settings(max_examples=60, deadline=None)
@given(rows=labelled, seed=st.integers(0, 99))
def test_labelled_cut_lies_within_the_scores(rows: list[tuple[int, float]], seed: int) -> None:
    labels, scores = zip(*rows, strict=True)

    assert min(scores) <= cut(list(labels), list(scores), seed=seed) <= max(scores)


@settings(max_examples=40, deadline=None)
@given(
    low=st.lists(st.floats(-10, 0), min_size=20, max_size=60),
    high=st.lists(st.floats(5, 10), min_size=10, max_size=30),
)
def test_classes_that_lie_apart_are_cut_half_way_between_them(low: list[float], high: list[float]) -> None:
    found = cut([0] * len(low) + [1] * len(high), [*low, *high])

    assert max(low) < found <= min(high)
    assert found == pytest.approx((max(low) + min(high)) / 2, abs=0.5 * (min(high) - max(low)))


@settings(max_examples=40, deadline=None)
@given(rows=labelled, shift=st.integers(-50, 50))
def test_labelled_cut_moves_with_the_scores(rows: list[tuple[int, float]], shift: int) -> None:
    labels = [label for label, _ in rows]
    scores = [round(score, 1) for _, score in rows]

    moved = cut(labels, [score + shift for score in scores])

    assert moved == pytest.approx(cut(labels, scores) + shift, abs=1e-6)


def test_a_stricter_precision_target_never_lowers_the_cut() -> None:
    rng = np.random.default_rng(0)
    labels = [0] * 2_000 + [1] * 200
    scores = np.concatenate([rng.normal(0, 1, 2_000), rng.normal(2.5, 1, 200)])

    cuts = [
        cut(labels, scores, (Target(metric="precision", op=">=", limit=limit), TARGETS[1]))
        for limit in (0.3, 0.6, 0.9, 0.99)
    ]

    assert cuts == sorted(cuts)


def test_a_target_of_perfection_is_aimed_at() -> None:
    perfect = (
        Target(metric="precision", op=">=", limit=1.0),
        Target(metric="recall", op=">=", limit=1.0),
    )

    assert 0.2 < cut([0] * 50 + [1] * 50, [0.1] * 49 + [0.2] + [0.9] * 50, perfect) <= 0.9


@pytest.mark.parametrize("budget", [0.5, 2.0, 20.0])
def test_tail_cut_keeps_the_budget_of_false_alarms_on_scores_with_an_exponential_tail(budget: float) -> None:
    rng = np.random.default_rng(0)
    rows_per_day = 288.0

    threshold = threshold_from_tail(
        rng.exponential(size=20_000), false_alarms_per_day=budget, rows_per_day=rows_per_day
    )

    per_day = (rng.exponential(size=2_000_000) >= threshold).mean() * rows_per_day
    assert per_day == pytest.approx(budget, rel=0.3)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.floats(-1e3, 1e3), min_size=20, max_size=200),
    less=st.floats(0.01, 10),
    more=st.floats(0, 10),
)
def test_a_larger_budget_never_raises_the_tail_cut(scores: list[float], less: float, more: float) -> None:
    def threshold(budget: float) -> float:
        return threshold_from_tail(np.array(scores), false_alarms_per_day=budget, rows_per_day=288.0)

    assert threshold(less + more) <= threshold(less) + 1e-9


@pytest.mark.parametrize("share", [0.01, 0.03, 0.05])
def test_a_few_wild_scores_raise_the_tail_cut_little_however_wild_they_are(share: float) -> None:
    scores = np.random.default_rng(0).exponential(size=5_000)
    clean = threshold_from_tail(scores, false_alarms_per_day=2, rows_per_day=288.0)

    cuts = []
    for wild in (1e3, 1e9):
        scores[: int(share * len(scores))] = wild
        cuts.append(threshold_from_tail(scores, false_alarms_per_day=2, rows_per_day=288.0))

    assert cuts[0] == cuts[1]
    assert clean <= cuts[0] < 1.4 * clean


@pytest.mark.parametrize("score", [0.0, 0.5, 7.0, -3.0])
def test_scores_that_are_all_the_same_are_not_all_flagged(score: float) -> None:
    threshold = threshold_from_tail(np.full(500, score), false_alarms_per_day=2.0, rows_per_day=288.0)

    assert threshold > score


@given(share=st.floats(0.01, 0.49))
def test_a_given_share_is_flagged(share: float) -> None:
    scores = np.arange(1_000.0)

    assert (scores >= threshold_from_share(scores, share)).mean() == pytest.approx(share, abs=0.002)


def test_a_budget_finer_than_the_rows_can_tell_does_not_put_the_cut_out_of_reach() -> None:
    scores = np.random.default_rng(0).uniform(0.3, 0.6, size=120)  # of a model whose scores stay below 1

    threshold = threshold_from_tail(scores, false_alarms_per_day=2.0, rows_per_day=345_600.0)

    assert 0.6 < threshold < 1.0
