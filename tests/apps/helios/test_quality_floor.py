"""The promised figures (S-1) on data of another kind than the app's own simulator makes, as a user would get them."""

from pathlib import Path

import pytest
from tests.apps.helios.other_generator import make_rows, write_rows

from telltale.contract.simulation import Simulation
from telltale.evaluate.metrics import ConfusionCounts
from telltale.home import open_home


def judge(folder: Path, seed: int) -> ConfusionCounts:
    """Train on a file of fourteen days, evaluate on a file of the seven after them."""
    train = write_rows(folder / f"train-{seed}.csv", make_rows(first_day=0, days=14, seed=seed))
    later = write_rows(folder / f"later-{seed}.csv", make_rows(first_day=14, days=7, seed=1_000 + seed))
    with open_home(folder / f"home-{seed}") as home:
        trained = home.train("helios/anomaly", data=train)
        evaluation, _ = home.evaluate("helios/anomaly", data=later)
    assert trained.manifest.trained_on.kind == "file"
    assert evaluation.judged.result is not None
    return evaluation.judged.result.counts


def rates(judged: list[ConfusionCounts]) -> tuple[float, float, float]:
    """Precision, recall and false-positive rate over all rows judged: one week has too few anomalies to tell a point."""
    tp, fp, fn = (sum(getattr(counts, name) for counts in judged) for name in ("tp", "fp", "fn"))
    return tp / (tp + fp), tp / (tp + fn), fp / sum(counts.n_negative for counts in judged)


@pytest.mark.slow
def test_promised_figures_hold_on_days_that_another_generator_makes(tmp_path: Path) -> None:
    precision, recall, false_positive_rate = rates([judge(tmp_path, seed) for seed in (0, 1)])

    assert precision >= 0.953
    assert recall >= 0.871
    assert false_positive_rate <= 0.118


@pytest.mark.slow
def test_promised_figures_hold_over_four_seeds_and_no_seed_is_far_below(tmp_path: Path) -> None:
    judged = [judge(tmp_path, seed) for seed in range(4)]

    precision, recall, false_positive_rate = rates(judged)
    assert precision >= 0.98
    assert recall >= 0.91
    assert false_positive_rate <= 0.002
    for counts in judged:
        assert rates([counts])[0] >= 0.953
        assert rates([counts])[1] >= 0.82


def test_promised_figures_hold_on_simulated_days_of_another_seed(tmp_path: Path) -> None:
    with open_home(tmp_path / "home") as home:
        trained = home.train("helios/anomaly", simulation=Simulation(seed=4))
        evaluation, _ = home.evaluate("helios/anomaly", days=3.0, seed=4)

    assert trained.manifest.verdict.outcome == "pass"
    assert evaluation.frame.height == 864
    assert evaluation.judged.result is not None
    figures = {name: measured.value for name, measured in evaluation.judged.result.metrics.items()}
    assert figures["precision"] >= 0.90
    assert figures["recall"] >= 0.871
    assert figures["false_positive_rate"] <= 0.118
    assert figures["auroc"] >= 0.97
