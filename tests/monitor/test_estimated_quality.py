import numpy as np
import pytest
from numpy.typing import NDArray
from tests.monitor.quality_home import Scored, scored_helios, trained_helios

from telltale.contract.verdict import Measured
from telltale.evaluate.metrics import detection_metrics
from telltale.models.manifest import Calibration
from telltale.monitor.estimated_quality import estimated_rates
from telltale.train.calibration import calibrate
from telltale.train.version import Trained

NAMES = ("precision", "recall", "false_positive_rate", "accuracy")


def estimate(calibration: Calibration, rows: Scored) -> dict[str, Measured]:
    """From scores alone."""
    place = np.searchsorted(np.array(calibration.edges), rows.scores, side="right")

    def counted(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(place[chosen], minlength=len(calibration.n))

    return estimated_rates(calibration, counted(rows.decisions), counted(~rows.decisions), rng=np.random.default_rng(0))


def calibration_of(trained: Trained) -> Calibration:
    found = trained.manifest.calibration
    assert found is not None
    return found


def drawn(rng: np.random.Generator, *, n: int, share: float) -> Scored:
    """Rows whose scores overlap, `share` of them positive."""
    labels = (rng.random(n) < share).astype(np.int8)
    return Scored(scores=rng.normal(0.3 + 0.35 * labels, 0.13), labels=labels)


@pytest.mark.slow
def test_on_unchanged_helios_days_intervals_hold_what_labels_show_nine_times_of_ten() -> None:
    covered = dict.fromkeys(NAMES, 0)
    repeats = [(trained_helios(seed), 10 * seed + n) for seed in range(4) for n in range(10)]

    for trained, seed in repeats:
        rows = scored_helios(trained, seed=seed)
        estimated = estimate(calibration_of(trained), rows)
        realised = detection_metrics(rows.labels, rows.scores, rows.threshold).metrics
        for name in NAMES:
            covered[name] += estimated[name].low <= realised[name].value <= estimated[name].high

    assert all(n >= 0.9 * len(repeats) for n in covered.values()), covered


def test_intervals_hold_where_rows_are_independent_and_are_no_wider_than_they_must_be() -> None:
    rng = np.random.default_rng(5)
    covered, widths = dict.fromkeys(NAMES, 0), []
    for _ in range(100):
        held_out = drawn(rng, n=2_000, share=0.1)
        calibration = calibrate(held_out.labels, held_out.scores, held_out.threshold)
        assert calibration is not None
        rows = drawn(rng, n=2_000, share=0.1)
        estimated = estimate(calibration, rows)
        realised = detection_metrics(rows.labels, rows.scores, rows.threshold).metrics
        widths.append(estimated["recall"].high - estimated["recall"].low)
        for name in NAMES:
            covered[name] += estimated[name].low <= realised[name].value <= estimated[name].high

    assert all(n >= 88 for n in covered.values()), covered
    assert np.mean(widths) < 0.16


@pytest.mark.parametrize(("rate", "direction"), [(0.2, 1), (0.005, -1)])
def test_the_estimate_moves_with_the_share_of_anomalies(rate: float, direction: int) -> None:
    trained = trained_helios()
    calibration = calibration_of(trained)

    usual = estimate(calibration, scored_helios(trained, seed=3))
    changed = estimate(calibration, scored_helios(trained, seed=3, positive_rate=rate))

    rows = scored_helios(trained, seed=3, positive_rate=rate)
    assert direction * (changed["recall"].n - usual["recall"].n) > 0
    assert changed["recall"].n == pytest.approx(int(rows.labels.sum()), rel=0.5, abs=8)


def test_a_changed_meaning_of_scores_is_not_seen() -> None:
    trained = trained_helios()
    rows = scored_helios(trained, seed=4)
    before = estimate(calibration_of(trained), rows)

    nobody = Scored(scores=rows.scores, labels=np.zeros_like(rows.labels), threshold=rows.threshold)

    assert estimate(calibration_of(trained), nobody) == before


def test_bins_are_apart_at_the_threshold_and_the_share_of_positives_rises_on_each_side() -> None:
    rows = drawn(np.random.default_rng(2), n=5_000, share=0.2)

    found = calibrate(rows.labels, rows.scores, rows.threshold)

    assert found is not None
    at = found.edges.index(rows.threshold)
    shares = np.array(found.n_positive) / np.array(found.n)
    assert (np.diff(shares[: at + 1]) > 0).all()
    assert (np.diff(shares[at + 1 :]) > 0).all()
    assert (sum(found.n), sum(found.n_positive)) == (5_000, int(rows.labels.sum()))


def test_rows_that_are_positive_together_say_less() -> None:
    rng = np.random.default_rng(3)
    alone = drawn(rng, n=3_000, share=0.2)
    starts = np.repeat(rng.random(1_000) < 0.2, 3)
    together = Scored(scores=rng.normal(0.3 + 0.35 * starts, 0.13), labels=starts.astype(np.int8))

    inflations = [
        found.inflation
        for rows in (alone, together)
        if (found := calibrate(rows.labels, rows.scores, rows.threshold)) is not None
    ]

    assert inflations[0] < 1.2
    assert inflations[1] > 1.5


@pytest.mark.parametrize("n_positive", [0, 9, 95])
def test_too_few_rows_of_a_class_make_no_calibration(n_positive: int) -> None:
    labels = np.arange(100) < n_positive

    assert calibrate(labels.astype(np.int8), np.linspace(1, 0, 100), 0.5) is None


@pytest.mark.slow
def test_the_same_seed_trains_the_same_bundle_calibration_included() -> None:
    trained_helios.cache_clear()
    first = trained_helios()
    trained_helios.cache_clear()

    assert trained_helios().files.sha256 == first.files.sha256
