import pytest

from telltale.contract.estimator import Estimator
from telltale.models.estimators import estimator_named, estimators
from telltale.testing import estimator_checks
from telltale.testing.cases import cases
from telltale.testing.estimator_checks import ESTIMATOR_CHECKS, EstimatorCheck

SCORING: dict[str, Estimator] = {
    name: estimator_named(name) for name, one in estimators().items() if one.kind == "score" and not one.traits.adapts
}


# These measure time, or fit in another process.
SLOW = (
    estimator_checks.check_bounded,
    estimator_checks.check_same_seed_same_scores_in_another_process,
    estimator_checks.check_whatever_tuning_may_choose_can_be_fitted,
)


@pytest.mark.parametrize(("estimator", "check"), cases(SCORING, ESTIMATOR_CHECKS, slow=SLOW))
def test_estimator_keeps_its_promise(estimator: Estimator, check: EstimatorCheck) -> None:
    check(estimator)


def test_every_estimator_check_is_listed_and_states_its_promise() -> None:
    written = {
        name: check
        for name, check in vars(estimator_checks).items()
        if name.startswith("check_") and check.__module__ == estimator_checks.__name__
    }

    assert set(written) == {check.__name__ for check in ESTIMATOR_CHECKS}
    assert all(check.__doc__ for check in written.values())
