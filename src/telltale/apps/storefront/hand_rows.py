"""Rows in a body: checked, and bounded by what may be worked on while a client waits."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import SchemaError, TooLargeError

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
BodyFeatures = tuple[tuple[float, ...], ...]
BodyLabels = tuple[int, ...]

# A tree, or a thousand steps of a line, of so many values takes well under a second on one core.
MOST_VALUES: Final = 200_000
MOST_CLASSES: Final = 50
MOST_DEPTH: Final = 64
MOST_WORK: Final = 1_000_000_000
MOST_BYTES: Final = 5_000_000
_FLOAT32_HIGH: Final = 3e38


def checked_rows(features: BodyFeatures, labels: BodyLabels) -> tuple[Matrix, Labels]:
    """The rows as a matrix, and the labels.

    Raises:
        SchemaError: rows are of different lengths, are not as many as labels, or hold what float32 cannot.
        TooLargeError: there is more than is worked on while a client waits.
    """
    n_columns = len(features[0]) if features else 0
    if len(features) * n_columns > MOST_VALUES:
        raise TooLargeError(
            f"{len(features)} rows of {n_columns} features are more than {MOST_VALUES:,} values",
            where="features",
            mend="Send a sample, or train on a file: telltale train APP/TASK --data FILE.",
        )
    odd = next((place for place, row in enumerate(features) if len(row) != n_columns), None)
    if odd is not None or n_columns == 0 or len(labels) != len(features):
        where = f"row {odd} has {len(features[odd])}" if odd is not None else f"there are {len(labels)} labels"
        raise SchemaError(
            f"there are {len(features)} rows of {n_columns} features, and {where}",
            where="features",
            mend="Send rows of one length of at least 1, and a label for each.",
        )
    rows = np.array(features, dtype=np.float64)
    if not (np.abs(rows) < _FLOAT32_HIGH).all():
        raise SchemaError("a value is too large for float32", where="features", mend="Scale the feature down.")
    n_classes = len(set(labels))
    if n_classes > MOST_CLASSES or not all(abs(label) < 2**53 for label in labels):
        raise SchemaError(
            f"there are {n_classes} classes, or a label beyond 2**53",
            where="labels",
            mend=f"Send at most {MOST_CLASSES} classes as whole numbers.",
        )
    return rows, np.array(labels, dtype=np.int64)


def check_names(names: Sequence[str], rows: Matrix) -> None:
    """Raise SchemaError where names are given, and not one for each feature."""
    if names and len(names) != rows.shape[1]:
        raise SchemaError(
            f"there are {len(names)} names for {rows.shape[1]} features",
            where="feature_names",
            mend="Send a name for each feature, or none.",
        )


def bound_work(work: int) -> None:
    """Raise TooLargeError where values times steps are too many."""
    if work > MOST_WORK:
        raise TooLargeError(
            f"rows times features times steps are {work:,}, more than {MOST_WORK:,}",
            where="n_iterations",
            mend="Ask for fewer steps, or send fewer rows.",
        )
