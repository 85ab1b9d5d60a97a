"""A small multi-layer perceptron: what tells labelled positives from negatives in a handful of features."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Choice, Features, Groups, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.graph_scorer import GraphScorer
from telltale.models.neural.graph import GraphDraft, Weights
from telltale.models.neural.rows import Scaler, neural_rows
from telltale.models.neural.schedule import Schedule
from telltale.models.neural.training import train_network


@final
class Mlp:
    """Score: the probability that a row is positive, as it is among the training rows.

    Linear layers with ReLU between, a sigmoid at the end; Adam on binary cross-entropy, the best weights by the loss on
    rows kept for validation. Classes are not weighed: the share of positives in training is part of the answer.

    Not for: rows without labels, and what no training row was like: far from them its answer is an extrapolation.
    """

    name = "mlp"
    kind: Kind = "score"
    traits = Traits(needs=("torch",), needs_labels=True, is_costly=True, validates=True)
    expected_failures: Mapping[str, str] = {
        "check_a_feature_that_never_moved_is_seen_when_it_does": "labels say nothing of a feature that never moved",
    }
    defaults: Mapping[str, Parameter] = {
        "hidden": 64,
        "layers": 2,
        "dropout": 0.0,
        "epochs": 100,
        "batch_size": 256,
        "learning_rate": 0.001,
        "halve_after": 5,
        "patience": 10,
        "rows_per_epoch": 0,
        "augment": 0,
        "device": "cpu",
        "checkpoint_dir": "",
        "tensorboard_dir": "",
    }
    search_space: Mapping[str, Choice] = {
        "hidden": Choice(kind="int", low=16, high=128, log=True),
        "learning_rate": Choice(kind="float", low=3e-4, high=1e-2, log=True),
    }
    grid: Mapping[str, tuple[Parameter, ...]] = {"hidden": (32, 64), "learning_rate": (0.001, 0.003)}

    def fit(
        self,
        features: Features,
        *,
        labels: NDArray[np.int8] | None,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,
        groups: Groups | None = None,
    ) -> Parts:
        """Fit on labelled rows.

        `augment` 1 adds noise of a twentieth of a standard deviation to a training row, anew whenever it is seen; rows
        kept for validation stay as they are. `device` is "cpu" or "cuda"; only on a CPU does the same seed promise the
        same parts. `dropout` is the share of hidden units that each training step leaves out, below 1. `checkpoint_dir` is
        where each epoch leaves what a stopped training goes on from, `tensorboard_dir`
        where it leaves its figures for TensorBoard. With `groups`, whole groups validate.

        Raises:
            NotEnoughDataError: fewer than ten rows of a class, or groups that cannot be parted.
            UsageError: a parameter is out of range, there is no such device, or the loss is lost.
        """
        schedule = Schedule.of(parameters)
        rows = neural_rows(
            features,
            labels,
            sequence=1,
            most_validation=schedule.rows_per_epoch,
            where=self.name,
            groups=groups,
        )
        shape = features.shape[1], int(parameters["hidden"]), int(parameters["layers"]), schedule.dropout
        weights = train_network(
            lambda: mlp_network(*shape), rows, schedule=schedule, parameters=parameters, seed=seed, tell=tell
        )
        return Parts(onnx=mlp_graph(rows.scaler, weights))

    def load(self, parts: Parts) -> GraphScorer:
        """A scorer that needs ONNX Runtime alone."""
        return GraphScorer(parts, where=self.name)


def mlp_network(n_features: int, hidden: int, layers: int, dropout: float = 0.0) -> Any:
    """The network in torch, without the sigmoid: shape (n, k) to (n, 1)."""
    from torch import nn

    widths = [n_features, *[hidden] * layers]
    parts: list[Any] = []
    for before, after in pairwise(widths):
        parts += [nn.Linear(before, after), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*parts, nn.Linear(widths[-1], 1))


def mlp_graph(scaler: Scaler, weights: Weights) -> bytes:
    """The network with its standardising and its sigmoid as a graph of raw features."""
    draft = GraphDraft(name="mlp", n_columns=len(scaler.centre))
    draft.standardise(scaler)
    names = sorted((name for name in weights if name.endswith(".weight")), key=lambda name: int(name.split(".")[0]))
    for name in names:
        draft.dense(weights[name], weights[name.replace(".weight", ".bias")])
        if name != names[-1]:
            draft.add("Relu")
    return draft.finish()


ESTIMATOR: Final = Mlp()
