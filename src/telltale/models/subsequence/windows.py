"""Windows as models of them see them: measured columns in robust spreads, far ends drawn in, late rows counting more."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError, UsageError
from telltale.contract.estimator import Features
from telltale.models.row_graph import RowGraph

Floats = NDArray[np.float64]

# A row counts so much of what the one after it does. Of 0.2 to 0.9 on two public sets of labelled series: from 0.3 to 0.5
# all do as well; what counts more evenly goes on to find an event odd long after it is over.
_FADING: Final = 0.5
# So many spreads count as they are; beyond, a value counts by its logarithm. From 5 to 20 all do as well.
_CORE: Final = 10.0
_FURTHEST: Final = 1e30  # what float32 holds of it stays finite
_OF_DEVIATION: Final = 0.1  # where most rows are alike the median tells no spread
_OF_SIZE: Final = 0.01  # the spread of a column that never moved
_MAD_TO_DEVIATION: Final = 1.4826
_LEAST_ROWS: Final = 20
# Rows that follow one another are alike; a fit learns no more from more of them, and takes longer.
_MOST_ROWS: Final = 5_000


class WindowScale(msgspec.Struct, frozen=True, kw_only=True):
    """The middle of each entry of a window and one over its spread; those of a column are the same in every row.

    Args:
        centre, factor: shape (sequence * k,).
        sequence: rows of a window.
    """

    centre: Floats
    factor: Floats
    sequence: int

    @property
    def n_columns(self) -> int:
        """Of a row."""
        return len(self.centre) // self.sequence

    @property
    def shares(self) -> Floats:
        """What each entry counts, shape (sequence * k,): late rows more, all columns of a row alike; their sum is 1."""
        return np.repeat(lateness(self.sequence) / len(self.centre), self.n_columns)


def lateness(sequence: int) -> Floats:
    """What each row of a window counts, oldest first, shape (sequence,): half as much as the one after it; their mean is 1.

    >>> lateness(2).round(3).tolist()
    [0.667, 1.333]
    """
    fading = _FADING ** np.arange(sequence - 1, -1, -1.0)
    return np.asarray(fading / fading.sum() * sequence)


def normal_windows(
    features: Features, labels: NDArray[np.int8] | None, *, sequence: int, least: int, where: str
) -> Features:
    """Windows to fit on: those whose last row is not labelled positive, or 5,000 of them, evenly chosen.

    Args:
        features: shape (n, sequence * k).
        labels: of the last rows.
        sequence: rows of a window.
        least: so many the model needs.
        where: the estimator, for messages.

    Raises:
        NotEnoughDataError: too few are not labelled positive.
        UsageError: windows are too short, or features are no windows of that length.
    """
    if sequence < least or features.shape[1] % sequence:
        raise UsageError(
            f"{features.shape[1]} features are no windows of {sequence} rows",
            where=where,
            mend=f"Give a sequence of at least {least}, and features made for it.",
        )
    normal = features if labels is None else features[labels != 1]
    if len(normal) < _LEAST_ROWS:
        raise NotEnoughDataError(
            f"{len(normal)} normal rows", where=where, mend=f"Give at least {_LEAST_ROWS} that are normal."
        )
    n = min(len(normal), _MOST_ROWS)
    return normal[np.linspace(0, len(normal) - 1, n).astype(np.int64)]


def scale_of_windows(windows: Features, *, sequence: int) -> WindowScale:
    """Medians and spreads of the last row's columns, shape (n, sequence * k): each row was the last one once.

    A spread is the median distance from the median, no less than a tenth of the standard deviation.
    """
    k = windows.shape[1] // sequence
    last = np.clip(windows[:, -k:].astype(np.float64), -_FURTHEST, _FURTHEST)
    centre = np.median(last, axis=0)
    spread = np.maximum(_MAD_TO_DEVIATION * np.median(np.abs(last - centre), axis=0), _OF_DEVIATION * last.std(axis=0))
    size = np.abs(centre)
    spread = np.where(spread > 0, spread, _OF_SIZE * np.where(size > 0, size, 1.0))
    return WindowScale(centre=np.tile(centre, sequence), factor=np.tile(1.0 / spread, sequence), sequence=sequence)


def scaled(windows: Features, scale: WindowScale) -> Floats:
    """In spreads from the middle: up to 10 as they are, beyond as 10 + 10 ln(size / 10), with their signs; same shape.

    >>> one = WindowScale(centre=np.zeros(1), factor=np.ones(1), sequence=1)
    >>> scaled(np.array([[3.0], [-100.0]], dtype=np.float32), one).round(2).tolist()
    [[3.0], [-33.03]]
    """
    held = np.clip(windows.astype(np.float64), -_FURTHEST, _FURTHEST)
    z = (held - scale.centre) * scale.factor
    size = np.minimum(np.abs(z), _FURTHEST)
    drawn = np.minimum(size, _CORE) + _CORE * np.log(np.maximum(size, _CORE) / _CORE)
    return np.asarray(np.sign(z) * drawn)


def add_scaled(graph: RowGraph, scale: WindowScale) -> str:
    """`scaled` as nodes; the name of what they give."""
    add, keep = graph.add, graph.keep
    furthest, core = keep("furthest", _FURTHEST), keep("core", _CORE)
    held = add("Clip", ["features", keep("lowest", -_FURTHEST), furthest], "held")
    z = add("Mul", [add("Sub", [held, keep("centre", scale.centre)], "middle"), keep("factor", scale.factor)], "z")
    size = add("Min", [add("Abs", [z], "size_of_all"), furthest], "size")
    within = add("Min", [size, core], "within")
    steps = add("Log", [add("Mul", [add("Max", [size, core], "over"), keep("of_core", 1.0 / _CORE)], "times")], "steps")
    drawn = add("Add", [within, add("Mul", [steps, core], "beyond")], "drawn")
    return add("Mul", [drawn, add("Sign", [z], "sign")], "scaled")
