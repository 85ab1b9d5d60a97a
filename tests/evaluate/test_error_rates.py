import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telltale.evaluate.error_rates import equal_error_rate

ROWS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=60)


def walked(labels: list[int], scores: list[float]) -> float:
    """The plain way: walk the thresholds downwards, and cross the two lines between the last two points."""
    genuine = [score for label, score in zip(labels, scores, strict=True) if label == 1]
    impostors = [score for label, score in zip(labels, scores, strict=True) if label == 0]
    far, frr = 0.0, 1.0
    for threshold in sorted(set(scores), reverse=True):
        new_far = sum(score >= threshold for score in impostors) / len(impostors)
        new_frr = sum(score < threshold for score in genuine) / len(genuine)
        if new_far >= new_frr:
            # far + t (new_far - far) = frr + t (new_frr - frr)
            t = (frr - far) / ((new_far - far) - (new_frr - frr))
            return far + t * (new_far - far)
        far, frr = new_far, new_frr
    raise AssertionError


@given(rows=ROWS)
def test_the_rate_is_where_far_and_frr_cross(rows: list[tuple[int, float]]) -> None:
    labels, scores = [label for label, _ in rows], [score for _, score in rows]

    found = equal_error_rate(np.array(labels, dtype=np.int8), np.array(scores))

    if set(labels) == {0, 1}:
        assert found == pytest.approx(walked(labels, scores), abs=1e-12)
        assert 0.0 <= found <= 1.0
    else:
        assert np.isnan(found)


def test_scores_that_say_nothing_are_wrong_half_of_the_time() -> None:
    labels = np.array([0, 1] * 50, dtype=np.int8)

    assert equal_error_rate(labels, np.zeros(100)) == 0.5


def test_scores_that_keep_both_apart_are_never_wrong() -> None:
    assert equal_error_rate(np.array([0, 0, 1], dtype=np.int8), np.array([0.1, 0.2, 0.9])) == 0.0


def test_normal_scores_cross_where_theory_says() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1], dtype=np.int8), 200_000)

    found = equal_error_rate(labels, rng.normal(size=400_000) + 2.0 * labels)

    assert found == pytest.approx(0.15866, abs=0.002)  # the normal tail beyond one deviation
