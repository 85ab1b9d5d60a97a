import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telltale.models.choice_tree import Fork, Leaf, grow_choice_tree, leaf_of, tree_choices


def test_a_cut_is_put_where_choices_part() -> None:
    values = np.linspace(0.0, 1.0, 100)[:, None]
    regrets = np.where(values < 0.3, [[0.0, 1.0]], [[1.0, 0.0]])

    tree = grow_choice_tree(values, regrets, most_leaves=6, least_rows=5)

    assert isinstance(tree, Fork)
    assert (tree.low, tree.high) == (Leaf(0), Leaf(1))  # no more is to be saved
    assert 0.29 < tree.cut < 0.31


def test_a_split_that_saves_nothing_or_leaves_too_few_rows_is_none() -> None:
    values = np.linspace(0.0, 1.0, 100)[:, None]
    regrets = np.where(values < 0.03, [[0.0, 1.0]], [[1.0, 0.0]])

    assert grow_choice_tree(values, regrets, most_leaves=1, least_rows=1) == Leaf(1)
    assert grow_choice_tree(values, np.tile([[0.0, 1.0]], (100, 1)), most_leaves=6, least_rows=1) == Leaf(0)
    few = grow_choice_tree(values, regrets, most_leaves=2, least_rows=10)
    assert tree_choices(few, values)[10:].tolist() == [1] * 90


@given(seed=st.integers(0, 1_000), leaves=st.integers(1, 5))
def test_more_leaves_never_cost_more_where_they_were_grown(seed: int, leaves: int) -> None:
    rng = np.random.default_rng(seed)
    values, regrets = rng.normal(size=(60, 2)), rng.random((60, 3))

    fewer, more = (
        regrets[
            np.arange(60), tree_choices(grow_choice_tree(values, regrets, most_leaves=n, least_rows=3), values)
        ].sum()
        for n in (leaves, leaves + 1)
    )

    assert more <= fewer + 1e-9


def test_one_row_goes_where_many_go() -> None:
    rng = np.random.default_rng(0)
    values, regrets = rng.normal(size=(80, 1)), rng.random((80, 3))
    tree = grow_choice_tree(values, regrets, most_leaves=5, least_rows=3)

    assert [leaf_of(tree, float(value)) for value in values[:, 0]] == tree_choices(tree, values).tolist()
