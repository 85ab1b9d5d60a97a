"""A choice as a class: how often each was taken where each was the cheapest, and what that is for each of them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.estimator import Floats
from telltale.evaluate.choice_metrics import clear_rows


class ClassFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one choice, with NaN-free figures: None where nothing was to be counted.

    Args:
        precision: of the rows on which it was taken, the share on which it was the cheapest.
        recall: of the rows on which it was the cheapest, the share on which it was taken.
        f1: their harmonic mean.
        n: rows on which it was the cheapest.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    n: int


class ChoiceClasses(msgspec.Struct, frozen=True, kw_only=True):
    """Rows whose runner-up costs clearly more, by the cheapest choice and the one taken.

    Args:
        names: of the choices.
        confusion_matrix: a row per cheapest choice, a column per choice taken, in the order of the names.
        per_class: figures by name.
    """

    names: tuple[str, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    per_class: dict[str, ClassFigures]


def choice_classes(costs: Floats, chosen: NDArray[np.int64], *, names: Sequence[str]) -> ChoiceClasses:
    """Count the rows whose runner-up costs at least 5 % more: between near equals no class is the right one.

    Args:
        costs: as measured, shape (n rows, c choices).
        chosen: shape (n,), the place of the choice taken.
        names: of the choices, in order.
    """
    c, is_clear = len(names), clear_rows(costs)
    cheapest = costs[is_clear].argmin(axis=1)
    counts = np.bincount(cheapest * c + chosen[is_clear], minlength=c * c).reshape(c, c)
    per_class = {
        name: _figures(int(counts[at, at]), n=int(counts[at].sum()), n_taken=int(counts[:, at].sum()))
        for at, name in enumerate(names)
    }
    matrix = tuple(tuple(row) for row in counts.tolist())
    return ChoiceClasses(names=tuple(names), confusion_matrix=matrix, per_class=per_class)


def _figures(right: int, *, n: int, n_taken: int) -> ClassFigures:
    return ClassFigures(
        precision=right / n_taken if n_taken else None,
        recall=right / n if n else None,
        f1=2 * right / (n + n_taken) if n + n_taken else None,
        n=n,
    )
