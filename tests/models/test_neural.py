"""What both networks share: rows, training, checkpoints, graphs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.estimator import Features, Parameter, Parts
from telltale.models.lstm import ESTIMATOR as LSTM
from telltale.models.lstm import lstm_graph, lstm_network
from telltale.models.mlp import ESTIMATOR as MLP
from telltale.models.mlp import mlp_graph, mlp_network
from telltale.models.neural.rows import Scaler, neural_rows

Labels = NDArray[np.int8]
Tell = list[str]

QUICK: dict[str, Parameter] = {"epochs": 4, "hidden": 8, "batch_size": 32}


def made_up(n: int = 300, k: int = 4, *, share: float = 0.3) -> tuple[Features, Labels]:
    rng = np.random.default_rng(1)
    labels = (rng.random(n) < share).astype(np.int8)
    return (50 + 7 * rng.normal(size=(n, k)) + 9 * labels[:, None]).astype(np.float32), labels


def scaler_of(k: int, rng: np.random.Generator) -> Scaler:
    return Scaler(centre=rng.normal(size=k).astype(np.float32), scale=rng.uniform(0.1, 3, size=k).astype(np.float32))


def by_torch(network: torch.nn.Module, scaler: Scaler, features: Features) -> NDArray[np.float64]:
    with torch.no_grad():
        logits = network(torch.from_numpy(scaler.apply(features)))
    found: NDArray[np.float64] = torch.sigmoid(logits)[:, 0].numpy().astype(np.float64)
    return found


@settings(max_examples=20, deadline=None)
@given(k=st.integers(1, 9), hidden=st.integers(1, 40), layers=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_the_graph_of_a_perceptron_equals_torch(k: int, hidden: int, layers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    network, scaler = mlp_network(k, hidden, layers), scaler_of(k, rng)
    rows = (20 * rng.normal(size=(50, k))).astype(np.float32)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}

    scorer = MLP.load(Parts(onnx=mlp_graph(scaler, weights)))

    assert np.abs(scorer.score(rows) - by_torch(network, scaler, rows)).max() <= 1e-6


@settings(max_examples=8, deadline=None)
@given(
    k=st.integers(1, 9),
    sequence=st.integers(1, 12),
    hidden=st.integers(1, 64),
    layers=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_the_graph_of_an_lstm_equals_torch(k: int, sequence: int, hidden: int, layers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    network, scaler = lstm_network(k, hidden, layers), scaler_of(k, rng)
    for value in network.parameters():  # torch starts so near nought that gates in a wrong order would hardly show
        value.data *= 4
    rows = (3 * rng.normal(size=(20, sequence * k))).astype(np.float32)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}

    scorer = LSTM.load(Parts(onnx=lstm_graph(scaler, weights, sequence=sequence)))

    assert np.abs(scorer.score(rows) - by_torch(network, scaler, rows)).max() <= 1e-5
    assert [scorer.score_one(row[None]) for row in rows] == scorer.score(rows).tolist()


def test_an_lstm_reads_its_rows_oldest_first() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 6)).astype(np.float32)  # three rows of two columns
    labels = (rows[:, 4] > 0.5).astype(np.int8)  # the last row tells
    parameters = {**LSTM.defaults, "sequence": 3, "hidden": 8, "epochs": 25, "learning_rate": 0.01}
    scorer = LSTM.load(LSTM.fit(rows, labels=labels, parameters=parameters, seed=0))

    def moved_by(column: int) -> float:
        shuffled = rows.copy()
        shuffled[:, column] = rng.permutation(shuffled[:, column])
        return float(np.abs(scorer.score(shuffled) - scorer.score(rows)).mean())

    assert moved_by(4) > 10 * max(moved_by(0), moved_by(1), moved_by(5))


@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_neither_torch_nor_scikit_learn_is_imported_to_answer(estimator: Any, tmp_path: Path) -> None:
    features, labels = made_up()
    parameters = {**estimator.defaults, **QUICK} | ({"sequence": 2} if estimator is LSTM else {})
    graph = estimator.fit(features, labels=labels, parameters=parameters, seed=0).onnx
    (tmp_path / "model.onnx").write_bytes(graph)
    code = f"""
