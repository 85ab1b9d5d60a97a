import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from telltale.apps.storefront.hand_comparison import figures, mean_auroc, split
from telltale.apps.storefront.hand_rows import MOST_CLASSES, MOST_VALUES, checked_rows
from telltale.contract.errors import NotEnoughDataError, SchemaError, TelltaleError, TooLargeError

Ask = Callable[..., Any]

LOGISTIC, TREE, COMPARE = "/train/manual-logistic", "/train/manual-tree", "/compare/models"


def rows(n: int = 200, *, n_classes: int = 2, k: int = 3, seed: int = 0) -> dict[str, Any]:
    """Clouds, one per class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    features = rng.normal(size=(n, k)) * [10.0, 1.0, 0.1][:k] + 3.0 * np.eye(max(n_classes, k))[labels][:, :k]
    return {"features": features.tolist(), "labels": labels.tolist()}


def test_the_line_sent_back_gives_the_classes_it_says(ask: Ask) -> None:
    for n_classes in (2, 3):
        sent = rows(n_classes=n_classes)

        told = ask(None, LOGISTIC, {**sent, "learning_rate": None})

        lines = np.array(sent["features"]) @ np.array(told["weights"]) + np.array(told["bias"])
        places = (lines[:, 0] > 0).astype(int) if n_classes == 2 else lines.argmax(axis=1)
        found = np.array(told["classes"])[places]
        assert (found == sent["labels"]).mean() == told["training_metrics"]["accuracy"]
        assert sum(told["feature_importance"]) == pytest.approx(1.0)


def test_plain_descent_takes_the_steps_it_is_told_and_shows_how_the_cost_fell(ask: Ask) -> None:
    told = ask(None, LOGISTIC, {**rows(), "learning_rate": 0.01, "n_iterations": 1_000, "lambda_reg": 0.01})

    history = told["cost_history"]
    assert (told["n_iterations"], told["stopped_early"]) == (1_000, False)
    assert history[0] == pytest.approx(np.log(2))
    assert len(history) == 200
    assert history == sorted(history, reverse=True)


def test_no_penalty_may_be_said_in_two_ways(ask: Ask) -> None:
    sent = {**rows(), "lambda_reg": 5.0}

    weights = [ask(None, LOGISTIC, {**sent, "regularization": word})["weights"] for word in (None, "none", "l2")]

    assert weights[0] == weights[1]
    assert np.abs(weights[2]).sum() < np.abs(weights[0]).sum()


def test_following_the_nodes_sent_back_gives_the_classes(ask: Ask) -> None:
    sent = rows(n_classes=3)

    told = ask(None, TREE, {**sent, "max_depth": 4, "criterion": "entropy"})

    right = 0
    for row, label in zip(sent["features"], sent["labels"], strict=True):
        node = told["nodes"][0]
        while "feature" in node:
            goes_left = np.float32(row[node["feature"]]) <= node["threshold"]
            node = told["nodes"][node["left" if goes_left else "right"]]
        right += told["classes"][int(np.argmax(node["counts"]))] == label
    assert right / 200 == told["training_metrics"]["accuracy"]
    assert told["depth"] <= 4
    assert told["n_leaves"] == sum("feature" not in node for node in told["nodes"])
    assert len(told["tree"].splitlines()) == len(told["nodes"])


def test_pruning_leaves_fewer_leaves(ask: Ask) -> None:
    sent = {**rows(n_classes=3), "max_depth": 20}

    assert ask(None, TREE, {**sent, "ccp_alpha": 0.01})["n_leaves"] < ask(None, TREE, sent)["n_leaves"]


def test_both_implementations_are_judged_on_the_same_rows_held_out(ask: Ask) -> None:
    told = ask(None, COMPARE, {**rows(500), "test_size": 0.2})

    assert (told["n_train"], told["n_test"], told["judged_on"]) == (400, 100, "held-out rows")
    for model in ("logistic_regression", "decision_tree"):
        ours, theirs = told[model]["manual"], told[model]["sklearn"]
        assert set(ours["metrics"]) == {"accuracy", "precision", "recall", "f1"}
        assert told[model]["accuracy_ratio"] == pytest.approx(
            ours["metrics"]["accuracy"] / theirs["metrics"]["accuracy"]
        )
        assert abs(ours["metrics"]["accuracy"] - theirs["metrics"]["accuracy"]) <= 0.05
        assert ours["seconds"] > 0
        assert theirs["seconds"] > 0
        assert 0.9 <= told[model]["agreement"] <= 1.0
        assert ours["auroc"] == pytest.approx(theirs["auroc"], abs=0.05)


def test_what_cannot_be_learned_is_not_said_to_be(ask: Ask) -> None:
    labels = np.random.default_rng(1).integers(0, 2, 500).tolist()

    told = ask(None, COMPARE, {**rows(500), "labels": labels})["decision_tree"]

    # A tree knows its training rows by heart; only rows held out show that there was nothing to learn.
    assert max(told["manual"]["metrics"]["accuracy"], told["sklearn"]["metrics"]["accuracy"]) < 0.75


def test_where_no_row_can_be_held_out_the_answer_says_on_what_it_rests(ask: Ask) -> None:
    told = ask(None, COMPARE, {"features": [[1, 2, 3], [4, 5, 6]], "labels": [0, 1], "test_size": 0.2})

    assert (told["n_train"], told["n_test"], told["judged_on"]) == (2, 0, "training rows")


def test_every_class_is_split_alike_and_no_row_is_on_both_sides() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])

    train, test = split(labels, 0.2, 7)

    assert np.bincount(labels[test]).tolist() == [20, 10, 2]
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(160))
    assert not np.array_equal(split(labels, 0.2, 8)[1], test)


def test_agreement_counts_the_rows_on_which_both_say_the_same(ask: Ask) -> None:
    # Two rows alike of different classes: a tree of either kind is sure of all others and draws for these.
    told = ask(None, COMPARE, {**rows(400, n_classes=3), "test_size": 0.25})

    for model in ("logistic_regression", "decision_tree"):
        ours, theirs = told[model]["manual"], told[model]["sklearn"]
        differing = round((1.0 - told[model]["agreement"]) * told["n_test"])
        assert differing >= abs(ours["metrics"]["accuracy"] - theirs["metrics"]["accuracy"]) * told["n_test"] - 1e-6


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_area_under_the_roc_curve_is_scikit_learns(n_classes: int) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    truth = rng.integers(0, n_classes, 300)
    scores = rng.random((300, n_classes)) + 0.5 * np.eye(n_classes)[truth]
    shares = scores / scores.sum(axis=1, keepdims=True)
    expected = roc_auc_score(truth, shares[:, 1] if n_classes == 2 else shares, multi_class="ovr")

    assert mean_auroc(truth, shares, np.arange(n_classes)) == pytest.approx(expected)


def test_where_the_rows_judged_on_are_of_one_class_there_is_no_area() -> None:
    assert mean_auroc(np.zeros(3, dtype=np.int64), np.full((3, 2), 0.5), np.array([0, 1])) is None


def test_a_picture_comes_where_it_is_asked_for_by_the_names_that_are_given(ask: Ask) -> None:
    sent = {**rows(), "feature_names": ["age", "days", "spent"]}
    for path, words in ((TREE, "gini"), (LOGISTIC, "mean log loss")):
        plain, drawn = (ask(None, path, {**sent, "picture": picture})["picture"] for picture in (None, "svg"))

        assert plain is None
        assert drawn.startswith("<?xml")
        assert words in drawn
        assert "age" in drawn
    with pytest.raises(SchemaError, match=r"there are 2 names for 3 features\. Send a name for each"):
        ask(None, TREE, {**rows(), "feature_names": ["a", "b"]})


def test_each_question_says_what_it_takes_away(ask: Ask) -> None:
    sent = {"features": [[1], [2], [4], [5]], "labels": [0, 0, 1, 1], "criterion": "entropy"}

    root, *leaves = ask(None, TREE, sent)["nodes"]

    assert (root["impurity"], root["gain"]) == (1.0, 1.0)
    assert [(leaf["impurity"], "gain" in leaf) for leaf in leaves] == [(0.0, False)] * 2


def test_figures_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    rng = np.random.default_rng(0)
    for n_classes, how in ((2, "binary"), (4, "macro")):
        truth, predicted = rng.integers(0, n_classes, (2, 300))
        found = figures(truth, predicted)
        expected = precision_recall_fscore_support(truth, predicted, average=how)
        assert (found.precision, found.recall, found.f1) == pytest.approx(expected[:3])
        assert found.accuracy == accuracy_score(truth, predicted)


@pytest.mark.parametrize(
    ("path", "sent", "error", "says"),
    [
        (
            LOGISTIC,
            {"features": [[1, 2], [3]], "labels": [0, 1]},
            SchemaError,
            r"row 1 has 1\. Send rows of one length",
        ),
        (TREE, {"features": [[1], [2]], "labels": [0]}, SchemaError, "there are 1 labels"),
        (TREE, {"features": [], "labels": []}, SchemaError, "0 rows of 0 features"),
        (TREE, {"features": [[1e39], [2]], "labels": [0, 1]}, SchemaError, "too large for float32"),
        (LOGISTIC, {"features": [[1], [2]], "labels": [1, 1]}, NotEnoughDataError, "all of one class"),
        (COMPARE, {"features": [[1], [2]], "labels": [1, 1]}, NotEnoughDataError, "all of one class"),
        (TREE, {"features": [[i] for i in range(99)], "labels": list(range(99))}, SchemaError, "at most 50 classes"),
        (LOGISTIC, {**rows(), "n_iterations": 100_000, "learning_rate": 1e9}, TelltaleError, "learning_rate"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_the_mend(
    ask: Ask, path: str, sent: dict[str, Any], error: type[TelltaleError], says: str
) -> None:
    with pytest.raises(error, match=says):
        ask(None, path, sent)


@pytest.mark.parametrize(
    ("path", "more", "named"),
    [
        (LOGISTIC, {"regularization": "l3"}, "regularization"),
        (LOGISTIC, {"learning_rate": 0}, "learning_rate"),
        (TREE, {"criterion": "variance"}, "criterion"),
        (TREE, {"max_depth": 65}, "max_depth"),
        (COMPARE, {"test_size": 1.5}, "test_size"),
        (COMPARE, {"surprise": 1}, "surprise"),
    ],
)
def test_parameters_out_of_range_and_unknown_ones_are_named(
    ask: Ask, path: str, more: dict[str, Any], named: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        ask(None, path, {**rows(), **more})


def test_more_than_is_worked_on_while_a_client_waits_is_refused() -> None:
    many = ((0.0,) * 21,) * 10_000

    with pytest.raises(TooLargeError, match=f"more than {MOST_VALUES:,} values.*Send a sample"):
        checked_rows(many, (0, 1) * 5_000)


def test_steps_are_bounded_by_the_values_they_go_over(ask: Ask) -> None:
    with pytest.raises(TooLargeError, match=r"n_iterations.*Ask for fewer steps"):
        ask(None, LOGISTIC, {**rows(5_000), "n_iterations": 100_000})


@pytest.mark.slow
def test_the_most_that_is_taken_is_done_in_seconds(ask: Ask) -> None:
    rng = np.random.default_rng(0)
    most = {
        "features": rng.normal(size=(10_000, 20)).tolist(),
        "labels": rng.integers(0, MOST_CLASSES, 10_000).tolist(),
    }
    steps = {**most, "labels": rng.integers(0, 2, 10_000).tolist(), "n_iterations": 5_000, "learning_rate": 0.01}

    for path, sent in ((TREE, {**most, "max_depth": 64}), (LOGISTIC, steps), (COMPARE, most)):
        began = time.perf_counter()
        ask(None, path, sent)
        assert time.perf_counter() - began < 30, path
