from math import erfc, sqrt
from pathlib import Path

import numpy as np
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.nab import corpus_of, cross_validated
from benchmarks.nab_score import NO_WINDOW, PROFILES, Marked, Profile, mark, normalised, sweep
from benchmarks.results import check
from benchmarks.series_cases import Series, read_kpi, read_nab
from benchmarks.series_detectors import Detect, moving_z, news_of_ours, spectral_residual, windowed_gaussian
from benchmarks.series_made import made_series

from telltale.contract.errors import NotFoundError

STANDARD = PROFILES["standard"]


def ignore(_what: str) -> None:
    pass


def slow_total(marked: Marked, scores: np.ndarray, threshold: float, profile: Profile) -> float:
    """The rule, row by row."""
    best: dict[int, float] = {int(number): -profile.miss for number in marked.window if number != NO_WINDOW}
    total = 0.0
    for score, worth, number in zip(scores[marked.first :], marked.worth, marked.window.tolist(), strict=True):
        if score < threshold:
            continue
        if number == NO_WINDOW:
            total += profile.false_alarm * worth
        else:
            best[number] = max(best[number], profile.hit * worth)
    return total + sum(best.values())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_sweep_is_the_rule_at_every_threshold(profile: Profile) -> None:
    rng = np.random.default_rng(0)
    marked = [mark(200, [(60, 80), (120, 139)]), mark(90, []), mark(150, [(100, 120)])]
    scores = [np.round(rng.random(n), 1) for n in (200, 90, 150)]

    swept = sweep(marked, scores, profile)

    for threshold in (2.0, 0.95, 0.9, 0.5, 0.0):
        slow = sum(slow_total(one, own, threshold, profile) for one, own in zip(marked, scores, strict=True))
        assert swept.at(threshold) == pytest.approx(slow)
    assert swept.best()[0] == pytest.approx(swept.totals.max())


def test_nothing_is_0_and_the_first_row_of_every_window_is_100() -> None:
    marked = [mark(400, [(100, 140), (300, 340)])]
    scores = np.zeros(400)
    scores[[100, 300]] = 1.0

    swept = sweep(marked, [scores], STANDARD)

    assert normalised(swept.at(2.0), 2, STANDARD) == 0.0
    assert normalised(swept.at(1.0), 2, STANDARD) == pytest.approx(100.0)


def test_a_detection_just_behind_a_window_costs_less_than_one_far_off() -> None:
    marked = mark(400, [(100, 140)])

    worth = dict(enumerate(marked.worth, start=marked.first))

    assert worth[100] > worth[120] > worth[140] > 0 > worth[142] > worth[200]
    assert worth[99] == worth[399] == -1.0


def test_rows_for_learning_do_not_count() -> None:
    marked = [mark(400, [(100, 140)])]
    scores = np.zeros(400)
    scores[10] = 1.0

    assert sweep(marked, [scores], STANDARD).at(1.0) == -1.0


def test_the_windowed_gaussian_is_what_a_plain_loop_says() -> None:
    series = made_series(300, seed=3)
    scores = windowed_gaussian(series)

    for row in (1, 5, 120, 299):
        before = series.values[:row]
        deviation = before.std() or 1e-6
        tail = 0.5 * erfc(abs(series.values[row] - before.mean()) / deviation / sqrt(2.0))
        assert scores[row] == pytest.approx(1.0 - tail, abs=1e-9)


@pytest.mark.parametrize("detect", [news_of_ours, windowed_gaussian, moving_z, spectral_residual])
def test_a_row_is_scored_by_what_was_there_before_it(detect: Detect) -> None:
    series = made_series(600, seed=1)
    half = Series(
        name="half", times_s=series.times_s[:400], values=series.values[:400], labels=series.labels[:400], windows=()
    )
    np.testing.assert_allclose(detect(series)[:400], detect(half), rtol=1e-9, atol=1e-12)


def test_a_threshold_of_the_other_half_is_no_better_than_the_best_one() -> None:
    corpus = corpus_of([made_series(900, seed=seed) for seed in range(4)])
    scores = [windowed_gaussian(series) for series in corpus.series]

    mean, _ = cross_validated(corpus.marked, scores)

    best, _ = sweep(corpus.marked, scores, STANDARD).best()
    assert mean <= normalised(best, corpus.n_windows, STANDARD) + 1e-9


@pytest.mark.parametrize("name", ["nab", pytest.param("kpi", marks=pytest.mark.slow)])
def test_a_quick_run_of_made_up_series_keeps_the_contract(name: str) -> None:
    found = check(run(name, Asked(quick=True), progress=ignore))

    shown = set(BENCHMARKS[name].shown)
    assert all(shown <= set(row.metrics) for row in found.rows)
    metrics = {row.name: row.metrics[BENCHMARKS[name].shown[0]] or 0.0 for row in found.rows}
    assert metrics["telltale"] > metrics["random"]
    assert any("made up" in note for note in found.notes)


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_nab(tmp_path, progress=ignore)
    with pytest.raises(NotFoundError):
        read_kpi(tmp_path, progress=ignore)
