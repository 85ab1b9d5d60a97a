"""The training loop of every network: epochs, validation, early stopping, checkpoints. Torch is imported here alone.

Same rows, parameters and seed give the same weights on one CPU, in another process too, and whether or not training was
stopped and went on from a checkpoint: the order of rows and all noise are functions of the seed and the epoch.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameters, Tell
from telltale.models.neural_checkpoint import Checkpoint, CheckpointFolder, Progress, open_folder
from telltale.models.neural_graph import Weights
from telltale.models.neural_rows import NeuralRows

_JITTER: Final = 0.05  # standard deviations
_ORDER, _NOISE = 1, 2  # streams of random numbers of one seed


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast to train.

    Args:
        epochs: at most.
        batch_size: rows per step.
        learning_rate: of Adam, at the start.
        halve_after: epochs without a better validation loss after which the learning rate is halved; 0 for never.
        patience: epochs without a better validation loss after which training stops.
        rows_per_epoch: rows seen in an epoch, the next ones of a shuffled deck; 0 for all.
        augment: 1 for noise on training rows.
        device: "cpu" or "cuda".
        checkpoint_dir: a folder to leave checkpoints in and go on from; "" for none.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    halve_after: int
    patience: int
    rows_per_epoch: int
    augment: int
    device: str
    checkpoint_dir: str

    @classmethod
    def of(cls, parameters: Parameters) -> "Schedule":
        """From an estimator's parameters. Raises UsageError for what cannot be trained with."""
        schedule = cls(
            epochs=int(parameters["epochs"]),
            batch_size=int(parameters["batch_size"]),
            learning_rate=float(parameters["learning_rate"]),
            halve_after=int(parameters["halve_after"]),
            patience=int(parameters["patience"]),
            rows_per_epoch=int(parameters["rows_per_epoch"]),
            augment=int(parameters["augment"]),
            device=str(parameters["device"]),
            checkpoint_dir=str(parameters["checkpoint_dir"]),
        )
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("patience", 1),
            ("halve_after", 0),
            ("rows_per_epoch", 0),
        ):
            if getattr(schedule, name) < least:
                raise UsageError(f"{name} is {getattr(schedule, name)}", where="train", mend=f"Give at least {least}.")
        if not (math.isfinite(schedule.learning_rate) and schedule.learning_rate > 0):
            raise UsageError(
                f"learning_rate is {schedule.learning_rate}", where="train", mend="Give a finite number above 0."
            )
        return schedule


def train_network(
    network: Callable[[], Any],
    rows: NeuralRows,
    *,
    schedule: Schedule,
    parameters: Parameters,
    seed: int,
    tell: Tell,
) -> Weights:
    """Train, and give back the weights of the epoch with the lowest validation loss.

    Args:
        network: makes a torch module from the rows' features to logits, shape (n, 1).
        rows: to fit and to validate on.
        schedule: how.
        parameters: all of the estimator's, which a checkpoint must have been made with to be gone on from.
        seed: of weights, order and noise.
        tell: gets a line per epoch.

    Raises:
        UsageError: there is no such device, or the loss is no number any more.
    """
    device = _device(schedule.device)
    with _one_thread():
        training = _Training(network, rows, schedule, device=device, seed=seed)
        folder = None
        if schedule.checkpoint_dir:
            folder = open_folder(Path(schedule.checkpoint_dir), rows, parameters, seed=seed)
            training.go_on_from(folder, tell)
        training.run(folder, tell)
        return training.best


