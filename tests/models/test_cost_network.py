"""A network of outcomes: what it learns, what it is stored as, and that a stopped training ends as one that was not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Parts
from telltale.models.boosted_lines import ESTIMATOR as LINES
from telltale.models.cost_network import ESTIMATOR, cost_graph, cost_layers
from telltale.models.neural.outcome_training import outcome_rows

torch = pytest.importorskip("torch", reason="the extra [neural] is not installed")

RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(400, 3)) * [1.0, 50.0, 0.01] + [0.0, 300.0, 5.0]).astype(np.float32)
OUTCOMES = np.column_stack([FEATURES[:, 0] - 6.0, np.abs(FEATURES[:, 1] - 300.0) / 50.0])


def fitted(outcomes: Any = OUTCOMES, told: list[str] | None = None, **given: Any) -> Parts:
    parameters = {**ESTIMATOR.defaults, "hidden_dim": 16, "learning_rate": 0.01, **given}
    return ESTIMATOR.fit(
        FEATURES, outcomes=outcomes, parameters=parameters, seed=0, tell=(told if told is not None else []).append
    )


def test_outcomes_that_bend_are_learned() -> None:
    predicted = ESTIMATOR.load(fitted(patience=10)).predict(FEATURES)

    assert np.abs(predicted - OUTCOMES).mean(axis=0).max() < 0.1
    assert np.abs(OUTCOMES - OUTCOMES.mean(axis=0)).mean(axis=0).min() > 0.4


def test_the_stored_graph_says_what_the_network_says() -> None:
    rows = outcome_rows(FEATURES, OUTCOMES, where="test")
    network = cost_layers([3, 8, 8, 2], 0.2).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    with torch.no_grad():
        said = network(torch.from_numpy(rows.rows.scaler.apply(FEATURES))).numpy()

    stored = ESTIMATOR.load(Parts(onnx=cost_graph(rows, weights))).predict(FEATURES)

    assert np.allclose(stored, said * rows.spread + rows.centre, atol=1e-4)


def test_an_outcome_that_was_not_measured_teaches_nothing() -> None:
    half = OUTCOMES.copy()
    half[::2, 0] = np.nan
    wild = np.where(np.isnan(half), 1e6, half)

    assert np.abs(ESTIMATOR.load(fitted(half, patience=10)).predict(FEATURES) - OUTCOMES).mean() < 0.2
    assert fitted(half, epochs=2).onnx != fitted(wild, epochs=2).onnx


def test_a_stopped_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = fitted(epochs=6, dropout=0.2, checkpoint_dir=str(tmp_path / "whole"))
    fitted(epochs=3, dropout=0.2, checkpoint_dir=str(tmp_path / "stopped"))
    told: list[str] = []

    gone_on = fitted(epochs=6, dropout=0.2, checkpoint_dir=str(tmp_path / "stopped"), told=told)

    assert told[0].startswith("Going on after epoch 3")
    assert gone_on.onnx == whole.onnx


def test_tensorboard_reads_losses_and_accuracies(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard")
    fitted(epochs=3, tensorboard_dir=str(tmp_path))

    (folder,) = tmp_path.iterdir()
    read = accumulator.EventAccumulator(str(folder)).Reload()

    tags = {"Loss/train", "Loss/val", "Accuracy/train", "Accuracy/val", "Learning rate"}
    assert set(read.Tags()["scalars"]) == tags
    assert [event.step for event in read.Scalars("Loss/val")] == [1, 2, 3]


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="19 rows"):
        ESTIMATOR.fit(FEATURES[:19], outcomes=OUTCOMES[:19], parameters=ESTIMATOR.defaults, seed=0)
    with pytest.raises(UsageError, match=r"0\.1 to 0\.3 is usual"):
        fitted(dropout=1.0)
    with pytest.raises(UsageError, match="no number any more"):
        fitted(learning_rate=1e30)


def test_trees_and_lines_say_the_mean_of_both() -> None:
    from telltale.models.boosted_trees import ESTIMATOR as TREES
    from telltale.models.linear_outcomes import ESTIMATOR as STRAIGHT

    both, trees, lines = (
        estimator.load(estimator.fit(FEATURES, outcomes=OUTCOMES, parameters=estimator.defaults, seed=0)).predict(
            FEATURES
        )
        for estimator in (LINES, TREES, STRAIGHT)
    )

    assert np.array_equal(both, (trees + lines) / 2.0)
