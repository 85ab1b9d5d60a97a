import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.contract.errors import NotEnoughDataError
from telltale.contract.estimator import Features, Scores
from telltale.evaluate.importance import permutation_importance

NAMES = ("leading", "minor", "loud_but_idle")


def rows(n: int = 2_000) -> tuple[Features, NDArray[np.int8]]:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(n, 3)).astype(np.float32)
    features[:, 2] *= 1_000  # the largest variance, and no part in the score
    labels = (features[:, 0] + 0.3 * features[:, 1] > 1.5).astype(np.int8)
    return features, labels


def score(features: Features) -> Scores:
    return (features[:, 0] + 0.3 * features[:, 1]).astype(np.float64)


def importance(seed: int = 0) -> dict[str, float]:
    features, labels = rows()
    return permutation_importance(score, features, labels, NAMES, rng=np.random.default_rng(seed))


def test_what_the_score_leans_on_comes_first_and_variance_counts_for_nothing() -> None:
    found = importance()

    assert list(found) == list(NAMES)
    assert found["leading"] > 3 * found["minor"] > 0.1
    assert found["loud_but_idle"] == 0.0


def test_the_same_seed_gives_the_same_figures() -> None:
    assert importance(3) == importance(3)
    assert importance(3) != importance(4)


def test_the_rows_handed_in_are_not_changed() -> None:
    features, labels = rows(100)
    before = features.copy()

    permutation_importance(score, features, labels, NAMES, rng=np.random.default_rng(0))

    np.testing.assert_array_equal(features, before)


def test_rows_without_the_event_are_refused_with_the_mend() -> None:
    features, labels = rows(100)

    with pytest.raises(NotEnoughDataError, match="Give rows that hold the event"):
        permutation_importance(score, features, np.zeros_like(labels), NAMES, rng=np.random.default_rng(0))


def test_a_name_too_few_is_refused() -> None:
    features, labels = rows(100)

    with pytest.raises(ValueError, match=r"want features of shape \(100, 2\)"):
        permutation_importance(score, features, labels, NAMES[:2], rng=np.random.default_rng(0))
