from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from telltale.contract.errors import BundleError, NotEnoughDataError, UsageError
from telltale.contract.estimator import Parts
from telltale.models.decision_tree import ESTIMATOR
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import (
    LEAF,
    Criterion,
    Tree,
    class_shares,
    draw,
    feature_importance,
    predict_classes,
    prune,
)

CRITERIA: tuple[Criterion, ...] = ("gini", "entropy")


def impurity(labels: list[int], criterion: Criterion) -> float:
    shares = [labels.count(label) / len(labels) for label in set(labels)]
    if criterion == "gini":
        return 1.0 - sum(share**2 for share in shares)
    return -sum(share * float(np.log2(share)) for share in shares)


def plain_tree(rows: list[tuple[list[float], int]], criterion: Criterion, depth: int, least: int) -> Any:
    """The same tree by the definition: try every cut of every feature, take the first of the best, go on below."""
    labels = [label for _, label in rows]
    best: tuple[float, int, float] | None = None
    if depth and len(set(labels)) > 1:
        for feature in range(len(rows[0][0])):
            values = sorted({row[feature] for row, _ in rows})
            for low, high in pairwise(values):
                cut = (low + high) / 2
                left = [label for row, label in rows if row[feature] <= cut]
                right = [label for row, label in rows if row[feature] > cut]
                if min(len(left), len(right)) < least:
                    continue
                below = len(left) * impurity(left, criterion) + len(right) * impurity(right, criterion)
                if best is None or below < best[0] - 1e-9:
                    best = below, feature, cut
    if best is None:
        return sorted(labels)
    _, feature, cut = best
    left_rows = [(row, label) for row, label in rows if row[feature] <= cut]
    right_rows = [(row, label) for row, label in rows if row[feature] > cut]
    return (
        feature,
        cut,
        plain_tree(left_rows, criterion, depth - 1, least),
        plain_tree(right_rows, criterion, depth - 1, least),
    )


def as_nested(tree: Tree, node: int = 0) -> Any:
    if tree.feature[node] == LEAF:
        return np.repeat(tree.classes, tree.counts[node].astype(int)).tolist()
    return (
        int(tree.feature[node]),
        float(tree.threshold[node]),
        as_nested(tree, int(tree.left[node])),
        as_nested(tree, int(tree.right[node])),
    )


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    n=st.integers(1, 25),
    k=st.integers(1, 4),
    criterion=st.sampled_from(CRITERIA),
    depth=st.integers(1, 6),
    least=st.integers(1, 4),
)
def test_it_is_the_tree_that_trying_every_cut_gives(  # noqa: PLR0917 - what varies
    data: st.DataObject, n: int, k: int, criterion: Criterion, depth: int, least: int
) -> None:
    # Whole numbers, so that values are equal often and sums are exact.
    rows = data.draw(npst.arrays(np.int64, (n, k), elements=st.integers(-4, 4))).astype(np.float64)
    labels = data.draw(npst.arrays(np.int64, n, elements=st.integers(0, 2)))

    tree = grow_tree(rows, labels, criterion=criterion, max_depth=depth, min_samples_leaf=least)

    expected = plain_tree(list(zip(rows.tolist(), labels.tolist(), strict=True)), criterion, depth, least)
    if criterion == "gini" or isinstance(expected, list):
        assert as_nested(tree) == expected
    else:  # logarithms round, and may part what is equally good: the best first cut is as good
        found = [sorted(labels[rows[:, tree.feature[0]] <= tree.threshold[0]].tolist())]
        found.append(sorted(labels[rows[:, tree.feature[0]] > tree.threshold[0]].tolist()))
        best = [sorted(labels[rows[:, expected[0]] <= expected[1]].tolist())]
        best.append(sorted(labels[rows[:, expected[0]] > expected[1]].tolist()))
        assert total_impurity(found, criterion) == pytest.approx(total_impurity(best, criterion), abs=1e-9)


def total_impurity(parts: list[list[int]], criterion: Criterion) -> float:
    return sum(len(part) * impurity(part, criterion) for part in parts)


def cloud(seed: int = 0, *, n: int = 1_500, n_classes: int = 3) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    score = rows[:, 0] + np.sin(3 * rows[:, 1]) + 0.3 * rng.normal(size=n)
    return rows, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_where_no_two_splits_are_equally_good_it_is_scikit_learns_tree(criterion: Criterion, n_classes: int) -> None:
    from sklearn.tree import DecisionTreeClassifier

    rows, labels = cloud(n_classes=n_classes)

    ours = grow_tree(rows, labels, criterion=criterion, min_samples_leaf=20)
    theirs = DecisionTreeClassifier(criterion=criterion, min_samples_leaf=20, random_state=0).fit(rows, labels).tree_

    n_same = 0
    pairs = [(0, 0, np.arange(len(rows)))]
    while pairs:
        mine, other, held = pairs.pop()
        asked, cut = int(ours.feature[mine]), float(ours.threshold[mine])
        if asked == LEAF or theirs.feature[other] < 0:
            assert (asked == LEAF) == (theirs.feature[other] < 0)
            continue
        sides = rows[held, asked] <= cut
        if (asked, cut) == (theirs.feature[other], theirs.threshold[other]):
            n_same += 1
            pairs.append((int(ours.left[mine]), int(theirs.children_left[other]), held[sides]))
            pairs.append((int(ours.right[mine]), int(theirs.children_right[other]), held[~sides]))
        else:
            their_sides = rows[held, theirs.feature[other]] <= theirs.threshold[other]
            parts, their_parts = (
                [labels[held[side]].tolist(), labels[held[~side]].tolist()] for side in (sides, their_sides)
            )
            assert total_impurity(parts, criterion) == pytest.approx(total_impurity(their_parts, criterion), rel=1e-12)
    assert n_same > 20


