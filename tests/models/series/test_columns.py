from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telltale.models.series.columns import NO_GAP_S, fit_columns, fit_table, longest_gap_s
from telltale.models.series.columns_level import slow_level
from telltale.models.series.columns_model import ColumnsModel
from telltale.models.series.columns_recent import RecentRows
from telltale.models.series.columns_state import ColumnsState
from telltale.models.series.columns_windows import KEPT, window_features

from .plain_columns import plain_features, plain_levels, plain_scores

Floats = np.ndarray


def usual(n: int, *, seed: int, k: int = 6) -> Floats:
    rng = np.random.default_rng(seed)
    loads = rng.normal(size=(n, 2))
    return np.asarray(loads @ np.random.default_rng(9).normal(size=(2, k)) + 0.2 * rng.normal(size=(n, k)))


def fitted_state(*series: Floats) -> ColumnsState:
    fitted = fit_columns(series)
    model = ColumnsModel(fitted.planes, np.array([0.0, 1.0]), NO_GAP_S)
    return ColumnsState(model, RecentRows(fitted.scales[0].middle, fitted.scales[0].unit))


def test_scores_are_those_of_a_plain_version_that_goes_row_by_row() -> None:
    rows = usual(700, seed=0)
    rows[650:, 3] += np.linspace(0, 30, 50)
    fitted = fit_columns([rows[:500]])
    state = ColumnsState(
        ColumnsModel(fitted.planes, np.array([0.0, 1.0]), NO_GAP_S),
        RecentRows(fitted.stranger.middle, fitted.stranger.unit),
    )

    np.testing.assert_allclose(
        state.apart(rows), plain_scores(rows, fitted.stranger, fitted.planes), rtol=1e-7, atol=1e-7
    )


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 90), max_size=4), seed=st.integers(0, 99))
def test_slow_levels_are_those_of_a_plain_version_in_blocks_of_any_size(cuts: list[int], seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(90, 3))
    total, found = np.zeros(3), []
    edges = sorted({0, 90, *cuts})
    for start, end in pairwise(edges):
        levels, total = slow_level(rows[start:end].T, total, start)
        found.append(levels.T)

    np.testing.assert_allclose(np.concatenate(found), plain_levels(rows), rtol=1e-9, atol=1e-12)


def test_window_features_are_those_of_a_plain_version_from_the_first_row_on() -> None:
    rows = np.random.default_rng(3).normal(size=(40, 3))
    values = np.zeros((2, 3, KEPT + 40))
    values[0, :, KEPT:] = rows.T
    values[1, :, KEPT:] = (rows - plain_levels(rows)).T

    found = window_features(values, 0, np.ones((2, 4, 3, 1))).reshape(2, 12, 40)

    np.testing.assert_allclose(found.transpose(2, 0, 1), plain_features(rows), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("size", [1, 13, 1_500])
def test_blocks_of_any_size_give_the_same_scores(size: int) -> None:
    rows = usual(2_600, seed=1)
    rows[2_000:] *= 3.0  # so that it lasts up to the most
    whole, parts = fitted_state(rows[:1_500]), fitted_state(rows[:1_500])

    found = np.concatenate([parts.apart(rows[start : start + size]) for start in range(0, 2_600, size)])

    np.testing.assert_allclose(found, whole.apart(rows), rtol=1e-9, atol=1e-9)


def test_columns_that_leave_each_other_score_higher_than_usual_rows() -> None:
    rows = usual(1_200, seed=1)
    odd = rows[800:].copy()
    odd[300:310, 2] += 6.0

    scores = fitted_state(rows[:800]).apart(odd)

    assert scores[301:310].min() > np.quantile(scores[:300], 0.99)


def test_a_column_that_never_moved_and_moves_is_seen() -> None:
    rows = np.column_stack([usual(900, seed=2), np.full(900, 3.0)])
    odd = rows[700:].copy()
    odd[150, -1] = 3.2

    scores = fitted_state(rows[:700]).apart(odd)

    assert scores[150] > scores[:150].max()


def test_many_switches_do_not_drown_a_measured_column() -> None:
    rng = np.random.default_rng(4)
    measured = 10.0 * np.sin(np.arange(3_000) / 200) + rng.normal(size=3_000)
    rows = np.column_stack([measured, rng.random((3_000, 20)) < 0.05]).astype(np.float64)
    odd = rows[2_000:].copy()
    odd[500:520, 0] += 6.0

    scores = fitted_state(rows[:2_000]).apart(odd)

    assert np.median(scores[503:520]) > 1.5 * np.quantile(scores[:500], 0.99)


def test_what_lasts_scores_higher_the_longer_it_does_and_is_forgotten_when_it_is_over() -> None:
    rows = usual(1_600, seed=5)
    state = fitted_state(rows[:800])
    odd = rows[800:].copy()
    odd[100:300] *= 2.5

    scores = state.apart(odd)

    assert scores[250:300].mean() > scores[110:160].mean() + 0.3
    assert scores[600:].mean() < 0.3


@pytest.mark.parametrize("size", [1, 1_000])
def test_what_lasts_adds_up_to_two_units_at_most(size: int) -> None:
    rows = usual(1_500, seed=13)
    state = fitted_state(rows[:500])

    for start in range(500, 1_500, size):
        state.apart(20.0 * rows[start : start + size])

    assert state.pack()[0] == 200.0


def test_each_entity_with_fifty_rows_has_its_own_scale_and_others_that_of_all() -> None:
    one, other, few = usual(400, seed=7), 1_000.0 + 50.0 * usual(400, seed=8), usual(20, seed=9)

    fitted = fit_columns([one, other, few])

    np.testing.assert_allclose([scale.middle.mean() for scale in fitted.scales[:2]], [0.0, 1_000.0], atol=8.0)
    np.testing.assert_array_equal(fitted.scales[2].middle, fitted.stranger.middle)


def test_scores_of_new_usual_rows_are_as_rare_as_they_say() -> None:
    rows = usual(24_000, seed=10)
    fitted = fit_columns([rows[:12_000]])
    model = ColumnsModel(fitted.planes, fit_table([rows[:12_000]]), NO_GAP_S)

    state = ColumnsState(model, RecentRows(fitted.stranger.middle, fitted.stranger.unit))
    scores = state.score(rows[12_000:], np.full(12_000, np.nan))

    assert (scores >= 1).mean() == pytest.approx(0.1, abs=0.02)
    assert (scores >= 2).mean() == pytest.approx(0.01, abs=0.004)
    assert (scores >= 3).mean() < 0.003


def test_calibration_changes_no_order() -> None:
    rows = usual(2_000, seed=11)
    rows[1_500:1_600, 1] += 15.0
    fitted = fit_columns([rows[:1_000]])
    model = ColumnsModel(fitted.planes, fit_table([rows[:1_000]]), NO_GAP_S)
    own, calibrated = (ColumnsState(model, RecentRows(fitted.stranger.middle, fitted.stranger.unit)) for _ in range(2))

    order = np.argsort(own.apart(rows))
    scores = calibrated.score(rows, np.full(2_000, np.nan))[order]

    assert (np.diff(scores) >= 0).all()
    assert (np.diff(scores[-500:]) > 0).all()


def test_a_gap_is_longer_than_fifteen_usual_intervals_and_without_times_there_is_none() -> None:
    every_minute = 60.0 * np.arange(100.0)
    every_minute[50:] += 86_400.0

    assert longest_gap_s([every_minute, every_minute[:3]]) == 900.0
    assert longest_gap_s([np.full(9, np.nan)]) == longest_gap_s([np.zeros(9)]) == NO_GAP_S
