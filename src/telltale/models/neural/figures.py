"""What is told of an epoch: losses, and what the network would decide at one half."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Rates at a threshold of one half: FAR is the share of rows labelled 0 accepted, FRR that of rows labelled 1 not."""

    accuracy: float
    f1: float
    far: float
    frr: float


@dataclass(frozen=True, kw_only=True)
class EpochFigures:
    """An epoch. Training figures are of each batch before it was learned from; `val` is of the rows kept for validation."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val: Decided
    learning_rate: float

    def told(self) -> str:
        """For people, on one line."""
        return (
            f"train loss {self.train_loss:.4f}  val loss {self.val_loss:.4f}  "
            f"val accuracy {100 * self.val.accuracy:.2f} %  val F1 {self.val.f1:.4f}  "
            f"FAR {100 * self.val.far:.2f} %  FRR {100 * self.val.frr:.2f} %  learning rate {self.learning_rate:.6f}"
        )

    def scalars(self) -> dict[str, float]:
        """By the tags that TensorBoard groups by."""
        return {
            "Loss/train": self.train_loss,
            "Loss/val": self.val_loss,
            "Accuracy/train": self.train_accuracy,
            "Accuracy/val": self.val.accuracy,
            "F1/val": self.val.f1,
            "FAR/val": self.val.far,
            "FRR/val": self.val.frr,
            "Learning rate": self.learning_rate,
        }


def count_decided(truth: NDArray[np.bool_], decided: NDArray[np.bool_]) -> Decided:
    """Rates of decisions, shape (n,); 0 where there are no such rows.

    >>> count_decided(np.array([True, True, False, False]), np.array([True, False, False, False])).frr
    0.5
    """
    tp, fp = int((truth & decided).sum()), int((~truth & decided).sum())
    fn, tn = int((truth & ~decided).sum()), int((~truth & ~decided).sum())
    return Decided(
        accuracy=(tp + tn) / max(len(truth), 1),
        f1=2 * tp / max(2 * tp + fp + fn, 1),
        far=fp / max(fp + tn, 1),
        frr=fn / max(tp + fn, 1),
    )