def test_importance_is_scikit_learns() -> None:
    from sklearn.tree import DecisionTreeClassifier

    rows, labels = cloud()

    ours = feature_importance(grow_tree(rows, labels, max_depth=3))

    theirs = DecisionTreeClassifier(max_depth=3, random_state=0).fit(rows, labels)
    assert ours == pytest.approx(theirs.feature_importances_)
    assert feature_importance(grow_tree(rows, labels * 0)).tolist() == [0.0] * 5


@pytest.mark.parametrize("alpha", [1e-4, 1e-3, 3e-3, 1e-2, 0.5])
def test_pruning_is_scikit_learns(alpha: float) -> None:
    from sklearn.tree import DecisionTreeClassifier

    rows, labels = cloud()

    ours = prune(grow_tree(rows, labels, min_samples_leaf=10), alpha)
    theirs = DecisionTreeClassifier(min_samples_leaf=10, ccp_alpha=alpha, random_state=0).fit(rows, labels)

    assert len(ours.feature) == theirs.tree_.node_count
    fresh = cloud(1)[0]
    assert np.array_equal(predict_classes(ours, fresh), theirs.predict(fresh))


def test_pruning_by_0_leaves_the_tree_as_it_is_and_by_much_leaves_the_root() -> None:
    rows, labels = cloud()
    tree = grow_tree(rows, labels)

    assert prune(tree, 0.0) is tree
    assert prune(tree, 10.0).n_leaves == 1
    leaves = [prune(tree, alpha).n_leaves for alpha in (1e-6, 1e-4, 1e-3, 1e-2)]
    assert leaves == sorted(leaves, reverse=True)


def test_without_limits_every_row_that_differs_from_others_is_learned() -> None:
    rows, labels = cloud()

    tree = grow_tree(rows, labels)

    assert np.array_equal(predict_classes(tree, rows), labels)
    assert (tree.impurity[tree.feature == LEAF] == 0).all()


def test_each_limit_is_kept() -> None:
    rows, labels = cloud()

    assert grow_tree(rows, labels, max_depth=3).depth == 3
    leaves = grow_tree(rows, labels, min_samples_leaf=30)
    assert leaves.counts[leaves.feature == LEAF].sum(axis=1).min() >= 30
    split = grow_tree(rows, labels, min_samples_split=100)
    assert split.counts[split.feature != LEAF].sum(axis=1).min() >= 100


def test_equally_good_splits_are_taken_by_the_seed_and_without_one_by_the_first_feature() -> None:
    column = np.arange(20.0)
    rows = np.column_stack([column] * 4)
    labels = (column > 9).astype(np.int64)

    assert grow_tree(rows, labels).feature[0] == 0
    assert {int(grow_tree(rows, labels, seed=seed).feature[0]) for seed in range(40)} == {0, 1, 2, 3}


def test_rows_that_nothing_tells_apart_are_a_leaf() -> None:
    tree = grow_tree([[1.0, 2.0]] * 4, [0, 1, 1, 1])

    assert tree.n_leaves == 1
    assert class_shares(tree, [[9.0, 9.0]]).tolist() == [[0.25, 0.75]]


def test_the_drawing_says_each_question_and_each_answer() -> None:
    tree = grow_tree([[1, 0], [2, 0], [3, 0], [3, 1]], [0, 0, 0, 1])

    assert draw(tree, ["age", "paid"]).splitlines() == [
        "paid <= 0.5: 4 rows",
        "|- yes: class 0 (3 of 3)",
        "`- no: class 1 (1 of 1)",
    ]
    rows, labels = cloud()
    shallow = draw(grow_tree(rows, labels), max_depth=2)
    assert shallow.count("further questions left out") == 4
    assert len(shallow.splitlines()) == 7


@pytest.mark.parametrize("given", [{"max_depth": 0}, {"min_samples_split": 1}, {"min_samples_leaf": 0}])
def test_limits_that_make_no_sense_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="Give a depth of 1 or more"):
        grow_tree([[1.0], [2.0]], [0, 1], **given)  # type: ignore[arg-type]  # names and values come from the table


def test_no_row_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="there is no row"):
        grow_tree(np.empty((0, 2)), [])


def test_the_score_of_a_small_leaf_is_drawn_towards_the_share_overall() -> None:
    rows = np.array([[0], [0], [0], [0], [0], [0], [1], [2]], dtype=np.float32)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1], dtype=np.int8)
    parameters = {**ESTIMATOR.defaults, "min_samples_leaf": 1, "pull": 2.0}

    scorer = ESTIMATOR.load(ESTIMATOR.fit(rows, labels=labels, parameters=parameters, seed=0))

    # A quarter of all rows is positive; two rows of that share are added to each leaf.
    assert scorer.score(rows[[0, 7]]).tolist() == [0.5 / 8, 2.5 / 4]


def test_parts_without_their_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="lacks one of"):
        ESTIMATOR.load(Parts(arrays={"feature": np.zeros(1)}))
