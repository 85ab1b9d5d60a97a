import numpy as np

from telltale.models.forest_svm import ESTIMATOR as FOREST_SVM
from telltale.models.one_class_svm import ESTIMATOR
from telltale.models.outliers.squash import scale_of, squash

DEFAULTS = dict(ESTIMATOR.defaults)


def ring(n: int, *, seed: int) -> np.ndarray:
    """Rows on a ring: its middle is as far from every one of them as what lies outside."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    rows = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.normal(size=(n, 2))
    return rows.astype(np.float32)


def test_rows_are_ordered_as_by_the_decision_function_of_scikit_learn() -> None:
    from sklearn.svm import OneClassSVM

    rows, asked = ring(600, seed=0), np.random.default_rng(1).uniform(-1.3, 1.3, (300, 2)).astype(np.float32)
    scale = scale_of(rows)
    fitted = squash(rows, scale).astype(np.float64)
    gamma = 1.0 / (2.0 * fitted.var(axis=0).sum())
    theirs = OneClassSVM(nu=0.05, gamma=gamma).fit(fitted).decision_function(squash(asked, scale).astype(np.float64))

    ours = ESTIMATOR.load(ESTIMATOR.fit(rows, labels=None, parameters=DEFAULTS, seed=0)).score(asked)

    ranks = [np.argsort(np.argsort(one)) for one in (-theirs, ours)]
    assert float(np.asarray(np.corrcoef(ranks))[0, 1]) > 0.9999


def test_the_middle_of_a_ring_is_odd() -> None:
    scorer = ESTIMATOR.load(
        ESTIMATOR.fit(ring(800, seed=0), labels=None, parameters={**DEFAULTS, "width": 0.5}, seed=0)
    )

    middle = scorer.score(np.zeros((1, 2), dtype=np.float32))[0]

    assert middle > np.quantile(scorer.score(ring(800, seed=1)), 0.99)


def test_of_two_rows_far_out_the_further_one_scores_higher() -> None:
    scorer = ESTIMATOR.load(ESTIMATOR.fit(ring(300, seed=0), labels=None, parameters=DEFAULTS, seed=0))

    near, far, furthest = scorer.score(np.array([[5, 5], [50, 50], [1e6, 1e6]], dtype=np.float32))

    assert near < far < furthest


def test_both_members_have_a_part_in_the_score_of_both() -> None:
    assert {"max_samples", "nu"} <= FOREST_SVM.defaults.keys()
    assert [member.name for member in FOREST_SVM.members] == ["isolation_forest", "one_class_svm"]
