import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from telltale.evaluate.ranking import Labels, Scores, auroc, average_precision, cuts

# Few distinct scores, so that ties are the rule and not the exception.
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.sampled_from([-1.0, 0.0, 0.5, 0.5000001]), st.floats(-1e6, 1e6))),
    min_size=2,
    max_size=60,
)


def columns(rows: list[tuple[int, float]]) -> tuple[Labels, Scores]:
    return np.array([label for label, _ in rows], dtype=np.int8), np.array([score for _, score in rows])


@given(rows=ROWS)
def test_auroc_is_that_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, scores = columns(rows)

    if labels.min() == labels.max():
        assert np.isnan(auroc(labels, scores))
    else:
        assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(rows=ROWS)
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    labels, scores = columns(rows)

    if labels.max() == 0:
        assert np.isnan(average_precision(labels, scores))
    else:
        assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@given(rows=ROWS, seed=st.integers(0, 10))
def test_figures_do_not_depend_on_the_order_of_rows(rows: list[tuple[int, float]], seed: int) -> None:
    labels, scores = columns(rows)
    order = np.random.default_rng(seed).permutation(labels.size)

    np.testing.assert_equal(auroc(labels[order], scores[order]), auroc(labels, scores))
    np.testing.assert_equal(average_precision(labels[order], scores[order]), average_precision(labels, scores))


@given(rows=ROWS)
def test_every_cut_counts_the_rows_at_or_above_it(rows: list[tuple[int, float]]) -> None:
    labels, scores = columns(rows)

    at = cuts(labels, scores)

    assert at.threshold.tolist() == sorted(set(scores.tolist()), reverse=True)
    for threshold, tp, fp in zip(at.threshold, at.tp, at.fp, strict=True):
        assert tp == sum(label for label, score in rows if score >= threshold)
        assert fp == sum(1 - label for label, score in rows if score >= threshold)


def test_a_score_that_is_always_the_same_ranks_nothing() -> None:
    labels = np.array([0] * 95 + [1] * 5, dtype=np.int8)

    assert auroc(labels, np.zeros(100)) == 0.5
    assert average_precision(labels, np.zeros(100)) == 0.05


def test_no_rows_give_no_figure() -> None:
    labels, scores = np.empty(0, dtype=np.int8), np.empty(0)

    assert np.isnan(auroc(labels, scores))
    assert np.isnan(average_precision(labels, scores))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_with_its_row(bad: float) -> None:
    with pytest.raises(ValueError, match=r"scores must be finite, got -?(nan|inf) in row 1"):
        auroc(np.array([0, 1], dtype=np.int8), np.array([0.0, bad]))


def test_an_unknown_label_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match="leave rows without a label out first"):
        auroc(np.array([0, 1, -1], dtype=np.int8), np.zeros(3))


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        auroc(np.array([0, 1], dtype=np.int8), np.zeros(3))
