from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from telltale.contract.verdict import Target
from telltale.evaluate.figures import spans_magnitudes, thinned
from telltale.evaluate.plots import CAPTIONS, write_plots
from telltale.evaluate.ranking import cuts
from telltale.evaluate.verification_curves import deviates
from telltale.evaluate.verification_plots import write_verification_plots

VERIFYING_ALONE = {"threshold_analysis.png", "det_curve.png"}
DETECTING_ALONE = {"threshold_sweep.png", "precision_recall_curve.png"}
ALL = [
    "confusion_matrix.png",
    "roc_curve.png",
    "precision_recall_curve.png",
    "score_distribution.png",
    "threshold_sweep.png",
    "feature_importance.png",
]
TARGETS = (Target(metric="precision", op=">=", limit=0.95),)
VERIFYING = (Target(metric="far", op="<=", limit=0.03), Target(metric="frr", op="<=", limit=0.05))


def made_up(n: int = 400, share: float = 0.1) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    rng = np.random.default_rng(5)
    labels = (rng.random(n) < share).astype(np.int8)
    return labels, rng.normal(size=n) + 3 * labels


def test_labelled_rows_give_every_promised_file(tmp_path: Path) -> None:
    labels, scores = made_up()

    files = write_plots(
        tmp_path / "new" / "folder",
        labels=labels,
        scores=scores,
        threshold=1.5,
        targets=TARGETS,
        importance={"error_rate_deviation": 0.2, "p99_latency_ms_change": -0.01},
    )

    assert list(files) == ALL
    assert set(files) < CAPTIONS.keys()
    for name, path in files.items():
        assert path.name == name
        height, width = imread(path).shape[:2]
        assert width == 921
        assert height > 300


def test_a_task_that_verifies_gets_its_error_rates_and_its_own_words(tmp_path: Path) -> None:
    labels, scores = made_up(share=0.8)

    detecting = write_plots(tmp_path / "a", labels=labels, scores=scores, threshold=1.5)
    verifying = write_plots(tmp_path / "b", labels=labels, scores=scores, threshold=1.5, targets=VERIFYING)

    assert set(verifying) - set(detecting) == VERIFYING_ALONE
    assert set(detecting) - set(verifying) == DETECTING_ALONE
    for name in ("confusion_matrix.png", "score_distribution.png", "roc_curve.png"):  # the words are in the picture
        assert detecting[name].read_bytes() != verifying[name].read_bytes()


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [
        ([0.0, 0.0], 0.0),
        ([0.0, 1.0], 0.5),
        ([1.0, 0.0], 0.5),
        ([0.0, 1.0, 1.0, 0.0, 0.5], -1.0),
        ([5e-324, 1e300], 2e300),
        ([1.0, 2.0, 3.0, 4000.0], 0.5),
    ],
)
def test_odd_scores_of_a_task_that_verifies_can_be_drawn(tmp_path: Path, scores: list[float], threshold: float) -> None:
    labels = np.arange(len(scores), dtype=np.int8) % 2

    files = write_verification_plots(tmp_path, labels=labels, scores=np.array(scores), threshold=threshold)

    assert len(files) == 5


def test_rows_of_one_class_give_a_task_that_verifies_no_curve(tmp_path: Path) -> None:
    files = write_verification_plots(
        tmp_path / "new", labels=np.ones(9, dtype=np.int8), scores=np.linspace(0, 1, 9), threshold=0.5
    )

    assert set(files) == {"confusion_matrix.png", "score_distribution.png"}


def test_normal_scores_make_a_straight_line_on_the_axes_of_a_det_curve() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1], dtype=np.int8), 100_000)
    at = cuts(labels, rng.normal(size=200_000) + 2.0 * labels)
    far, frr = (rate[::500] for rate in (at.fp / at.fp[-1], 1.0 - at.tp / at.tp[-1]))
    inside = (far > 0.01) & (far < 0.6) & (frr > 0.01) & (frr < 0.6)

    x, y = (deviates(rate[inside], 100_000, least=0.0001, most=0.6) for rate in (far, frr))

    assert np.abs(x + y + 2.0).max() < 0.05  # normal scores two apart: the deviates of both rates sum to minus two


def test_a_rate_of_nothing_or_everything_has_a_place_on_the_axes_of_a_det_curve() -> None:
    found = deviates(np.array([0.0, 0.5, 1.0]), 50, least=0.0001, most=0.6)

    assert found == pytest.approx([-2.326, 0.0, 2.326], abs=0.001)  # as half a row of fifty: 1 % and 99 %


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    labels, scores = made_up()

    first, second = (
        write_plots(tmp_path / name, labels=labels, scores=scores, threshold=1.5, targets=TARGETS) for name in "ab"
    )

    assert {name: path.read_bytes() for name, path in first.items()} == {
        name: path.read_bytes() for name, path in second.items()
    }


def test_rows_without_labels_give_the_scores_alone(tmp_path: Path) -> None:
    files = write_plots(tmp_path, labels=None, scores=np.linspace(0, 1, 50), threshold=0.9)

    assert list(files) == ["score_distribution.png"]


def test_rows_of_one_class_give_no_curve_made_of_nothing(tmp_path: Path) -> None:
    normal = write_plots(tmp_path / "a", labels=np.zeros(50, dtype=np.int8), scores=np.linspace(0, 1, 50), threshold=2)
    positive = write_plots(tmp_path / "b", labels=np.ones(50, dtype=np.int8), scores=np.linspace(0, 1, 50), threshold=2)

    assert set(normal) == {"confusion_matrix.png", "score_distribution.png"}
    assert set(positive) == {*normal, "precision_recall_curve.png"}


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [
        ([0.0, 0.0], 0.0),
        ([1.0, 1.0], 3.0),
        ([1e-9, 5e6], 10.0),
        ([1.0, 1.0, 1.0, 4000.0], -1.0),
        ([-3.0, 900.0], 0.0),
        ([5e-324, 1e300], 1.0),
        ([1e15, 1e15 + 1], 1e15),
    ],
)
def test_odd_scores_can_be_drawn(tmp_path: Path, scores: list[float], threshold: float) -> None:
    labels = np.arange(len(scores), dtype=np.int8) % 2

    files = write_plots(tmp_path, labels=labels, scores=np.array(scores), threshold=threshold, targets=TARGETS)

    assert len(files) == 5


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    labels, scores = made_up()

    write_plots(tmp_path, labels=labels, scores=scores, threshold=1.5)

    assert dict(mpl.rcParams) == before


def test_scores_over_magnitudes_get_a_logarithmic_axis_and_others_do_not() -> None:
    assert spans_magnitudes(np.array([1.0, 2.0, 3.0, 400.0]))
    assert not spans_magnitudes(np.array([0.0, 2.0, 3.0, 400.0]))
    assert not spans_magnitudes(np.linspace(1, 2, 10))


def test_a_long_curve_is_thinned_and_keeps_both_ends() -> None:
    kept = thinned(1_000_000)

    assert kept.size <= 1500
    assert kept[0] == 0
    assert kept[-1] == 999_999
    assert (np.diff(kept) > 0).all()