import sys, pathlib, numpy
from telltale.contract.estimator import Parts
from telltale.models.estimators import estimator_named
scorer = estimator_named({estimator.name!r}).load(Parts(onnx=pathlib.Path("model.onnx").read_bytes()))
scorer.score(numpy.zeros((3, 4), dtype=numpy.float32))
scorer.score_one(numpy.zeros((1, 4), dtype=numpy.float32))
print(sorted({{"torch", "sklearn", "scipy", "onnx"}} & sys.modules.keys()))
"""

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_training_leaves_torchs_random_numbers_and_threads_alone() -> None:
    features, labels = made_up()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    n_threads = torch.get_num_threads()

    MLP.fit(features, labels=labels, parameters={**MLP.defaults, **QUICK}, seed=0)

    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == n_threads


def test_each_epoch_is_told_and_why_it_stopped() -> None:
    features, labels = made_up()
    said: Tell = []

    MLP.fit(features, labels=labels, parameters={**MLP.defaults, **QUICK}, seed=0, tell=said.append)

    assert len(said) == 5
    assert said[0].startswith("Epoch [1/4] (")
    for figure in ("train loss", "val loss", "val accuracy", "val F1", "FAR", "FRR", "learning rate", "saved best"):
        assert figure in said[0]
    assert said[-1].startswith("Stopped after epoch 4 (the last one); kept epoch 4")


def test_training_stops_once_validation_gets_no_better_and_keeps_the_best() -> None:
    features, labels = made_up(60, 30, share=0.5)
    labels = np.random.default_rng(0).permutation(labels)  # nothing to learn but the rows themselves
    said: Tell = []
    parameters = {**MLP.defaults, "epochs": 400, "learning_rate": 0.01, "patience": 4, "halve_after": 2}

    MLP.fit(features, labels=labels, parameters=parameters, seed=0, tell=said.append)

    losses = [float(line.split("val loss ")[1].split()[0]) for line in said[:-1]]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4
    assert said[-1].startswith(
        f"Stopped after epoch {len(losses)} (no lower val loss for 4 epochs); kept epoch {best + 1}"
    )
    rates = [float(line.split("learning rate ")[1].split()[0]) for line in said[:-1]]
    assert rates[-1] == pytest.approx(rates[best] / 2)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path, stop_after: int) -> None:
    features, labels = made_up()
    whole = {
        **MLP.defaults,
        **QUICK,
        "epochs": 6,
        "augment": 1,
        "dropout": 0.3,
        "rows_per_epoch": 100,
        "halve_after": 1,
    }
    kept = {**whole, "checkpoint_dir": str(tmp_path / "kept")}
    said: Tell = []
    expected = MLP.fit(features, labels=labels, parameters=whole, seed=3).onnx

    MLP.fit(features, labels=labels, parameters={**kept, "epochs": stop_after}, seed=3)
    resumed = MLP.fit(features, labels=labels, parameters=kept, seed=3, tell=said.append).onnx

    assert resumed == expected
    assert said[0].startswith(f"Going on after epoch {stop_after} of ")
    assert said[1].startswith(f"Epoch [{stop_after + 1}/6]")


def test_dropout_leaves_units_out_in_training_and_none_in_answers() -> None:
    features, labels = made_up()
    plain, dropped = (
        MLP.fit(features, labels=labels, parameters={**MLP.defaults, **QUICK, "dropout": share}, seed=3)
        for share in (0.0, 0.3)
    )

    assert plain.onnx != dropped.onnx
    scorer = MLP.load(dropped)
    assert np.array_equal(scorer.score(features), scorer.score(features))
    with pytest.raises(UsageError, match=r"0\.1 to 0\.3 is usual"):
        MLP.fit(features, labels=labels, parameters={**MLP.defaults, "dropout": 1.0}, seed=0)


def test_a_checkpoint_holds_model_optimiser_and_configuration_and_no_pickle(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    features, labels = made_up()
    parameters = {**MLP.defaults, **QUICK, "checkpoint_dir": str(tmp_path)}

    MLP.fit(features, labels=labels, parameters=parameters, seed=3)

    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-4.safetensors", "training.json"]
    told = msgspec.json.decode((folder / "training.json").read_bytes())
    assert told["config"]["hidden"] == 8
    assert told["config"]["seed"] == 3
    assert told["progress"]["epoch"] == 4
    names = set(load_file(folder / "epoch-4.safetensors"))
    assert {"model/0.weight", "best/0.weight", "optimiser/0/exp_avg", "optimiser/0/step"} <= names


def test_other_rows_or_parameters_start_anew_beside_the_checkpoint(tmp_path: Path) -> None:
    features, labels = made_up()
    parameters = {**MLP.defaults, **QUICK, "checkpoint_dir": str(tmp_path)}

    for rows, seed, hidden in ((features, 0, 8), (features + 1, 0, 8), (features, 1, 8), (features, 0, 9)):
        MLP.fit(rows, labels=labels, parameters={**parameters, "hidden": hidden}, seed=seed)

    # Shifted rows standardise to nearly the same ones; nearly is not the same.
    assert len(list(tmp_path.iterdir())) == 4


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    features, labels = made_up()
    parameters = {**MLP.defaults, **QUICK, "checkpoint_dir": str(tmp_path)}
    MLP.fit(features, labels=labels, parameters=parameters, seed=0)
    (folder,) = tmp_path.iterdir()
    (folder / "training.json").write_text("{")

    with pytest.raises(BundleError, match="checkpoint cannot be read") as raised:
        MLP.fit(features, labels=labels, parameters=parameters, seed=0)

    assert "start anew" in raised.value.mend


def test_every_row_is_seen_once_before_any_is_seen_twice() -> None:
    from telltale.models.neural.training import _deck

    seen = np.concatenate([_deck(10, 4, epoch, seed=0) for epoch in range(5)])

    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert sorted(_deck(10, 0, 3, seed=0).tolist()) == list(range(10))
    assert sorted(_deck(10, 99, 3, seed=0).tolist()) == list(range(10))


def test_both_classes_validate_and_train_in_runs_and_unlabelled_rows_do_neither() -> None:
    labels = np.array([0, 0, 0, 1] * 100, dtype=np.int8)
    labels[::7] = -1
    features = np.arange(400, dtype=np.float32)[:, None]

    rows = neural_rows(features, labels, sequence=1, most_validation=0, where="test")

    known = int((labels >= 0).sum())
    assert len(rows.labels) + len(rows.validation_labels) == known
    assert rows.validation_labels.mean() == pytest.approx(rows.labels.mean(), abs=0.03)
    assert len(rows.validation_labels) == pytest.approx(0.2 * known, rel=0.1)
    at = np.sort(rows.validation_features[:, 0] / rows.scaler.scale + rows.scaler.centre)
    assert (np.diff(at) > 20).sum() == 3  # four runs
    assert rows.features.mean() == pytest.approx(0, abs=1e-5)
    assert rows.features.std() == pytest.approx(1, abs=1e-3)


def test_rows_of_a_sequence_share_one_scaler() -> None:
    features, labels = made_up(200, 6)

    rows = neural_rows(features, labels, sequence=3, most_validation=20, where="test")

    assert rows.scaler.centre.shape == (2,)
    assert len(rows.validation_labels) == 20


def test_whole_groups_validate_and_nobody_is_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    person = np.sort(rng.integers(0, 40, 2_000))
    labels = (rng.random(2_000) < 0.8).astype(np.int8)
    features = person[:, None].astype(np.float32)

    rows = neural_rows(features, labels, sequence=1, most_validation=0, where="test", groups=person)

    def people(scaled: Features) -> set[int]:
        return set(np.round(scaled[:, 0] / rows.scaler.scale + rows.scaler.centre).astype(int).tolist())

    assert people(rows.features) | people(rows.validation_features) == set(range(40))
    assert not people(rows.features) & people(rows.validation_features)
    assert len(people(rows.validation_features)) == 8


def test_groups_are_parted_so_that_both_classes_are_on_both_sides_or_refused() -> None:
    person = np.repeat(np.arange(5), 20)
    features, rng = np.zeros((100, 1), dtype=np.float32), np.random.default_rng(0)
    one_class_each = np.repeat(np.array([0, 1, 0, 1, 0], dtype=np.int8), 20)
    one_mixed = np.where(person == 1, rng.integers(0, 2, 100), one_class_each).astype(np.int8)

    rows = neural_rows(features, one_mixed, sequence=1, most_validation=0, where="test", groups=person)
    with pytest.raises(NotEnoughDataError, match="5 entities cannot be parted") as raised:
        neural_rows(features, one_class_each, sequence=1, most_validation=0, where="test", groups=person)

    assert set(rows.labels) == set(rows.validation_labels) == {0, 1}
    assert len(rows.validation_labels) == 20  # the mixed one alone
    assert "more entities" in raised.value.mend


@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_groups_reach_the_rows_that_a_network_validates_on(estimator: Any) -> None:
    features, labels = made_up()
    parameters = {**estimator.defaults, **QUICK} | ({"sequence": 2} if estimator is LSTM else {})

    apart, mixed = (
        estimator.fit(features, labels=labels, parameters=parameters, seed=0, groups=groups).onnx
        for groups in (np.arange(300) // 30, None)
    )

    assert apart != mixed


@pytest.mark.parametrize("labels", [None, np.zeros(300, dtype=np.int8), np.full(300, -1, dtype=np.int8)])
def test_rows_without_both_classes_are_refused(labels: Labels | None) -> None:
    features, _ = made_up()

    with pytest.raises(NotEnoughDataError, match="labelled") as raised:
        MLP.fit(features, labels=labels, parameters=MLP.defaults, seed=0)

    assert "another estimator" in raised.value.mend


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("patience", 0),
        ("rows_per_epoch", -1),
        ("learning_rate", 0.0),
        ("device", "abacus"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_refused(name: str, value: Parameter) -> None:
    features, labels = made_up()

    with pytest.raises(UsageError, match=str(value)):
        MLP.fit(features, labels=labels, parameters={**MLP.defaults, name: value}, seed=0)


def test_a_loss_that_is_lost_is_told_with_the_mend() -> None:
    features, labels = made_up()

    with pytest.raises(UsageError, match="no number any more") as raised:
        MLP.fit(features, labels=labels, parameters={**MLP.defaults, "learning_rate": 1e30}, seed=0)

    assert "learning-rate" in raised.value.mend


def test_features_that_are_no_whole_sequence_are_refused() -> None:
    features, labels = made_up()

    with pytest.raises(UsageError, match="4 features are no sequence of 3 rows"):
        LSTM.fit(features, labels=labels, parameters={**LSTM.defaults, "sequence": 3}, seed=0)


@pytest.mark.slow
def test_twenty_thousand_long_sequences_are_trained_in_about_a_minute() -> None:
    import time

    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 30 * 9)).astype(np.float32)
    labels = (features[:, -9] + 0.5 * features[:, -18] > 2.0).astype(np.int8)
    started = time.process_time()

    LSTM.fit(features, labels=labels, parameters=LSTM.defaults, seed=0)

    assert time.process_time() - started < 120  # half of it on a quiet machine
