import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features
from telltale.models.graph_scorer import open_session
from telltale.models.residual.graph import write_graph
from telltale.models.residual.plane import fit_plane

# Of columns that move together, so many directions.
N_SHARED = 2


def together(n: int, k: int, *, seed: int) -> Features:
    """Rows near a plane of two directions, in columns of different sizes, and noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, N_SHARED)) @ rng.normal(size=(N_SHARED, k)) + 0.2 * rng.normal(size=(n, k))
    return (rows * rng.lognormal(sigma=2.0, size=k) + rng.normal(size=k)).astype(np.float32)


def plain_size(fitted: Features, rows: Features, *, n_kept: int) -> NDArray[np.float64]:
    """The same by scikit-learn's PCA: reconstruct, take the error of each column, and divide by its usual size."""
    spread = fitted.std(axis=0, dtype=np.float64)
    z = (fitted - fitted.mean(axis=0, dtype=np.float64)) / spread
    pca = PCA(n_kept).fit(z)

    def error(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(standardised - pca.inverse_transform(pca.transform(standardised)))

    usual = np.sqrt((error(z) ** 2).mean(axis=0))
    usual = np.maximum(usual, 0.1 * np.sqrt((usual**2).mean()))
    return np.asarray(np.abs(error((rows - fitted.mean(axis=0, dtype=np.float64)) / spread) / usual).mean(axis=1))


@settings(max_examples=20, deadline=None)
@given(k=st.integers(6, 25), seed=st.integers(0, 1_000))
def test_graph_and_oracle_agree_on_how_far_off_the_plane_a_row_is(k: int, seed: int) -> None:
    fitted, fresh = together(400, k, seed=seed), together(50, k, seed=seed + 1)
    plane = fit_plane(fitted, explained=0.999)

    run = open_session(write_graph(plane), where="test").run
    found = run(None, {"features": fresh})[0][:, 0]

    expected = plain_size(fitted, fresh, n_kept=plane.directions.shape[1])
    assert np.allclose(found, expected, rtol=2e-4, atol=1e-5)


def test_only_directions_that_columns_share_are_kept_and_no_more_than_explain_the_share() -> None:
    shared = together(2_000, 20, seed=0)
    alone = np.random.default_rng(0).normal(size=(5_000, 20)).astype(np.float32)

    assert fit_plane(shared, explained=0.999).directions.shape == (20, N_SHARED)
    assert fit_plane(shared, explained=0.2).directions.shape == (20, 1)
    assert fit_plane(alone, explained=0.999).directions.shape == (20, 0)


@pytest.mark.parametrize("n_columns", [1, 2])
def test_few_columns_are_judged_by_their_distance_from_the_middle(n_columns: int) -> None:
    rows = np.random.default_rng(0).normal(size=(500, n_columns)).astype(np.float32)
    plane = fit_plane(rows, explained=0.8)

    run = open_session(write_graph(plane), where="test").run

    usual, far = run(None, {"features": np.array([[0.0] * n_columns, [8.0] * n_columns], dtype=np.float32)})[0][:, 0]
    assert usual < 1.0
    assert far > 5.0


def test_a_row_is_rounded_the_same_whatever_stands_beside_it() -> None:
    fitted, fresh = together(3_000, 150, seed=0), together(300, 150, seed=1)
    run = open_session(write_graph(fit_plane(fitted, explained=0.9)), where="test").run
    whole = run(None, {"features": fresh})[0]

    for size in (1, 2, 3, 7, 64):
        for start in range(0, 300 - size, 11):
            part = slice(start, start + size)
            assert np.array_equal(run(None, {"features": fresh[part]})[0], whole[part])


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 20"):
        fit_plane(together(19, 5, seed=0), explained=0.8)
