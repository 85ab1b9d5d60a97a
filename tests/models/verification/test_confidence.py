import numpy as np

from telltale.models.verification.confidence import confidence_of, fit_confidence


def test_confidence_is_the_share_of_genuine_scores_where_both_are_as_likely() -> None:
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.ones(20_000), np.zeros(2_000)]).astype(np.int8)
    scores = np.where(labels == 1, rng.normal(1.0, 1.0, len(labels)), rng.normal(-1.0, 1.0, len(labels)))

    fitted = fit_confidence(scores, labels)

    # Two normals of one spread, two apart: the log odds are twice the score, whatever the numbers of each.
    assert np.allclose(fitted, [2.0, 0.0], atol=0.1)
    assert confidence_of(0.0, fitted) in {49, 50, 51}


def test_classes_that_lie_apart_give_a_finite_curve_that_rises() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1], dtype=np.int8)
    scores = np.array([-3.0, -2.5, -2.0, 2.0, 2.5, 3.0])

    fitted = fit_confidence(scores, labels)

    assert np.isfinite(fitted).all()
    assert [confidence_of(score, fitted) for score in (-9e9, -2.5, 2.5, 9e9)] == sorted(
        confidence_of(score, fitted) for score in (-9e9, -2.5, 2.5, 9e9)
    )
    assert confidence_of(-9e9, fitted) == 0
    assert confidence_of(9e9, fitted) == 100


def test_scores_that_say_nothing_give_even_odds() -> None:
    fitted = fit_confidence(np.zeros(10), np.array([0, 1] * 5, dtype=np.int8))

    assert confidence_of(0.0, fitted) == 50
