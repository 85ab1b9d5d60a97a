"""The training loop of every network: epochs, validation, early stopping, checkpoints.

Same rows, parameters and seed give the same weights on one CPU, in another process too, and whether or not training was
stopped and went on from a checkpoint: the order of rows and all noise are functions of the seed and the epoch.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Parameters, Tell
from telltale.models.neural.checkpoint import CheckpointFolder, open_folder
from telltale.models.neural.device import device_named, has_mixed_precision, mixed_precision, one_thread
from telltale.models.neural.events import EventFile
from telltale.models.neural.figures import EpochFigures, count_decided
from telltale.models.neural.graph import Weights
from telltale.models.neural.rows import NeuralRows
from telltale.models.neural.schedule import Schedule
from telltale.models.neural.state import TrainingState, dropout_seed

_JITTER: Final = 0.05  # standard deviations
_ORDER, _NOISE = 1, 2  # streams of random numbers of one seed


def train_network(
    network: Callable[[], Any],
    rows: NeuralRows,
    *,
    schedule: Schedule,
    parameters: Parameters,
    seed: int,
    tell: Tell,
    mixed: bool | None = None,
) -> Weights:
    """Train, and give back the weights of the epoch with the lowest validation loss.

    Args:
        network: makes a torch module from the rows' features to logits, shape (n, 1).
        rows: to fit and to validate on.
        schedule: how.
        parameters: all of the estimator's, which a checkpoint must have been made with to be gone on from.
        seed: of weights, order and noise.
        tell: gets a line per epoch.
        mixed: in mixed precision or not, for tests; None as is best on the device.

    Raises:
        UsageError: there is no such device, or the loss is no number any more.
    """
    device = device_named(schedule.device)
    is_mixed = has_mixed_precision(device, tell) if mixed is None else mixed
    folder = open_folder(Path(schedule.checkpoint_dir), rows, parameters, seed=seed)
    with one_thread():
        training = _Training(network, rows, schedule, device=device, is_mixed=is_mixed, seed=seed)
        if schedule.checkpoint_dir:
            training.state.go_on_from(folder, tell)
        events = None
        if schedule.tensorboard_dir:
            events = EventFile.create(
                Path(schedule.tensorboard_dir) / folder.path.name, step=training.state.progress.epoch + 1
            )
        training.run(folder if schedule.checkpoint_dir else None, events, tell)
        return training.state.best


class _Training:
    """Network, optimiser, and how far they are."""

    def __init__(
        self,
        network: Callable[[], Any],
        rows: NeuralRows,
        schedule: Schedule,
        *,
        device: Any,
        is_mixed: bool,
        seed: int,
    ) -> None:
        import torch

        with torch.random.fork_rng(devices=[]):  # nobody else's random numbers move
            torch.random.manual_seed(seed)
            self.network = network().to(device)
        self.state = TrainingState(self.network, schedule)
        self.rows, self.schedule, self.seed = rows, schedule, seed
        self.device, self.is_mixed = device, is_mixed
        self.features = torch.from_numpy(rows.features).to(device)
        self.labels = torch.from_numpy(rows.labels).to(device)
        self.held = torch.from_numpy(rows.validation_features).to(device)

    def run(self, folder: CheckpointFolder | None, events: EventFile | None, tell: Tell) -> None:
        """Epochs until there are enough or validation has got no better for long enough."""
        state, epochs = self.state, self.schedule.epochs
        while state.goes_on:
            started = time.perf_counter()
            figures = self._epoch(state.progress.epoch)
            loss = figures.val_loss
            is_best = state.ended(train_loss=figures.train_loss, loss=loss)
            epoch = state.progress.epoch
            tell(
                f"Epoch [{epoch}/{epochs}] ({time.perf_counter() - started:.2f} s)  {figures.told()}"
                + (f"  ✓ saved best model (loss {loss:.4f})" if is_best else "")
            )
            if events is not None:
                events.write(figures.scalars(), step=epoch)
            if folder is not None:
                folder.write(state.checkpoint())
        patience = self.schedule.patience
        why = f"no lower val loss for {patience} epochs" if state.stale >= patience else "the last one"
        tell(
            f"Stopped after epoch {state.progress.epoch} ({why}); "
            f"kept epoch {state.progress.best_epoch} (val loss {state.progress.best_loss:.4f})."
        )

    def _epoch(self, epoch: int) -> EpochFigures:
        """Learn from the rows once, and look at those kept for validation."""
        import torch

        learning_rate = self.state.learning_rate
        with torch.random.fork_rng(devices=[]):
            torch.random.manual_seed(dropout_seed(self.seed, epoch))
            train_loss, train_accuracy = self._learn(epoch)
        val_loss, decided = self._validate()
        return EpochFigures(
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            val_loss=val_loss,
            val=count_decided(self.rows.validation_labels > 0, decided),
            learning_rate=learning_rate,
        )

    def _learn(self, epoch: int) -> tuple[float, float]:
        """One pass; the mean loss of its rows and the share that were right, each as its batch came."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

        self.network.train()
        order = _deck(len(self.rows.features), self.schedule.rows_per_epoch, epoch, seed=self.seed)
        noise = np.random.default_rng([self.seed, _NOISE, epoch])
        total, n_right = 0.0, 0
        for start in range(0, len(order), self.schedule.batch_size):
            places = torch.from_numpy(order[start : start + self.schedule.batch_size]).to(self.device)
            batch, labels = self.features[places], self.labels[places]
            if self.schedule.augment:
                shaken = noise.normal(0.0, _JITTER, size=tuple(batch.shape)).astype(np.float32)
                batch += torch.from_numpy(shaken).to(self.device)
            self.state.optimiser.zero_grad()
            with mixed_precision(self.device, is_mixed=self.is_mixed):
                logits = self.network(batch)[:, 0]
            logits = logits.float()
            loss = loss_of(logits, labels)
            loss.backward()
            self.state.optimiser.step()
            total += float(loss.detach()) * len(places)
            n_right += int(((logits.detach() >= 0) == (labels > 0)).sum())
        return total / len(order), n_right / len(order)

    def _validate(self) -> tuple[float, NDArray[np.bool_]]:
        """The loss on the rows kept for it, and what a threshold of one half would accept there: in float32, as it will serve."""
        import torch

        self.network.eval()
        with torch.no_grad():
            logits = self.network(self.held)[:, 0].cpu().numpy().astype(np.float64)
        if not np.isfinite(logits).all():
            return math.nan, logits >= 0
        loss = float(np.mean(np.logaddexp(0.0, logits) - self.rows.validation_labels * logits))
        return loss, logits >= 0


def _deck(n_rows: int, n_seen: int, epoch: int, *, seed: int) -> NDArray[np.int64]:
    """The rows of an epoch: all, shuffled, or the next `n_seen` of a deck that is shuffled anew whenever it is through."""
    n_seen = min(n_seen, n_rows) or n_rows
    first = epoch * n_seen
    found = []
    for deck in range(first // n_rows, (first + n_seen - 1) // n_rows + 1):
        order = np.random.default_rng([seed, _ORDER, deck]).permutation(n_rows)
        found.append(order[max(first - deck * n_rows, 0) : first + n_seen - deck * n_rows])
    return np.concatenate(found)
