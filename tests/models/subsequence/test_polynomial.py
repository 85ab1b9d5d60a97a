import numpy as np
import pytest

from telltale.models.subsequence.polynomial import foretelling, usual_errors
from telltale.models.subsequence.windows import WindowScale

SEQUENCE, K = 12, 2
SCALE = WindowScale(centre=np.zeros(SEQUENCE * K), factor=np.ones(SEQUENCE * K), sequence=SEQUENCE)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_errors_are_those_of_least_squares_with_one_row_more_that_holds_the_constant(degree: int) -> None:
    window = np.random.default_rng(0).normal(size=(SEQUENCE, K))

    found = (window.reshape(1, -1) @ foretelling(SCALE, degree=degree)).reshape(2, K)

    powers = np.vander(np.linspace(-1, 1, SEQUENCE), degree + 1)
    held = np.vstack([powers[:-2], np.eye(degree + 1)[-1]])
    weights = np.linalg.lstsq(held, np.vstack([window[:-2], np.zeros(K)]), rcond=None)[0]
    assert np.allclose(found, window[-2:] - powers[-2:] @ weights)


def test_a_straight_course_is_hardly_an_error_and_its_break_is() -> None:
    course = np.repeat(np.linspace(-1.0, 1.0, SEQUENCE)[:, None], K, axis=1)
    broken = course.copy()
    broken[-1, 1] += 3.0
    errors_of = foretelling(SCALE, degree=1)

    errors = course.reshape(1, -1) @ errors_of
    apart = (broken.reshape(1, -1) @ errors_of - errors).reshape(2, K)

    assert np.abs(errors).max() < 0.1
    assert apart.round(6).tolist() == [[0.0, 0.0], [0.0, 3.0]]


def test_no_error_is_taken_to_be_usually_much_smaller_than_all_are() -> None:
    assert usual_errors(np.array([[1.0, 0.0], [-3.0, 0.0]])).tolist() == pytest.approx([2.0, 0.1 * np.sqrt(2.0)])
    assert (usual_errors(np.zeros((3, 2))) > 0).all()
