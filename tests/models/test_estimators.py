import pytest

from telltale.contract.errors import UsageError
from telltale.models.estimators import estimator_named, estimators


def test_every_estimator_is_found_by_its_own_name() -> None:
    found = estimators()

    assert {"isolation_forest", "robust_z"} <= found.keys()
    assert all(name == estimator.name for name, estimator in found.items())


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"isolation_forest, .*robust_z"):
        estimator_named("crystal_ball")
