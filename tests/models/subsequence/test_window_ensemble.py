import numpy as np
import pytest

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts
from telltale.models.outliers.surprise import rarity
from telltale.models.window_ensemble import ESTIMATOR, MEMBERS

from .windows_made import swinging, windows_of


def test_of_new_normal_windows_a_tenth_score_above_one_and_one_in_a_hundred_above_two() -> None:
    fitted, fresh = windows_of(swinging(4_000, seed=0)), windows_of(swinging(4_000, seed=1))

    scores = ESTIMATOR.load(ESTIMATOR.fit(fitted, labels=None, parameters=ESTIMATOR.defaults, seed=0)).score(fresh)

    assert 0.07 < (scores > 1.0).mean() < 0.13
    assert 0.005 < (scores > 2.0).mean() < 0.02


def test_the_score_is_how_rare_the_mean_of_members_fitted_alone_is_each_in_usual_ones() -> None:
    fitted, fresh = windows_of(swinging(1_000, seed=0)), windows_of(swinging(100, seed=1) + 0.5)
    parts = ESTIMATOR.fit(fitted, labels=None, parameters=ESTIMATOR.defaults, seed=0)

    found = ESTIMATOR.load(parts).score(fresh)

    alone = []
    for place, member in enumerate(MEMBERS):
        own = {name: value for name, value in ESTIMATOR.defaults.items() if name in member.defaults}
        scores = member.load(member.fit(fitted, labels=None, parameters=own, seed=0)).score(fresh)
        alone.append(scores / parts.arrays["usual"][place])
    assert np.allclose(found, rarity(np.mean(alone, axis=0), parts.arrays["together"]), rtol=1e-4)


def test_parts_that_do_not_say_what_is_usual_are_refused() -> None:
    parts = ESTIMATOR.fit(windows_of(swinging(200, seed=0)), labels=None, parameters=ESTIMATOR.defaults, seed=0)

    with pytest.raises(BundleError, match="what is usual"):
        ESTIMATOR.load(Parts(onnx=parts.onnx))
