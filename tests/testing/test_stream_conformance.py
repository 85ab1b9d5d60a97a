import pytest

from telltale.contract.stream import StreamEstimator
from telltale.models.estimators import estimator_named, estimators
from telltale.testing import stream_checks
from telltale.testing.cases import cases
from telltale.testing.stream_checks import STREAM_CHECKS, StreamCheck

ADAPTING: dict[str, StreamEstimator] = {
    name: estimator_named(name) for name, one in estimators().items() if one.traits.adapts
}
# These measure time, or fit in another process.
SLOW = (stream_checks.check_bounded, stream_checks.check_same_seed_same_parts)


@pytest.mark.parametrize(("estimator", "check"), cases(ADAPTING, STREAM_CHECKS, slow=SLOW))
def test_estimator_keeps_its_promise(estimator: StreamEstimator, check: StreamCheck) -> None:
    check(estimator)


def test_every_stream_check_is_listed_and_states_its_promise() -> None:
    written = {
        name: check
        for name, check in vars(stream_checks).items()
        if name.startswith("check_") and check.__module__ == stream_checks.__name__
    }

    assert ADAPTING
    assert set(written) == {check.__name__ for check in STREAM_CHECKS}
    assert all(check.__doc__ for check in written.values())
