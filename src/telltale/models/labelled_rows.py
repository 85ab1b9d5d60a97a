"""The rows that a model which learns from labels can use."""

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features


def labelled_rows(
    features: Features, labels: NDArray[np.int8] | None, *, where: str
) -> tuple[Features, NDArray[np.int8]]:
    """The rows labelled 0 or 1, and the labels. Raises NotEnoughDataError where there are not both."""
    known = np.empty(0, dtype=np.int8) if labels is None else labels[labels >= 0]
    if labels is None or not (known == 1).any() or not (known == 0).any():
        n_positive = int((known == 1).sum())
        raise NotEnoughDataError(
            f"{n_positive} rows are labelled positive and {len(known) - n_positive} negative",
            where=where,
            mend="Give labelled rows of both kinds, or choose an estimator that needs no labels.",
        )
    return features[labels >= 0], known
