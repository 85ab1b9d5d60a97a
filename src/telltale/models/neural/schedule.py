"""How long and how fast a network is trained, from an estimator's parameters."""

import math
from dataclasses import dataclass

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Parameters


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
        tensorboard_dir: a folder to leave each epoch's figures in for TensorBoard; "" for none.
        dropout: share of hidden units that each training step leaves out, of networks that have it.
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
    tensorboard_dir: str
    dropout: float = 0.0

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
            tensorboard_dir=str(parameters["tensorboard_dir"]),
            dropout=float(parameters.get("dropout", 0.0)),
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
        if not 0.0 <= schedule.dropout < 1.0:
            raise UsageError(
                f"dropout is {schedule.dropout:g}",
                where="train",
                mend="Give a share from 0 to 0.9; 0.1 to 0.3 is usual.",
            )
        if not (math.isfinite(schedule.learning_rate) and schedule.learning_rate > 0):
            raise UsageError(
                f"learning_rate is {schedule.learning_rate}", where="train", mend="Give a finite number above 0."
            )
        return schedule
