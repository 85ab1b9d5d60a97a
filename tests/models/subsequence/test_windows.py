import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.models.subsequence.windows import lateness, normal_windows, scale_of_windows, scaled

from .windows_made import swinging, windows_of


def test_entries_count_half_as_much_as_those_of_the_row_after_and_one_in_all() -> None:
    scale = scale_of_windows(windows_of(swinging(seed=0, n_columns=2), sequence=4), sequence=4)

    shares = scale.shares.reshape(4, 2)

    assert np.allclose(shares[1:], 2.0 * shares[:-1])
    assert np.allclose(shares[:, 0], shares[:, 1])
    assert shares.sum() == pytest.approx(1.0)
    assert lateness(1).tolist() == [1.0]


def test_a_column_is_told_in_median_deviations_whatever_its_unit() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 2)) * [1e-3, 1e6] + [5.0, 1e7]
    windows = windows_of(values, sequence=2)

    found = scaled(windows, scale_of_windows(windows, sequence=2))

    assert np.allclose(found.std(axis=0), 1.0, atol=0.05)
    assert np.allclose(np.median(found, axis=0), 0.0, atol=0.05)


def test_a_column_that_is_mostly_the_same_has_a_spread_and_one_that_never_moved_a_hundredth_of_its_size() -> None:
    values = np.zeros((1_000, 3))
    values[::50, 0] = 7.0
    values[:, 1] = 200.0

    scale = scale_of_windows(values.astype(np.float32), sequence=1)

    assert (1.0 / scale.factor).tolist() == pytest.approx([0.1 * values[:, 0].std(), 2.0, 0.01])


def test_windows_to_fit_on_end_in_a_row_that_is_not_labelled_positive_and_are_no_more_than_needed() -> None:
    windows = np.arange(24_000, dtype=np.float32).reshape(12_000, 2)
    labels = (np.arange(12_000) % 3 == 0).astype(np.int8)

    found = normal_windows(windows, labels, sequence=2, least=1, where="here")

    assert len(found) == 5_000
    assert not (found[:, 0] / 2 % 3 == 0).any()
    assert found[-1, 0] > 23_900


def test_what_is_no_window_and_what_is_too_little_are_refused() -> None:
    windows = np.zeros((30, 6), dtype=np.float32)

    for sequence in (4, 0, 2):
        with pytest.raises(UsageError, match=r"sequence of at least 3"):
            normal_windows(windows, None, sequence=sequence, least=3, where="here")
    with pytest.raises(NotEnoughDataError, match="at least 20"):
        normal_windows(windows[:19], None, sequence=3, least=3, where="here")
