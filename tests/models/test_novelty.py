import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Features, Parts
from telltale.evaluate.ranking import auroc
from telltale.models.novelty import ESTIMATOR as NOVELTY
from telltale.models.novelty_trees import ESTIMATOR as TREES

QUICK = {**NOVELTY.defaults, "n_components": 8}
QUICK_TREES = {**TREES.defaults, "n_components": 8, "max_iter": 40, "n_kinds": 6}


def kinds(n: int = 1_600, *, seed: int = 0) -> tuple[Features, NDArray[np.int64]]:
    """Normal rows on a plane (kind 0), and two kinds of event that leave it by different columns."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, size=n, p=(0.7, 0.15, 0.15))
    rows = rng.normal(size=(n, 6))
    rows[:, 2] = rows[:, 0] + 0.1 * rows[:, 2]
    rows[:, 3] = rows[:, 1] + 0.1 * rows[:, 3]
    rows[kind == 1, 4] += 5.0
    rows[kind == 2, 3] -= 1.5 * np.sign(rows[kind == 2, 1])
    return rows.astype(np.float32), kind


def labels_of(kind: NDArray[np.int64]) -> NDArray[np.int8]:
    return (kind > 0).astype(np.int8)


def test_rows_labelled_positive_have_no_part_in_what_is_normal() -> None:
    features, kind = kinds()
    other = features.copy()
    other[kind > 0] *= -7.0

    fitted = NOVELTY.fit(features, labels=labels_of(kind), parameters=QUICK, seed=0)

    assert NOVELTY.fit(other, labels=labels_of(kind), parameters=QUICK, seed=0).onnx == fitted.onnx


def test_a_tenth_of_new_normal_rows_score_above_one() -> None:
    features, kind = kinds(4_000)
    scorer = NOVELTY.load(NOVELTY.fit(features, labels=labels_of(kind), parameters=QUICK, seed=0))
    fresh, truth = kinds(4_000, seed=1)

    share = float((scorer.score(fresh[truth == 0]) > 1.0).mean())

    assert 0.07 < share < 0.14


def test_a_kind_of_event_that_the_trees_were_not_shown_is_found_all_the_same() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, kind = kinds()
    is_shown = kind != 2
    scorer = TREES.load(TREES.fit(features[is_shown], labels=labels_of(kind[is_shown]), parameters=QUICK_TREES, seed=0))
    with threadpool_limits(1):
        alone = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(features[is_shown], kind[is_shown] > 0)
    fresh, truth = kinds(seed=1)
    new, normal = fresh[truth == 2], fresh[truth == 0]

    found = float((scorer.score(new) >= 0.5).mean())

    assert found > 0.7
    assert float((alone.predict(new) == 1).mean()) < 0.3
    assert float((scorer.score(normal) >= 0.5).mean()) < 0.3


def test_known_kinds_are_told_about_as_well_as_by_trees_alone() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, kind = kinds()
    truth_shown = labels_of(kind)
    scorer = TREES.load(TREES.fit(features, labels=truth_shown, parameters=QUICK_TREES, seed=0))
    with threadpool_limits(1):
        alone = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(features, truth_shown)
    fresh, truth = kinds(seed=1)

    own = auroc(labels_of(truth), scorer.score(fresh))

    assert own > auroc(labels_of(truth), alone.predict_proba(fresh)[:, 1]) - 0.005


def test_too_few_normal_rows_are_refused() -> None:
    features, _ = kinds(30)

    with pytest.raises(NotEnoughDataError, match="normal rows"):
        NOVELTY.fit(features, labels=np.ones(30, dtype=np.int8), parameters=QUICK, seed=0)


def test_parts_without_weights_are_refused() -> None:
    features, kind = kinds(400)
    parts = NOVELTY.fit(features, labels=labels_of(kind), parameters=QUICK, seed=0)

    with pytest.raises(BundleError, match="blend"):
        TREES.load(Parts(onnx=parts.onnx, arrays=parts.arrays))
