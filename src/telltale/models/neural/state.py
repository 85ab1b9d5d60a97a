"""Network, optimiser, and how far a training is: what a checkpoint keeps, and what the best epoch left."""

import math
from typing import Any

import numpy as np

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell
from telltale.models.neural.checkpoint import Checkpoint, CheckpointFolder, Progress
from telltale.models.neural.graph import Weights
from telltale.models.neural.schedule import Schedule

_DROPOUT = 3  # a stream of random numbers of a seed


class TrainingState:
    """What changes while a network is trained.

    Args:
        network: a torch module.
        schedule: how it is trained.
    """

    def __init__(self, network: Any, schedule: Schedule) -> None:
        import torch

        self.network = network
        self.optimiser = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate)
        self.progress = Progress(epoch=0, best_epoch=0, best_loss=math.inf)
        self.best: Weights = self.weights()
        self._schedule = schedule

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        return self.progress.epoch - self.progress.best_epoch

    @property
    def goes_on(self) -> bool:
        """Whether there are epochs left, and validation got better lately."""
        return self.progress.epoch < self._schedule.epochs and self.stale < self._schedule.patience

    @property
    def learning_rate(self) -> float:
        """Of the epoch to come."""
        return float(self.optimiser.param_groups[0]["lr"])

    def ended(self, *, train_loss: float, loss: float) -> bool:
        """An epoch ended: whether it is the best so far. The learning rate halves where none was for long enough.

        Raises:
            UsageError: a loss is no number any more.
        """
        epoch = self.progress.epoch + 1
        if not math.isfinite(train_loss + loss):
            raise UsageError(
                f"the loss is no number any more after epoch {epoch}",
                where="train",
                mend="Give a lower --learning-rate.",
            )
        is_best = loss < self.progress.best_loss
        if is_best:
            self.best = self.weights()
        self.progress = Progress(
            epoch=epoch,
            best_epoch=epoch if is_best else self.progress.best_epoch,
            best_loss=loss if is_best else self.progress.best_loss,
        )
        halve_after = self._schedule.halve_after
        if halve_after and self.stale and self.stale % halve_after == 0:
            self.optimiser.param_groups[0]["lr"] /= 2
        return is_best

    def go_on_from(self, folder: CheckpointFolder, tell: Tell) -> None:
        """Take up the last epoch's state where there is one."""
        import torch

        found = folder.read()
        if found is None:
            return
        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in found.weights.items()})
        state = self.optimiser.state_dict()
        state["state"] = {
            number: {name: torch.from_numpy(value) for name, value in of_parameter.items()}
            for number, of_parameter in found.optimiser.items()
        }
        state["param_groups"][0]["lr"] = found.learning_rate
        self.optimiser.load_state_dict(state)
        self.progress, self.best = found.progress, found.best
        tell(f"Going on after epoch {self.progress.epoch} of {folder.path}.")

    def checkpoint(self) -> Checkpoint:
        """All that a stopped training goes on from."""
        state = self.optimiser.state_dict()
        return Checkpoint(
            weights=self.weights(),
            best=self.best,
            optimiser={
                number: {name: value.detach().cpu().numpy().copy() for name, value in of_parameter.items()}
                for number, of_parameter in state["state"].items()
            },
            learning_rate=self.learning_rate,
            progress=self.progress,
        )

    def weights(self) -> Weights:
        """The network's, as they are now."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.network.state_dict().items()}


def dropout_seed(seed: int, epoch: int) -> int:
    """What torch's own chance, which dropout draws from, begins an epoch with: the same whether or not training was stopped."""
    return int(np.random.default_rng([seed, _DROPOUT, epoch]).integers(2**62))
