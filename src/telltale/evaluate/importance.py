"""What a model's ranking leans on."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Scores
from telltale.evaluate.ranking import average_precision


def permutation_importance(
    score: Callable[[Features], Scores],
    features: Features,
    labels: NDArray[np.integer],
    names: Sequence[str],
    *,
    rng: np.random.Generator,
    repeats: int = 5,
) -> dict[str, float]:
    """How much average precision falls when one feature is shuffled over the rows, the mean of `repeats` shuffles.

    Not for telling what causes the event. Features that say the same share their importance, and each may show none:
    what is near 0 can be shuffled, not all of it dropped at once. A value below 0 is noise.

    Args:
        score: the model, row-wise.
        features: shape (n, k), rows that the model was not trained on; not changed.
        labels: shape (n,), 0 or 1.
        names: k names, one per column.
        rng: source of the shuffles; the same state gives the same figures.
        repeats: shuffles per feature, at least 1.

    Returns:
        By name, in the order of `names`.

    Raises:
        NotEnoughDataError: no row is positive, so there is no average precision to fall.
        ValueError: shapes do not agree, or `repeats` is below 1.

    References:
        Breiman, "Random forests", Machine Learning 45 (2001); Fisher, Rudin & Dominici, "All models are wrong, but
        many are useful", JMLR 20 (2019).
    """
    if features.ndim != 2 or features.shape != (labels.size, len(names)) or repeats < 1:
        msg = f"want features of shape ({labels.size}, {len(names)}) and repeats >= 1, got {features.shape}, {repeats}"
        raise ValueError(msg)
    if not (labels == 1).any():
        raise NotEnoughDataError(
            "none of the rows is labelled positive", where="feature importance", mend="Give rows that hold the event."
        )
    whole = average_precision(labels, score(features))
    shuffled = features.copy()
    importance = {}
    for column, name in enumerate(names):
        falls = []
        for _ in range(repeats):
            shuffled[:, column] = rng.permutation(features[:, column])
            falls.append(whole - average_precision(labels, score(shuffled)))
        shuffled[:, column] = features[:, column]
        importance[name] = float(np.mean(falls))
    return importance
