import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Features, Parts
from telltale.models.window_residual import ESTIMATOR

N_ROWS, N_COLUMNS, SEQUENCE = 1_500, 6, 4


def moving(*, seed: int) -> Features:
    """Six columns that follow one slow swing, each a little late, and noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(N_ROWS)[:, None] / 40.0 + rng.uniform(0, 6)
    swing = np.sin(t + np.linspace(0, 1, N_COLUMNS))
    return np.asarray(swing + 0.1 * rng.normal(size=(N_ROWS, N_COLUMNS)), dtype=np.float32)


def side_by_side(rows: Features, sequence: int) -> Features:
    at = np.maximum(np.arange(len(rows))[:, None] - np.arange(sequence - 1, -1, -1), 0)
    return np.asarray(rows[at].reshape(len(rows), -1), dtype=np.float32)


def test_a_column_that_leaves_the_others_stands_out_though_its_value_is_usual() -> None:
    scorer = ESTIMATOR.load(ESTIMATOR.fit(moving(seed=0), labels=None, parameters=ESTIMATOR.defaults, seed=0))
    fresh = moving(seed=1)
    odd = fresh.copy()
    odd[:, 2] = -odd[:, 2]  # as large as ever, against all others
    is_far = np.abs(fresh[:, 2]) > 0.5

    usual, found = scorer.score(fresh), scorer.score(odd)

    assert (found[is_far] > np.quantile(usual, 0.999)).mean() > 0.95


def test_rows_side_by_side_show_an_order_of_rows_that_each_of_them_alone_does_not() -> None:
    fitted, fresh = moving(seed=0), moving(seed=1)
    shuffled = fresh[np.random.default_rng(0).permutation(N_ROWS)]

    def share_odd(sequence: int) -> float:
        parameters = {**ESTIMATOR.defaults, "sequence": sequence}
        parts = ESTIMATOR.fit(side_by_side(fitted, sequence), labels=None, parameters=parameters, seed=0)
        score = ESTIMATOR.load(parts).score
        usual = np.quantile(score(side_by_side(fresh, sequence)), 0.99)
        return float((score(side_by_side(shuffled, sequence)) > usual).mean())

    assert share_odd(1) < 0.05
    assert share_odd(SEQUENCE) > 0.8


def test_rows_labelled_positive_have_no_part_in_the_plane() -> None:
    features = moving(seed=0)
    labels = (np.arange(N_ROWS) % 10 == 0).astype(np.int8)
    wild = np.where(labels[:, None] == 1, np.float32(1e6), features)

    fitted = [
        ESTIMATOR.fit(rows, labels=labels, parameters=ESTIMATOR.defaults, seed=0).onnx for rows in (features, wild)
    ]

    assert fitted[0] == fitted[1]


def test_parts_without_a_graph_are_refused() -> None:
    with pytest.raises(BundleError, match=r"model\.onnx"):
        ESTIMATOR.load(Parts(arrays={"centre": np.zeros(2)}))
