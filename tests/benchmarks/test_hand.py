import numpy as np
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.hand import data_sets
from benchmarks.results import check


def test_there_are_ten_sets_the_same_each_time_with_two_classes_or_more() -> None:
    sets, again = data_sets(), data_sets()

    assert len(sets) == 10
    for name, (features, labels) in sets.items():
        assert np.array_equal(features, again[name][0]), name
        assert len(features) == len(labels) >= 150, name
        assert len(np.unique(labels)) >= 2, name


@pytest.mark.slow
def test_a_quick_run_keeps_the_contract_and_comes_near_to_scikit_learn() -> None:
    found = check(run("hand", Asked(quick=True), progress=lambda _line: None))

    assert [(row.name, row.ours) for row in found.rows] == [("telltale", True), ("scikit_learn", False)]
    assert found.cases == 10
    assert set(found.rows[0].by_case) == {"logistic_regression", "decision_tree"}
    assert all(set(BENCHMARKS["hand"].shown) <= set(row.metrics) for row in found.rows)
    # Few splits of small sets say this much; the full run, 0.01.
    assert (found.rows[0].metrics["accuracy_difference"] or 0) < 0.03
    assert (found.rows[0].metrics["time_ratio"] or 0) < 5
