"""The training loop of a network that foretells several outcomes, each in logarithms, some of them not measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Floats, Parameters, Tell
from telltale.models.neural.checkpoint import open_folder
from telltale.models.neural.device import device_named, one_thread
from telltale.models.neural.events import EventFile
from telltale.models.neural.graph import Weights
from telltale.models.neural.rows import NeuralRows, Scaler
from telltale.models.neural.schedule import Schedule
from telltale.models.neural.state import TrainingState, dropout_seed

# Every fifth of so many runs of consecutive rows validates: neighbouring rows are mostly of one object.
_RUNS, _EVERY = 20, 5
_LEAST_ROWS: Final = 20
# An outcome foretold to within a tenth counts as right.
_RIGHT: Final = math.log(1.1)
_ORDER = 1  # a stream of random numbers of a seed


@dataclass(frozen=True, kw_only=True)
class OutcomeRows:
    """Standardised rows and outcomes: centre and spread of the outcomes, shape (m,) each, and the rows themselves."""

    rows: NeuralRows
    centre: Floats
    spread: Floats


def outcome_rows(features: Features, outcomes: Floats, *, where: str) -> OutcomeRows:
    """Split and standardise; outcomes that were not measured stay NaN. Raises NotEnoughDataError."""
    if len(features) < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{len(features)} rows", where=where, mend=f"Give at least {_LEAST_ROWS}, or use another estimator."
        )
    validates = np.arange(len(features)) * _RUNS // len(features) % _EVERY == _EVERY // 2
    learned = features[~validates].astype(np.float64)
    spread = learned.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    scaler = Scaler(centre=learned.mean(axis=0).astype(np.float32), scale=scale.astype(np.float32))
    centre, deviation = np.nanmean(outcomes, axis=0), np.nanstd(outcomes, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    scaled = ((outcomes - centre) / deviation).astype(np.float32)
    rows = NeuralRows(
        scaler=scaler,
        features=scaler.apply(features[~validates]),
        labels=scaled[~validates],
        validation_features=scaler.apply(features[validates]),
        validation_labels=scaled[validates],
    )
    return OutcomeRows(rows=rows, centre=centre, spread=deviation)


def train_outcomes(
    network: Callable[[], Any],
    given: OutcomeRows,
    *,
    schedule: Schedule,
    parameters: Parameters,
    seed: int,
    tell: Tell,
) -> Weights:
    """Train on the absolute error of each outcome in its own unit, and give back the weights of the best epoch.

    The outcomes are logarithms: an error in one is a share of the cost, whichever price it will be asked at. A stopped
    training goes on from the checkpoint and ends with the same weights.

    Args:
        network: makes a torch module from features to standardised outcomes.
        given: rows to fit and to validate on.
        schedule: how.
        parameters: all of the estimator's, which a checkpoint must have been made with to be gone on from.
        seed: of weights, order and dropout.
        tell: gets a line per epoch.

    Raises:
        UsageError: there is no such device, or the loss is no number any more.
    """
    import torch

    device = device_named(schedule.device)
    folder = open_folder(Path(schedule.checkpoint_dir), given.rows, parameters, seed=seed)
    with one_thread():
        with torch.random.fork_rng(devices=[]):  # nobody else's random numbers move
            torch.random.manual_seed(seed)
            module = network().to(device)
        training = _Training(module, given, schedule=schedule, device=device, seed=seed)
        state = training.state
        if schedule.checkpoint_dir:
            state.go_on_from(folder, tell)
        events = None
        if schedule.tensorboard_dir:
            to = Path(schedule.tensorboard_dir) / folder.path.name
            events = EventFile.create(to, step=state.progress.epoch + 1)
        while state.goes_on:
            scalars = training.epoch(tell)
            if events is not None:
                events.write(scalars, step=state.progress.epoch)
            if schedule.checkpoint_dir:
                folder.write(state.checkpoint())
        tell(f"Kept epoch {state.progress.best_epoch} (val loss {state.progress.best_loss:.4f}).")
        return state.best


class _Training:
    """Network and rows, and how far they are."""

    def __init__(self, module: Any, given: OutcomeRows, *, schedule: Schedule, device: Any, seed: int) -> None:
        import torch

        self.module, self.schedule, self.seed = module, schedule, seed
        self.state = TrainingState(module, schedule)
        rows = given.rows
        self.learned = torch.from_numpy(rows.features).to(device), torch.from_numpy(rows.labels).to(device)
        self.held = (
            torch.from_numpy(rows.validation_features).to(device),
            torch.from_numpy(rows.validation_labels).to(device),
        )
        self.spread = torch.from_numpy(given.spread.astype(np.float32)).to(device)

    def epoch(self, tell: Tell) -> dict[str, float]:
        """Learn from the rows once and look at those kept for validation; figures by TensorBoard's tags."""
        number = self.state.progress.epoch + 1
        train_loss, train_right = self._learn(number)
        loss, right = self._validate()
        is_best = self.state.ended(train_loss=train_loss, loss=loss)
        tell(
            f"Epoch [{number}/{self.schedule.epochs}]  train loss {train_loss:.4f}  val loss {loss:.4f}  "
            f"foretold to a tenth {100 * right:.2f} %{'  ✓ best' if is_best else ''}"
        )
        return {
            "Loss/train": train_loss,
            "Loss/val": loss,
            "Accuracy/train": train_right,
            "Accuracy/val": right,
            "Learning rate": self.state.learning_rate,
        }

    def _learn(self, number: int) -> tuple[float, float]:
        import torch

        self.module.train()
        features, outcomes = self.learned
        order = np.random.default_rng([self.seed, _ORDER, number]).permutation(len(features))
        order = order[: self.schedule.rows_per_epoch or len(order)]
        total, right = 0.0, 0.0
        with torch.random.fork_rng(devices=[]):  # what dropout leaves out is torch's own chance, anew for every epoch
            torch.random.manual_seed(dropout_seed(self.seed, number))
            for start in range(0, len(order), self.schedule.batch_size):
                places = torch.from_numpy(order[start : start + self.schedule.batch_size]).to(features.device)
                self.state.optimiser.zero_grad()
                loss, share = self._loss(features[places], outcomes[places])
                loss.backward()
                self.state.optimiser.step()
                total += float(loss.detach()) * len(places)
                right += share * len(places)
        return total / len(order), right / len(order)

    def _validate(self) -> tuple[float, float]:
        import torch

        self.module.eval()
        with torch.no_grad():
            loss, right = self._loss(*self.held)
        return float(loss), right

    def _loss(self, features: Any, outcomes: Any) -> tuple[Any, float]:
        """The mean absolute error in the outcomes' own unit, and the share of them foretold to within a tenth."""
        import torch

        is_measured = torch.isfinite(outcomes)
        truth = torch.where(is_measured, outcomes, torch.zeros_like(outcomes))
        error = (self.module(features) - truth).abs() * self.spread * is_measured
        n = is_measured.sum().clamp(min=1)
        return error.sum() / n, float(((error < _RIGHT) & is_measured).sum() / n)
