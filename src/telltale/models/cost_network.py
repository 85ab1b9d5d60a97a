"""A small network that foretells what every choice leads to: the neural classifier of a task that chooses."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import open_session
from telltale.models.neural.graph import GraphDraft, Weights
from telltale.models.neural.outcome_training import OutcomeRows, outcome_rows, train_outcomes
from telltale.models.neural.schedule import Schedule


@final
class CostNetwork:
    """Linear layers with ReLU between, an output for each outcome; the class of a row is the choice that costs least by them.

    A classifier learns which choice was cheapest at one price, and takes a near equal for as wrong as the dearest. This one
    learns by how much each was off: absolute errors of logarithms, which are shares of a cost. Adam, early stopping, the best
    weights by the loss on rows kept for validation.

    Not for: some hundred rows, of which boosted trees make more.

    References:
        Zadrozny, Langford & Abe, "Cost-sensitive learning by cost-proportionate example weighting", ICDM 2003, for why.
    """

    name = "cost_network"
    kind: Kind = "choose"
    traits = Traits(needs=("torch",), is_costly=True)
    defaults: Mapping[str, Parameter] = {
        "hidden_dim": 64,
        "layers": 2,
        "dropout": 0.0,
        "epochs": 50,
        "batch_size": 32,
        "learning_rate": 0.001,
        "halve_after": 2,
        "patience": 3,
        "rows_per_epoch": 0,
        "augment": 0,
        "device": "cpu",
        "checkpoint_dir": "",
        "tensorboard_dir": "",
    }
    search_space: Mapping[str, Choice] = {
        "learning_rate": Choice(kind="float", low=1e-4, high=1e-2, log=True),
        "batch_size": Choice(kind="int", low=16, high=128),
        "hidden_dim": Choice(kind="int", low=64, high=256, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"hidden_dim": (64, 128, 256), "learning_rate": (0.001, 0.003)}
    check_parameters: Mapping[str, Parameter] = {"epochs": 3, "hidden_dim": 16}

    def fit(
        self,
        features: Features,
        *,
        outcomes: Floats,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
    ) -> Parts:
        """Fit on the outcomes that were measured.

        `dropout` is the share of hidden units that each training step leaves out. `checkpoint_dir` is where each epoch leaves
        what a stopped training goes on from, `tensorboard_dir` where it leaves its figures for TensorBoard.

        Raises:
            NotEnoughDataError: fewer than twenty rows.
            UsageError: a parameter is out of range, there is no such device, or the loss is lost.
        """
        schedule = Schedule.of(parameters)
        rows = outcome_rows(features, outcomes, where=self.name)
        widths = [features.shape[1], *[int(parameters["hidden_dim"])] * int(parameters["layers"]), outcomes.shape[1]]
        weights = train_outcomes(
            lambda: cost_layers(widths, schedule.dropout),
            rows,
            schedule=schedule,
            parameters=parameters,
            seed=seed,
            tell=tell,
        )
        return Parts(onnx=cost_graph(rows, weights))

    def load(self, parts: Parts) -> "OutcomeGraph":
        """A model that needs ONNX Runtime alone."""
        return OutcomeGraph(parts, where=self.name)


@final
class OutcomeGraph:
    """An ONNX session on one thread, a row at a time: a matrix product rounds a row otherwise with other rows beside it."""

    def __init__(self, parts: Parts, *, where: str) -> None:
        self._run = open_session(parts.onnx or b"", where=where).run

    def predict(self, features: Features) -> Floats:
        """Outcomes, shape (n rows, m outcomes), float64."""
        found: list[NDArray[np.float32]] = [self._run(None, {"features": row[None]})[0] for row in features]
        return np.concatenate(found).astype(np.float64)


def cost_layers(widths: list[int], dropout: float) -> Any:
    """The network in torch, from features to standardised outcomes."""
    from torch import nn

    parts: list[Any] = []
    for before, after in pairwise(widths[:-1]):
        parts += [nn.Linear(before, after), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*parts, nn.Linear(widths[-2], widths[-1]))


def cost_graph(rows: OutcomeRows, weights: Weights) -> bytes:
    """The network as a graph from raw features to outcomes in their own unit: both standardisings are part of it."""
    draft = GraphDraft(name="cost_network", n_columns=len(rows.rows.scaler.centre))
    draft.standardise(rows.rows.scaler)
    names = sorted((name for name in weights if name.endswith(".weight")), key=lambda name: int(name.split(".")[0]))
    for name in names[:-1]:
        draft.dense(weights[name], weights[name.replace(".weight", ".bias")])
        draft.add("Relu")
    last = weights[names[-1]], weights[names[-1].replace(".weight", ".bias")]
    weight = last[0].astype(np.float64) * rows.spread[:, None]
    bias = last[1].astype(np.float64) * rows.spread + rows.centre
    draft.dense(weight.astype(np.float32), bias.astype(np.float32))
    return draft.finish_outcomes(len(bias))


ESTIMATOR: Final = CostNetwork()
