"""Where networks are trained, and mixed precision: worked through here on a CPU, which has bfloat16 too, only slowly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.test_neural import QUICK, Tell, made_up

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameter
from telltale.models.lstm import ESTIMATOR as LSTM
from telltale.models.lstm import lstm_network
from telltale.models.mlp import ESTIMATOR as MLP
from telltale.models.mlp import mlp_network
from telltale.models.neural.device import device_named, has_mixed_precision
from telltale.models.neural.graph import Weights
from telltale.models.neural.rows import NeuralRows, neural_rows
from telltale.models.neural.schedule import Schedule
from telltale.models.neural.training import train_network

NETWORKS = {"mlp": lambda: mlp_network(4, 8, 2), "lstm": lambda: lstm_network(2, 8, 2)}
PARAMETERS: dict[str, Parameter] = {**MLP.defaults, **QUICK, "learning_rate": 0.01}


def rows_of(kind: str) -> NeuralRows:
    features, labels = made_up()
    return neural_rows(features, labels, sequence=1 if kind == "mlp" else 2, most_validation=0, where="test")


def trained(
    kind: str, *, mixed: bool, tell: Tell | None = None, network: Any = None, **parameters: Parameter
) -> Weights:
    chosen = {**PARAMETERS, **parameters}
    said: Tell = [] if tell is None else tell
    return train_network(
        network or NETWORKS[kind],
        rows_of(kind),
        schedule=Schedule.of(chosen),
        parameters=chosen,
        seed=3,
        tell=said.append,
        mixed=mixed,
    )


def losses(said: Tell) -> list[float]:
    return [float(line.split("val loss ")[1].split()[0]) for line in said if line.startswith("Epoch")]


@pytest.mark.parametrize("kind", NETWORKS)
def test_in_mixed_precision_a_network_learns_as_well_and_keeps_float32_weights(kind: str) -> None:
    full_said, mixed_said = Tell(), Tell()

    full = trained(kind, mixed=False, tell=full_said, epochs=8)
    mixed = trained(kind, mixed=True, tell=mixed_said, epochs=8)

    assert {value.dtype for value in mixed.values()} == {np.dtype(np.float32)}
    assert any((mixed[name] != full[name]).any() for name in full)  # else nothing was computed otherwise
    assert losses(mixed_said)[-1] < 0.8 * losses(mixed_said)[0]
    assert losses(mixed_said)[-1] == pytest.approx(losses(full_said)[-1], rel=0.1)


def test_training_is_mixed_and_validation_is_not() -> None:
    seen: set[tuple[bool, torch.dtype]] = set()

    def watched() -> Any:
        network = mlp_network(4, 8, 2)
        network.register_forward_hook(lambda module, _, logits: seen.add((module.training, logits.dtype)))
        return network

    trained("mlp", mixed=True, network=watched)

    assert seen == {(True, torch.bfloat16), (False, torch.float32)}


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_mixed_training_that_was_stopped_goes_on_to_the_same_weights(kind: str, tmp_path: Path) -> None:
    whole = trained(kind, mixed=True, epochs=6)

    trained(kind, mixed=True, epochs=2, checkpoint_dir=str(tmp_path))
    resumed = trained(kind, mixed=True, epochs=6, checkpoint_dir=str(tmp_path))

    assert all((resumed[name] == whole[name]).all() for name in whole)


@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_on_a_cpu_networks_are_trained_in_float32_and_nothing_is_said_of_it(estimator: Any) -> None:
    said = Tell()
    features, labels = made_up()
    parameters = {**PARAMETERS, **estimator.defaults, **QUICK} | ({"sequence": 2} if estimator is LSTM else {})

    estimator.fit(features, labels=labels, parameters=parameters, seed=0, tell=said.append)

    assert said[0].startswith("Epoch [1/4]")
    assert not has_mixed_precision(device_named("cpu"), said.append)
    assert len(said) == 5


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_a_graphics_card_that_is_not_there_is_named_with_the_mend(estimator: Any) -> None:
    features, labels = made_up()

    with pytest.raises(UsageError, match="sees no CUDA card") as raised:
        estimator.fit(
            features, labels=labels, parameters={**estimator.defaults, "sequence": 2, "device": "cuda"}, seed=0
        )

    assert "--device cpu" in raised.value.mend


@pytest.mark.gpu
@pytest.mark.parametrize("estimator", [MLP, LSTM], ids=lambda estimator: estimator.name)
def test_a_graphics_card_learns_the_same_within_the_precision_of_bfloat16(estimator: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no graphics card")
    said = Tell()
    features, labels = made_up()
    parameters = {**estimator.defaults, **QUICK} | ({"sequence": 2} if estimator is LSTM else {})

    there = estimator.fit(
        features, labels=labels, parameters={**parameters, "device": "cuda"}, seed=0, tell=said.append
    )
    here = estimator.fit(features, labels=labels, parameters=parameters, seed=0)

    apart = np.abs(estimator.load(there).score(features) - estimator.load(here).score(features))
    assert said[0].startswith("Training in ")
    assert apart.max() < 2e-2
