"""Pictures of the hand-written models: what is in them, and that they stay the same."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from telltale.evaluate.descent_picture import descent_svg, save_descent
from telltale.evaluate.tree_picture import MOST_BOXES, save_tree, tree_figure, tree_svg
from telltale.models.decision_tree_growth import grow_tree
from telltale.models.grown_tree import Tree, split_gains
from telltale.models.logistic_fit import fit_logistic


def made(n: int = 400, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 4))
    return rows, (rows[:, 0] + 0.7 * rng.normal(size=n) > 0).astype(int)


def boxes(tree: Tree, **how: int) -> list[str]:
    (axes,) = tree_figure(tree, ["age", "days", "visits", "spent"], **how).axes  # type: ignore[arg-type]
    return [text.get_text() for text in axes.texts if "\n" in text.get_text()]


def test_every_node_has_a_box_with_its_question_its_impurity_and_its_rows() -> None:
    tree = grow_tree(*made(), max_depth=3)

    drawn = boxes(tree)

    assert len(drawn) == len(tree.feature)
    assert sum(text.startswith("class ") for text in drawn) == tree.n_leaves
    root = next(text for text in drawn if "400 rows" in text)
    counts = tree.counts[0].astype(int)
    assert root.splitlines() == [
        f"age ≤ {tree.threshold[0]:.4g}?",
        f"gini {tree.impurity[0]:.3f}, gain {split_gains(tree)[0]:.3f}",
        f"400 rows: {counts[0]} / {counts[1]}",
    ]


def test_no_two_boxes_stand_on_each_other() -> None:
    figure = tree_figure(grow_tree(*made(), max_depth=5))
    figure.draw_without_rendering()
    patches = [text.get_bbox_patch() for text in figure.axes[0].texts if "\n" in text.get_text()]
    extents = [patch.get_window_extent() for patch in patches if patch is not None]

    assert len(extents) > 20
    assert not any(one.overlaps(other) for at, one in enumerate(extents) for other in extents[:at])


def test_a_large_tree_is_drawn_as_far_as_it_can_be_read_and_says_what_is_left_out() -> None:
    tree = grow_tree(*made(2_000))

    drawn = boxes(tree)

    assert len(tree.feature) > MOST_BOXES >= len(drawn)
    assert any("further questions left out" in text for text in drawn)
    assert f"{len(tree.feature) - len(drawn)} boxes further down left out" in tree_svg(tree)
    assert len(boxes(tree, max_depth=1)) == 3


def test_a_tree_that_asks_nothing_is_one_box() -> None:
    assert boxes(grow_tree(np.zeros((3, 4)), np.zeros(3, dtype=int))) == ["class 0\ngini 0.000\n3 rows: 3"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_model_gives_the_same_file(tmp_path: Path, suffix: str) -> None:
    tree, line = grow_tree(*made(), max_depth=3), fit_logistic(*made())
    for save in (partial(save_tree, tree), partial(save_descent, line)):
        files = [save(tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab"]

        assert files[0] == files[1]
        assert files[0].startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_the_descent_says_where_the_cost_ended_and_ranks_the_features() -> None:
    model = fit_logistic(*made(), learning_rate=0.3, n_iterations=50)

    text = descent_svg(model, ["age", "days", "visits", "spent"])

    assert f"{model.costs[-1]:.4g} after 50 steps, not settled yet" in text
    named = re.findall(r">\s*(age|days|visits|spent)\s*<", text)
    assert named[-1] == "age"  # the heaviest is on top, and written last