class _Training:
    """Network, optimiser, and how far they are."""

    def __init__(
        self, network: Callable[[], Any], rows: NeuralRows, schedule: Schedule, *, device: Any, seed: int
    ) -> None:
        import torch

        with torch.random.fork_rng(devices=[]):  # nobody else's random numbers move
            torch.random.manual_seed(seed)
            self.network = network().to(device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=schedule.learning_rate)
        self.rows, self.schedule, self.device, self.seed = rows, schedule, device, seed
        self.features = torch.from_numpy(rows.features).to(device)
        self.labels = torch.from_numpy(rows.labels).to(device)
        self.held = torch.from_numpy(rows.validation_features).to(device)
        self.progress = Progress(epoch=0, best_epoch=0, best_loss=math.inf)
        self.best: Weights = self._weights()

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

    def run(self, folder: CheckpointFolder | None, tell: Tell) -> None:
        """Epochs until there are enough or validation has got no better for long enough."""
        schedule = self.schedule
        while self.progress.epoch < schedule.epochs and self._stale() < schedule.patience:
            started = time.perf_counter()
            train_loss = self._epoch(self.progress.epoch)
            loss, figures = self._validate()
            if not math.isfinite(train_loss + loss):
                raise UsageError(
                    f"the loss is no number any more after epoch {self.progress.epoch + 1}",
                    where="train",
                    mend="Give a lower --learning-rate.",
                )
            epoch = self.progress.epoch + 1
            is_best = loss < self.progress.best_loss
            if is_best:
                self.best = self._weights()
            self.progress = Progress(
                epoch=epoch,
                best_epoch=epoch if is_best else self.progress.best_epoch,
                best_loss=loss if is_best else self.progress.best_loss,
            )
            group = self.optimiser.param_groups[0]
            tell(
                f"Epoch [{epoch}/{schedule.epochs}] ({time.perf_counter() - started:.2f} s)  "
                f"train loss {train_loss:.4f}  val loss {loss:.4f}  {figures}  learning rate {group['lr']:.6f}"
                + (f"  ✓ saved best model (loss {loss:.4f})" if is_best else "")
            )
            if schedule.halve_after and self._stale() and self._stale() % schedule.halve_after == 0:
                group["lr"] /= 2
            if folder is not None:
                folder.write(self._checkpoint())
        why = (
            f"no lower val loss for {schedule.patience} epochs"
            if self._stale() >= schedule.patience
            else "the last one"
        )
        tell(
            f"Stopped after epoch {self.progress.epoch} ({why}); "
            f"kept epoch {self.progress.best_epoch} (val loss {self.progress.best_loss:.4f})."
        )

    def _stale(self) -> int:
        return self.progress.epoch - self.progress.best_epoch

    def _epoch(self, epoch: int) -> float:
        """One pass; the mean loss of its rows."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits as loss_of

        self.network.train()
        order = _deck(len(self.rows.features), self.schedule.rows_per_epoch, epoch, seed=self.seed)
        noise = np.random.default_rng([self.seed, _NOISE, epoch])
        total = 0.0
        for start in range(0, len(order), self.schedule.batch_size):
            places = torch.from_numpy(order[start : start + self.schedule.batch_size]).to(self.device)
            batch = self.features[places]
            if self.schedule.augment:
                shaken = noise.normal(0.0, _JITTER, size=tuple(batch.shape)).astype(np.float32)
                batch += torch.from_numpy(shaken).to(self.device)
            self.optimiser.zero_grad()
            loss = loss_of(self.network(batch)[:, 0], self.labels[places])
            loss.backward()
            self.optimiser.step()
            total += float(loss.detach()) * len(places)
        return total / len(order)

    def _validate(self) -> tuple[float, str]:
        """The loss on the rows kept for it, and what a threshold of one half would do there, for people."""
        import torch

        self.network.eval()
        with torch.no_grad():
            logits = self.network(self.held)[:, 0].cpu().numpy().astype(np.float64)
        if not np.isfinite(logits).all():
            return math.nan, ""
        truth = self.rows.validation_labels
        loss = float(np.mean(np.logaddexp(0.0, logits) - truth * logits))
        return loss, _told(truth > 0, logits >= 0)

    def _weights(self) -> Weights:
        return {name: value.detach().cpu().numpy().copy() for name, value in self.network.state_dict().items()}

    def _checkpoint(self) -> Checkpoint:
        state = self.optimiser.state_dict()
        return Checkpoint(
            weights=self._weights(),
            best=self.best,
            optimiser={
                number: {name: value.detach().cpu().numpy().copy() for name, value in of_parameter.items()}
                for number, of_parameter in state["state"].items()
            },
            learning_rate=float(state["param_groups"][0]["lr"]),
            progress=self.progress,
        )


def _told(truth: NDArray[np.bool_], decided: NDArray[np.bool_]) -> str:
    tp, fp = int((truth & decided).sum()), int((~truth & decided).sum())
    fn, tn = int((truth & ~decided).sum()), int((~truth & ~decided).sum())
    f1 = 2 * tp / max(2 * tp + fp + fn, 1)
    return (
        f"val accuracy {100 * (tp + tn) / len(truth):.2f} %  val F1 {f1:.4f}  "
        f"FAR {100 * fp / max(fp + tn, 1):.2f} %  FRR {100 * fn / max(tp + fn, 1):.2f} %"
    )


def _deck(n_rows: int, n_seen: int, epoch: int, *, seed: int) -> NDArray[np.int64]:
    """The rows of an epoch: all, shuffled, or the next `n_seen` of a deck that is shuffled anew whenever it is through."""
    n_seen = min(n_seen, n_rows) or n_rows
    first = epoch * n_seen
    found = []
    for deck in range(first // n_rows, (first + n_seen - 1) // n_rows + 1):
        order = np.random.default_rng([seed, _ORDER, deck]).permutation(n_rows)
        found.append(order[max(first - deck * n_rows, 0) : first + n_seen - deck * n_rows])
    return np.concatenate(found)


def _device(name: str) -> Any:
    import torch

    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda" and torch.cuda.is_available():
        return torch.device("cuda")
    there = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    raise UsageError.not_one_of(name, there, where="device")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: with several threads the order, and the last bits, would depend on the machine."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
