import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from telltale.evaluate.segment_metrics import adjusted_rand_index, segment_metrics

Divisions = tuple[list[int], list[int]]


@st.composite
def divisions(draw: st.DrawFn) -> Divisions:
    n = draw(st.integers(2, 40))
    one, other = (draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)) for _ in range(2))
    return one, other


@given(divisions())
def test_agreement_beyond_chance_is_what_scikit_learn_says(both: Divisions) -> None:
    one, other = (np.array(labels) for labels in both)

    assert adjusted_rand_index(one, other) == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)


@given(divisions())
def test_agreement_does_not_depend_on_the_order_of_the_two_or_on_numbering(both: Divisions) -> None:
    one, other = (np.array(labels) for labels in both)

    assert adjusted_rand_index(one, other) == pytest.approx(adjusted_rand_index(other, 4 - one), abs=1e-12)


def blobs(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    which = rng.integers(0, 3, n)
    return which, np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[which] + rng.normal(size=(n, 2))


def test_the_same_division_every_time_is_stable_and_chance_is_not() -> None:
    which, features = blobs()
    rng = np.random.default_rng(1)

    same = segment_metrics(which, [which, 2 - which], features, n_segments=3)["bootstrap_ari"]
    chance = segment_metrics(which, [rng.permutation(which) for _ in range(5)], features, n_segments=3)["bootstrap_ari"]

    assert same.value == same.low == same.high == 1.0
    assert same.n == 300
    assert abs(chance.value) < 0.05
    assert chance.low <= chance.value <= chance.high


def test_segments_far_apart_have_a_higher_silhouette_than_a_random_division() -> None:
    which, features = blobs()
    random = np.random.default_rng(1).permutation(which)

    apart = segment_metrics(which, [which], features, n_segments=3)["silhouette"]
    mixed = segment_metrics(random, [random], features, n_segments=3)["silhouette"]

    assert apart.value > 0.5
    assert mixed.value < 0.1


def test_an_empty_segment_is_the_smallest() -> None:
    which, features = blobs()

    assert segment_metrics(which, [which], features, n_segments=4)["smallest_share"].value == 0.0
    assert segment_metrics(which, [which], features, n_segments=3)["smallest_share"].value > 0.25


def test_no_rows_define_no_figure() -> None:
    none = segment_metrics(np.empty(0, np.int64), [], np.empty((0, 2)), n_segments=3)

    assert all(np.isnan(measured.value) and measured.n == 0 for measured in none.values())
