from math import erfc, sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.nab import corpus_of, cross_validated
from benchmarks.nab_score import NO_WINDOW, PROFILES, Marked, Profile, mark, normalised, sweep
from benchmarks.results import check
from benchmarks.series_cases import read_nab
from benchmarks.series_detectors import windowed_gaussian
from benchmarks.series_made import made_series
from benchmarks.series_ours import score_of_ours

from telltale.contract.errors import NotFoundError, UsageError

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


def test_a_threshold_of_the_other_half_is_no_better_than_the_best_one() -> None:
    corpus = corpus_of([made_series(900, seed=seed) for seed in range(4)])
    scores = [windowed_gaussian(series) for series in corpus.series]

    mean, _ = cross_validated(corpus.marked, scores)

    best, _ = sweep(corpus.marked, scores, STANDARD).best()
    assert mean <= normalised(best, corpus.n_windows, STANDARD) + 1e-9


@pytest.mark.slow
def test_a_quick_run_of_made_up_series_keeps_the_contract() -> None:
    found = check(run("nab", Asked(quick=True), progress=ignore))

    assert [row.name for row in found.rows] == ["telltale", "windowed_gaussian", "random", "null"]
    assert all(set(BENCHMARKS["nab"].shown) <= set(row.metrics) for row in found.rows)
    metrics = {row.name: row.metrics["standard"] or 0.0 for row in found.rows}
    assert metrics["telltale"] > metrics["random"]
    assert metrics["null"] == 0.0
    assert any("made up" in note for note in found.notes)


@pytest.mark.slow
def test_on_the_real_series_the_gate_is_reproduced_and_ours_is_far_above_it(data_folder: Path) -> None:
    corpus = corpus_of(read_nab(data_folder / "nab", progress=ignore))

    gaussian, ours = ([detect(series) for series in corpus.series] for detect in (windowed_gaussian, score_of_ours))

    def figure(scores: list[np.ndarray], threshold: float, profile: Profile) -> float:
        return normalised(sweep(corpus.marked, scores, profile).at(threshold), corpus.n_windows, profile)

    published = dict(zip(PROFILES, (38.5, 20.7, 45.9), strict=True))
    for name, profile in PROFILES.items():
        assert figure(gaussian, 1.0, profile) == pytest.approx(published[name], abs=0.3)
    # At the level from which on a row is news, which nobody has to look for.
    assert figure(ours, 2.2, STANDARD) > 70.0
    assert cross_validated(corpus.marked, ours)[0] > 68.0


def test_windows_that_are_no_rows_of_their_series_are_refused(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "category": "made",
            "series": "one",
            "timestamp": ["2024-01-01 00:00:00", "2024-01-01 00:05:00", "2024-01-01 00:10:00"],
            "value": [1.0, 2.0, 3.0],
            "in_anomaly_window": [0, 1, 1],
        }
    ).with_columns(pl.col("timestamp").str.to_datetime())
    rows.write_parquet(tmp_path / "rows.parquet")
    windows = tmp_path / "some_windows.json"
    windows.write_text('{"made/one.csv": [["2024-01-01 00:05:00", "2024-01-01 00:10:00"]]}')

    series = read_nab(tmp_path, progress=ignore)

    assert [one.windows for one in series] == [((1, 2),)]
    assert series[0].interval_s == 300.0
    windows.write_text('{"made/one.csv": [["2024-01-01 00:05:00", "2024-01-01 00:11:00"]]}')
    with pytest.raises(UsageError, match="one release"):
        read_nab(tmp_path, progress=ignore)


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_nab(tmp_path, progress=ignore)
