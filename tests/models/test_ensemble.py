import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError
from telltale.contract.estimator import Features, Parts
from telltale.models.ensemble import ESTIMATOR, MEMBERS
from telltale.models.outliers.surprise import rarity, surprise

QUICK = {**ESTIMATOR.defaults, "n_estimators": 40}
NORMAL, FAR, APART = 0, 1, 2


def rows_of(n: int, kind: int, *, seed: int) -> Features:
    """Eight columns that two directions move: as usual; far out along a direction; or one column against the others."""
    rng = np.random.default_rng(seed)
    along = rng.uniform(-1.7, 1.7, size=(n, 2))
    if kind == FAR:
        along[:, 0] += 6.0 * np.sign(along[:, 0])
    directions = np.random.default_rng(7).choice((-1.0, 1.0), size=(2, 8)) + 0.2
    rows = along @ directions + 0.15 * rng.normal(size=(n, 8))
    if kind == APART:
        rows[:, 3] -= 1.2 * np.sign(rows[:, 3])
    return rows.astype(np.float32)


def share_found(score: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    return float((score > np.quantile(usual, 0.99)).mean())


def test_the_score_is_how_rare_the_mean_surprise_of_members_fitted_alone_is() -> None:
    fitted, fresh = rows_of(2_000, NORMAL, seed=0), rows_of(200, APART, seed=1)
    parts = ESTIMATOR.fit(fitted, labels=None, parameters=QUICK, seed=0)

    found = ESTIMATOR.load(parts).score(fresh)

    alone = []
    for place, member in enumerate(MEMBERS):
        own = {name: value for name, value in QUICK.items() if name in member.defaults}
        scorer = member.load(member.fit(fitted, labels=None, parameters=own, seed=0))
        alone.append(surprise(scorer.score(fresh), parts.arrays[f"surprise_{place}"]))
    assert np.allclose(found, rarity(np.mean(alone, axis=0), parts.arrays["together"]), atol=1e-5)


def test_a_tenth_of_new_normal_rows_surprise_each_member_and_all_together_by_more_than_one() -> None:
    parts = ESTIMATOR.fit(rows_of(6_000, NORMAL, seed=0), labels=None, parameters=QUICK, seed=0)
    fresh = rows_of(6_000, NORMAL, seed=1)

    together = ESTIMATOR.load(parts).score(fresh)

    assert 0.08 < (together > 1.0).mean() < 0.12
    assert 0.006 < (together > 2.0).mean() < 0.015
    for place, member in enumerate(MEMBERS):
        own = {name: value for name, value in QUICK.items() if name in member.defaults}
        scorer = member.load(member.fit(rows_of(6_000, NORMAL, seed=0), labels=None, parameters=own, seed=0))
        alone = surprise(scorer.score(fresh), parts.arrays[f"surprise_{place}"])
        assert 0.08 < (alone > 1.0).mean() < 0.12


def test_what_either_member_misses_is_found() -> None:
    fitted, fresh = rows_of(3_000, NORMAL, seed=0), rows_of(3_000, NORMAL, seed=1)

    found = {}
    for estimator in (*MEMBERS, ESTIMATOR):
        own = {name: value for name, value in QUICK.items() if name in estimator.defaults}
        scorer = estimator.load(estimator.fit(fitted, labels=None, parameters=own, seed=0))
        usual = scorer.score(fresh)
        found[estimator.name] = [share_found(scorer.score(rows_of(500, kind, seed=2)), usual) for kind in (FAR, APART)]

    (forest_far, forest_apart), (residual_far, residual_apart), (far, apart) = found.values()
    assert min(forest_far, residual_apart) > 0.9
    assert max(forest_apart, residual_far) < 0.5
    assert min(far, apart) > 0.7


def test_rows_labelled_positive_have_no_part_in_what_is_normal() -> None:
    features = rows_of(1_000, NORMAL, seed=0)
    labels = (np.arange(1_000) % 50 == 0).astype(np.int8)  # too few for trees
    wild = np.where(labels[:, None] == 1, np.float32(1e6), features)

    one, other = (ESTIMATOR.fit(rows, labels=labels, parameters=QUICK, seed=0) for rows in (features, wild))

    assert one.onnx == other.onnx
    assert all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


def test_rows_labelled_positive_teach_trees_what_no_other_member_finds() -> None:
    def with_events(n: int, *, seed: int) -> tuple[Features, NDArray[np.int8]]:
        """Events are rows where two columns are both small: usual values, in a place where the plane has others too."""
        rows = rows_of(n, NORMAL, seed=seed)
        is_event = (np.abs(rows[:, 0]) < 0.35) & (np.abs(rows[:, 1]) < 0.35)
        return rows, is_event.astype(np.int8)

    (fitted, labels), (fresh, truth) = with_events(4_000, seed=0), with_events(4_000, seed=1)

    taught, untaught = (
        ESTIMATOR.load(ESTIMATOR.fit(fitted, labels=known, parameters=QUICK, seed=0)).score(fresh)
        for known in (labels, np.where(labels == 1, np.int8(-1), labels))
    )

    assert share_found(taught[truth == 1], taught[truth == 0]) > 0.8
    assert share_found(untaught[truth == 1], untaught[truth == 0]) < 0.1


def test_too_few_normal_rows_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 80"):
        ESTIMATOR.fit(rows_of(79, NORMAL, seed=0), labels=None, parameters=QUICK, seed=0)


def test_parts_without_tables_are_refused() -> None:
    parts = ESTIMATOR.fit(rows_of(200, NORMAL, seed=0), labels=None, parameters=QUICK, seed=0)

    with pytest.raises(BundleError, match="table of surprises"):
        ESTIMATOR.load(Parts(onnx=parts.onnx))
