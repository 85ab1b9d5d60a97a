import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telltale.models.outliers.squash import CORE, Scale, scale_of, squash
from telltale.models.outliers.surprise import surprise, surprise_table

ONE = Scale(centre=np.zeros(1, dtype=np.float32), factor=np.ones(1, dtype=np.float32))


@given(st.floats(-(2.0**99), 2.0**99, width=32), st.floats(-(2.0**99), 2.0**99, width=32))
def test_squashing_keeps_the_order_and_the_sign_of_values(low: float, high: float) -> None:
    low, high = sorted((low, high))
    values = np.array([[low], [high]], dtype=np.float32)

    squashed = squash(values, ONE)[:, 0]

    assert squashed[0] <= squashed[1]
    assert (np.sign(squashed) == np.sign(values[:, 0])).all()
    assert np.isfinite(squashed).all()


def test_a_value_within_the_core_is_its_standard_score_and_one_far_out_is_drawn_in() -> None:
    rows = np.array([[0.0], [2.0], [4.0]], dtype=np.float32)

    scale = scale_of(rows)
    squashed = squash(np.array([[2.0], [3.0], [1e6]], dtype=np.float32), scale)[:, 0]

    assert squashed[0] == 0.0
    assert np.isclose(squashed[1], 1.0 / rows.std(), atol=1e-6)
    assert CORE < squashed[2] < CORE + 6


def test_a_column_that_never_moved_has_spread_one() -> None:
    assert scale_of(np.full((50, 2), 7.0, dtype=np.float32)).factor.tolist() == [1.0, 1.0]


def test_surprise_is_the_logarithm_of_one_in_so_many() -> None:
    values = np.random.default_rng(0).permutation(np.arange(10_000.0))

    found = surprise(np.array([-5.0, 8_999.5, 9_899.5, 9_989.5]), surprise_table(values))

    assert np.allclose(found, [0.0, 1.0, 2.0, 3.0], atol=0.03)


@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=40))
def test_surprise_never_falls_as_values_rise_and_is_finite(values: list[float]) -> None:
    table = surprise_table(np.random.default_rng(1).exponential(size=400))

    found = surprise(np.sort(values), table)

    assert (np.diff(found) >= 0).all()
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_values_that_are_all_the_same_have_a_finite_surprise() -> None:
    assert np.isfinite(surprise(np.array([0.0, 3.0, 9.0]), surprise_table(np.full(100, 3.0)))).all()
