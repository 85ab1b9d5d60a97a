from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from telltale.evaluate.metrics import ConfusionCounts, count_decisions, detection_metrics

ROWS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=80)
NAMES = {
    "precision",
    "recall",
    "false_positive_rate",
    "specificity",
    "false_negative_rate",
    "f1",
    "accuracy",
    "auroc",
    "average_precision",
    "far",
    "frr",
    "eer",
}


@given(rows=ROWS, threshold=st.sampled_from([-1.0, 0.25, 0.5, 0.6, 2.0]))
def test_rates_are_those_of_scikit_learn_where_they_are_defined(
    rows: list[tuple[int, float]], threshold: float
) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])
    decisions = scores >= threshold

    result = detection_metrics(labels, scores, threshold)

    oracles = {
        "precision": precision_score,
        "recall": recall_score,
        "f1": f1_score,
        "accuracy": accuracy_score,
    }
    for name, oracle in oracles.items():
        measured = result.metrics[name]
        if measured.n:
            assert measured.value == pytest.approx(oracle(labels, decisions), abs=1e-12)
    assert set(result.metrics) == NAMES
    assert result.counts.n == len(rows)
    assert result.counts.n_positive + result.counts.n_negative == len(rows)


@given(rows=ROWS, threshold=st.sampled_from([-1.0, 0.25, 0.5, 0.6, 2.0]))
def test_a_figure_is_inside_its_interval_or_undefined_with_no_rows(
    rows: list[tuple[int, float]], threshold: float
) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])

    for measured in detection_metrics(labels, scores, threshold).metrics.values():
        if measured.n == 0:
            assert isnan(measured.value)
            assert isnan(measured.low)
        else:
            assert 0 <= measured.low <= measured.value <= measured.high <= 1


@given(rows=ROWS, low=st.floats(-1, 2), high=st.floats(-1, 2))
def test_raising_the_threshold_never_flags_more(rows: list[tuple[int, float]], low: float, high: float) -> None:
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    scores = np.array([score for _, score in rows])

    loose = detection_metrics(labels, scores, min(low, high)).counts
    strict = detection_metrics(labels, scores, max(low, high)).counts

    assert strict.fp <= loose.fp
    assert strict.tp <= loose.tp


def test_the_published_confusion_matrix_gives_the_published_figures() -> None:
    labels = np.array([1] * 44 + [0] * 820, dtype=np.int8)
    scores = np.array([1.0] * 38 + [0.0] * 6 + [1.0] * 9 + [0.0] * 811)

    result = detection_metrics(labels, scores, 0.5)

    assert result.counts == ConfusionCounts(tp=38, fp=9, tn=811, fn=6)
    assert result.prevalence == pytest.approx(44 / 864)
    assert result.metrics["precision"].value == 38 / 47
    assert result.metrics["precision"].n == 47
    assert result.metrics["recall"].n == 44
    assert result.metrics["false_positive_rate"].value == 9 / 820
    assert result.metrics["specificity"].n == 820
    assert result.metrics["f1"].value == pytest.approx(2 * 38 / (2 * 38 + 9 + 6))
    assert result.metrics["auroc"].n == 44


def test_nothing_flagged_leaves_precision_undefined_and_recall_nought() -> None:
    result = detection_metrics(np.array([0, 1], dtype=np.int8), np.array([0.1, 0.2]), 0.9)

    assert isnan(result.metrics["precision"].value)
    assert result.metrics["precision"].n == 0
    assert result.metrics["recall"].value == 0.0
    assert result.metrics["f1"].value == 0.0


def test_rows_without_a_positive_say_nothing_of_precision_and_something_of_false_alarms() -> None:
    result = detection_metrics(np.zeros(100, dtype=np.int8), np.linspace(0, 1, 100), 0.9)

    for name in ("precision", "recall", "f1", "auroc", "average_precision"):
        assert isnan(result.metrics[name].value)
        assert result.metrics[name].n == 0
    assert result.metrics["false_positive_rate"].value == 0.1
    assert result.metrics["false_positive_rate"].n == 100


def test_no_rows_define_no_figure() -> None:
    result = detection_metrics(np.empty(0, dtype=np.int8), np.empty(0), 0.5)

    assert all(measured.n == 0 for measured in result.metrics.values())
    assert isnan(result.prevalence)


def test_a_score_equal_to_the_threshold_is_flagged() -> None:
    assert detection_metrics(np.array([1], dtype=np.int8), np.array([0.5]), 0.5).counts.tp == 1


def test_decisions_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        count_decisions(np.zeros(3, dtype=np.int8), np.zeros(2, dtype=np.bool_))


@pytest.mark.parametrize(("shift", "true"), [(1.0, 0.173), (2.0, 0.537), (3.5, 0.931)])
def test_the_average_precision_interval_covers_the_true_figure_at_least_92_times_in_100(
    shift: float, true: float
) -> None:
    rng = np.random.default_rng(3)
    labels = np.array([1] * 44 + [0] * 836, dtype=np.int8)  # 5 % positive, as `true` was measured on 400,000 rows

    covered = []
    for _ in range(300):
        measured = detection_metrics(labels, rng.normal(size=880) + shift * labels, 1.0).metrics["average_precision"]
        covered.append(measured.low <= true <= measured.high)

    assert np.mean(covered) > 0.92


def test_the_f1_interval_covers_the_true_f1_about_95_times_in_100() -> None:
    rng = np.random.default_rng(11)
    labels = np.array([1] * 44 + [0] * 836, dtype=np.int8)
    true = 2 * 0.8 * 44 / (2 * 0.8 * 44 + 0.02 * 836 + 0.2 * 44)  # recall 0.8, false-positive rate 0.02

    covered = []
    for _ in range(400):
        flagged = rng.random(880) < np.where(labels == 1, 0.8, 0.02)
        measured = detection_metrics(labels, flagged.astype(np.float64), 0.5).metrics["f1"]
        covered.append(measured.low <= true <= measured.high)

    assert 0.92 < np.mean(covered) < 0.995
