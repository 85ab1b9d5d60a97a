import numpy as np
import pytest
from benchmarks.range_metrics import NO_PERIOD, events_found, period_of, segments, vus_pr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.evaluate.ranking import average_precision

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]


def plain_vus_pr(labels: Labels, scores: Scores, *, buffer: int) -> float:
    """The definition row by row: every buffer, every threshold, every row."""
    n = len(labels)
    runs = segments(labels)
    falling = sorted(scores.tolist(), reverse=True)
    thresholds = [falling[int(place)] for place in np.linspace(0, n - 1, 250)]
    areas = []
    for size in range(buffer + 1):
        reach = size // 2
        weight = labels.astype(float).tolist()
        near = [False] * n
        for row in range(n):
            for start, end in runs:
                away = max(start - row, row - end, 0)
                near[row] = near[row] or away <= reach
                if 0 < away <= reach:
                    weight[row] += (1 - away / size) ** 0.5
            weight[row] = min(weight[row], 1.0)
        # Anomalies whose buffers touch are one: where they do is told by the next anomaly's first row, not by the row before.
        wide: list[list[int]] = []
        for start, end in runs:
            if wide and wide[-1][1] + reach >= start - reach:
                wide[-1][1] = end
            else:
                wide.append([start, end])
        area, before = 0.0, 0.0
        for threshold in thresholds:
            flagged = [row for row in range(n) if scores[row] >= threshold]
            within = sum(weight[row] for row in flagged)
            edges = sum(weight[row] for row in flagged if not labels[row])
            n_labels = int(labels.sum()) + edges
            recall = min(within / ((int(labels.sum()) + n_labels) / 2), 1.0)
            alarmed = sum(any(start - reach <= row <= end + reach for row in flagged) for start, end in wide)
            recall *= alarmed / len(wide)
            area += (recall - before) * within / len(flagged)
            before = recall
        areas.append(area)
    return float(np.mean(areas))


@st.composite
def scored(draw: st.DrawFn) -> tuple[Labels, Scores]:
    n = draw(st.integers(4, 40))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int8)
    labels[draw(st.integers(0, n - 1))] = 1
    # Few values, so that there are ties.
    scores = np.array(draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)), dtype=np.float64)
    return labels, scores


@settings(max_examples=60, deadline=None)
@given(case=scored(), buffer=st.integers(0, 9))
def test_volume_equals_the_definition_row_by_row(case: tuple[Labels, Scores], buffer: int) -> None:
    labels, scores = case

    assert vus_pr(labels, scores, buffer=buffer) == pytest.approx(
        plain_vus_pr(labels, scores, buffer=buffer), abs=1e-12
    )


def test_without_a_buffer_an_anomaly_of_one_row_has_its_average_precision() -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.zeros(200, dtype=np.int8), rng.normal(size=200)
    labels[50] = 1
    scores[50] = 1.0

    assert vus_pr(labels, scores, buffer=0) == pytest.approx(average_precision(labels, scores))


def test_an_alarm_just_before_an_anomaly_counts_for_a_volume_and_not_for_average_precision() -> None:
    labels = np.zeros(400, dtype=np.int8)
    labels[200:220] = 1
    early, far = np.zeros(400), np.zeros(400)
    early[195:200] = far[100:105] = 1.0
    early[200:220] = far[200:220] = 0.5

    assert average_precision(labels, early) == average_precision(labels, far)
    assert vus_pr(labels, early, buffer=40) > vus_pr(labels, far, buffer=40) + 0.1


def test_no_anomaly_has_no_volume() -> None:
    assert np.isnan(vus_pr(np.zeros(20, dtype=np.int8), np.arange(20.0), buffer=4))


def test_the_period_is_the_median_over_columns_that_have_one() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(3_000)
    noise = 0.3 * rng.normal(size=(3_000, 5))
    daily = np.sin(t[:, None] * 2 * np.pi / np.array([48, 48, 96])) + noise[:, :3]
    still = np.zeros((3_000, 1))

    assert abs(period_of(np.hstack([daily, still])) - 48) <= 1
    assert period_of(np.hstack([daily[:, :1], noise[:, 1:5]])) == NO_PERIOD
    assert period_of(still) == NO_PERIOD


def test_events_are_counted_at_the_cut_that_the_share_of_normal_rows_passes() -> None:
    labels = np.zeros(1_000, dtype=np.int8)
    labels[100:110] = labels[500:520] = 1
    scores = np.linspace(0.0, 1.0, 1_000)[np.random.default_rng(0).permutation(1_000)]
    scores[100:120] = scores[500:520] = 0.0
    scores[503] = 2.0

    assert events_found(labels, scores, false_positive_rate=0.01) == (0.5, 3.0)
